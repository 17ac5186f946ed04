//! Checks of a changefeed's settings against the upstream and the sink, in the order clients know.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::tz::TimeZone;
use tidegate_api::{EventFilter, Findings, ReplicaConfig, SinkUri};
use tidegate_model::{CdcError, ErrorCode, Result, Ts};
use tidegate_upstream::{TableSummary, UpstreamInfo};

use super::ReplicationService;
use crate::owner::FeedInfo;
use crate::selector::FeedFilter;

impl ReplicationService {
    /// Checks the settings of `info` and adjusts them, in the order clients know: the members themselves, the filter
    /// and the tables of the upstream, what depends on the kind of sink, what is not built, and last the destination
    /// itself, to which it connects. Creation, update and validation all come here.
    ///
    /// Where all findings are wanted, the destination is asked only when nothing is wrong with how it is described.
    ///
    /// # Errors
    /// The first finding, where `findings` ends at it.
    pub(super) async fn check_settings(
        &self,
        info: &mut FeedInfo,
        at: Ts,
        findings: &mut Findings,
    ) -> Result<()> {
        let Some(uri) = findings.take("/sink_uri", SinkUri::parse(&info.sink_uri))? else {
            // The tables have their faults whatever the destination is.
            return self.check_filter(&info.config, findings).await;
        };
        info.config.check(&uri, findings)?;
        self.check_filter(&info.config, findings).await?;
        info.config.check_topics(&uri, findings)?;
        info.config.check_scheme(&uri, findings)?;
        info.config.check_support(Some(&uri), findings)?;
        info.config.check_destination(&uri, findings)?;
        if findings.stays_offline() || findings.has_error_below(&["/sink_uri", "/replica_config/sink"]) {
            return Ok(());
        }
        findings.take("/sink_uri", self.check_sink(info, &uri, at).await)?;
        Ok(())
    }

    /// Checks the filter, and what it means for the tables of the upstream.
    async fn check_filter(&self, config: &ReplicaConfig, findings: &mut Findings) -> Result<()> {
        const FILTER: &str = "/replica_config/filter";
        let filter = match FeedFilter::new(config, &self.env.zone) {
            Ok(filter) => filter,
            Err(error) => return findings.error(filter_pointer(config, &self.env.zone), error),
        };
        let Some(tables) = findings.take("", self.read_tables().await)? else {
            return Ok(());
        };
        let expressions = self.check_expressions(&filter, config, &tables).await;
        findings.take("/replica_config/filter/event_filters", expressions)?;
        let ineligible = ineligible(&filter, config, &tables);
        if ineligible.is_empty() {
            // Nothing to say.
        } else if config.ignore_ineligible_table {
            let text = format!(
                "tables without a usable key are left out: [{}]",
                ineligible.join(" ")
            );
            findings.warning(FILTER, ErrorCode::TableIneligible, text);
        } else {
            findings.error(FILTER, refusal_of(&ineligible))?;
        }
        warn_of_cascades(&filter, config, &tables);
        Ok(())
    }

    /// Connects to the destination, and makes sure that it is not the upstream.
    async fn check_sink(&self, info: &FeedInfo, uri: &SinkUri, at: Ts) -> Result<()> {
        let upstream = if uri.kind().is_database() {
            self.env.upstream.probe().await?
        } else {
            UpstreamInfo::default()
        };
        if uri.kind().is_database() && is_same_address(&upstream.address, uri) {
            return Err(same_server());
        }
        let destination = self.env.sinks.check(self.env.sink_spec(info, at)?).await?;
        let server_name = destination.server_name.filter(|name| !name.is_empty());
        if server_name.is_some_and(|name| name == upstream.server_name) {
            return Err(same_server());
        }
        Ok(())
    }

    /// Binds every value expression to each table that it applies to.
    ///
    /// # Errors
    /// `ExpressionColumnNotFound`, `InvalidFilterExpression`, and those of the upstream.
    pub(super) async fn check_expressions(
        &self,
        filter: &FeedFilter,
        config: &ReplicaConfig,
        tables: &[TableSummary],
    ) -> Result<()> {
        let concerned = tables.iter().filter(|table| {
            let name = &table.name;
            filter.selects(table)
                && is_replicated(table, config)
                && filter.events().has_expression(&name.schema, &name.table)
        });
        let names: Vec<_> = concerned.map(|table| table.name.clone()).collect();
        if names.is_empty() {
            return Ok(());
        }
        for info in self.env.upstream.table_infos(names).await? {
            filter.events().table_rules(&Arc::new(info))?;
        }
        Ok(())
    }
}

/// A changefeed into the database it reads from would read what it wrote, for ever.
fn same_server() -> CdcError {
    CdcError::new(
        ErrorCode::SameUpstreamDownstream,
        "the sink is the upstream database itself: what is written there would be read again",
    )
}

/// Whether the sink's URI leads to `upstream`, a `host:port`. Says so before anybody logs in there.
fn is_same_address(upstream: &str, sink: &SinkUri) -> bool {
    upstream.rsplit_once(':').is_some_and(|(host, port)| {
        port.parse() == Ok(sink.database_port()) && host_name(host) == host_name(sink.host())
    })
}

/// One name for all names of this machine.
fn host_name(host: &str) -> String {
    let host = host.trim_matches(['[', ']']).to_lowercase();
    let is_local = host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if is_local { "localhost".to_owned() } else { host }
}

/// The entry of the filter that cannot be used, or the filter as a whole.
fn filter_pointer(config: &ReplicaConfig, zone: &TimeZone) -> String {
    let stands_alone = |change: &dyn Fn(&mut ReplicaConfig)| {
        let mut alone = ReplicaConfig {
            case_sensitive: config.case_sensitive,
            ..ReplicaConfig::default()
        };
        change(&mut alone);
        FeedFilter::new(&alone, zone).is_ok()
    };
    const PLACE: &str = "/replica_config/filter";
    let filter = &config.filter;
    let rule_stands = |rule: &String| stands_alone(&|alone| alone.filter.rules = vec![rule.clone()]);
    if let Some(index) = filter.rules.iter().position(|rule| !rule_stands(rule)) {
        return format!("{PLACE}/rules/{index}");
    }
    let event_stands =
        |entry: &EventFilter| stands_alone(&|alone| alone.filter.event_filters = vec![entry.clone()]);
    for (index, entry) in filter.event_filters.iter().enumerate() {
        if !event_stands(entry) {
            let member = wrong_member(entry, event_stands).unwrap_or_default();
            return format!("{PLACE}/event_filters/{index}{member}");
        }
    }
    PLACE.to_owned()
}

/// The member without which an event filter that does not stand would: `/` and its name.
fn wrong_member(entry: &EventFilter, stands: impl Fn(&EventFilter) -> bool) -> Option<&'static str> {
    let with_matcher = EventFilter {
        matcher: entry.matcher.clone(),
        ..EventFilter::default()
    };
    if !stands(&with_matcher) {
        return Some("/matcher");
    }
    type Member = (&'static str, fn(&mut EventFilter));
    let without: [Member; 6] = [
        ("/ignore_event", |entry| entry.ignore_event = None),
        ("/ignore_sql", |entry| entry.ignore_sql = None),
        ("/ignore_insert_value_expr", |entry| {
            entry.ignore_insert_value_expr.clear()
        }),
        ("/ignore_update_new_value_expr", |entry| {
            entry.ignore_update_new_value_expr.clear()
        }),
        ("/ignore_update_old_value_expr", |entry| {
            entry.ignore_update_old_value_expr.clear()
        }),
        ("/ignore_delete_value_expr", |entry| {
            entry.ignore_delete_value_expr.clear()
        }),
    ];
    // Several may be wrong. From behind: what makes the rest stand is the first of them, and the one that is told.
    let mut rest = entry.clone();
    let wrong = without.iter().rev().find(|(_, clear)| {
        clear(&mut rest);
        stands(&rest)
    });
    wrong.map(|(name, _)| *name)
}

/// Names of the tables inside the filter that cannot be replicated.
fn ineligible(filter: &FeedFilter, config: &ReplicaConfig, tables: &[TableSummary]) -> Vec<String> {
    let selected = tables.iter().filter(|table| filter.selects(table));
    selected
        .filter(|table| !is_replicated(table, config))
        .map(|table| table.name.to_string())
        .collect()
}

fn refusal_of(ineligible: &[String]) -> CdcError {
    CdcError::new(
        ErrorCode::TableIneligible,
        format_args!(
            "some tables are not eligible to replicate([{}]), if you want to ignore these tables, please set \
             ignore_ineligible_table to true",
            ineligible.join(" ")
        ),
    )
}

/// Logs the foreign keys by which rows of replicated tables change without the changefeed seeing it. The API shows those
/// of all tables among the upstream's warnings.
pub(super) fn warn_of_cascades(filter: &FeedFilter, config: &ReplicaConfig, tables: &[TableSummary]) {
    let selected = tables.iter().filter(|table| filter.selects(table));
    for table in selected.filter(|table| is_replicated(table, config)) {
        for rule in &table.cascades {
            tracing::warn!(
                table = %table.name, rule,
                "rows that a foreign key changes are not in the binlog and are not replicated"
            );
        }
    }
}

/// Whether rows of the table reach the sink.
pub(super) fn is_replicated(table: &TableSummary, config: &ReplicaConfig) -> bool {
    table.unsupported.is_none() && (table.eligible || config.force_replicate)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A URI without a port once counted as port 3306, while the sink connects to 4000.
    #[test]
    fn the_upstream_is_known_by_all_its_local_names() {
        let check = |upstream: &str, sink: &str, expect: bool| {
            let uri = SinkUri::parse(sink).expect("a URI");
            assert_eq!(is_same_address(upstream, &uri), expect, "{upstream} {sink}");
        };
        check("127.0.0.1:3306", "mysql://localhost:3306/", true);
        check("LOCALHOST:3306", "mysql://[::1]:3306/", true);
        check("[::1]:3306", "mysql://127.0.0.2:3306/", true);
        check("db:4000", "tidb://DB/", true);
        check("db:3306", "mysql://db/", false);
        check("db:3306", "mysql://db2:3306/", false);
    }

    #[test]
    fn a_fault_of_the_filter_is_told_at_its_member() {
        let check = |filter: &str, place: &str| {
            let config = ReplicaConfig {
                filter: serde_json::from_str(filter).expect("a filter"),
                ..ReplicaConfig::default()
            };
            let found = filter_pointer(&config, &TimeZone::UTC);
            assert_eq!(found, format!("/replica_config/filter{place}"));
        };
        check(
            r#"{"rules":["a.*","["],"ignore_txn_start_ts":[],"event_filters":[]}"#,
            "/rules/1",
        );
        let event = |members: &str, place: &str| {
            check(
                &format!(r#"{{"rules":[],"event_filters":[{{"matcher":["a.*"]}},{{{members}}}]}}"#),
                &format!("/event_filters/1{place}"),
            );
        };
        event(r#""matcher":["["]"#, "/matcher");
        event(r#""matcher":["a.*"],"ignore_event":["inserts"]"#, "/ignore_event");
        event(
            r#""matcher":["a.*"],"ignore_sql":["("],"ignore_delete_value_expr":"id =""#,
            "/ignore_sql",
        );
        event(
            r#""matcher":["a.*"],"ignore_update_new_value_expr":"id = ""#,
            "/ignore_update_new_value_expr",
        );
    }
}
