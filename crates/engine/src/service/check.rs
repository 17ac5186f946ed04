//! Checks of a changefeed's settings against the upstream and the sink, in the order clients know.

use std::net::IpAddr;
use std::sync::Arc;

use tidegate_api::{ReplicaConfig, SinkUri};
use tidegate_model::{CdcError, ErrorCode, Result, Ts};
use tidegate_upstream::{TableSummary, UpstreamInfo};

use super::ReplicationService;
use crate::owner::FeedInfo;
use crate::selector::FeedFilter;
use crate::unsupported;

impl ReplicationService {
    /// The URI and the adjusted config of a changefeed, if both are well-formed and everything in them is built.
    pub(super) fn check_settings(
        &self,
        sink_uri: &str,
        mut config: ReplicaConfig,
    ) -> Result<(SinkUri, ReplicaConfig)> {
        let uri = SinkUri::parse(sink_uri)?;
        config.adjust(&uri)?;
        unsupported::check(Some(&uri), &config)?;
        Ok((uri, config))
    }

    /// Checks the filter against the upstream's tables, and then the destination itself.
    pub(super) async fn check_targets(&self, info: &FeedInfo, uri: &SinkUri, at: Ts) -> Result<()> {
        let filter = FeedFilter::new(&info.config, &self.env.zone)?;
        let tables = self.read_tables().await?;
        self.check_expressions(&filter, &info.config, &tables).await?;
        refuse_ineligible(&filter, &info.config, &tables)?;
        warn_of_cascades(&filter, &info.config, &tables);
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

/// Refuses tables inside the filter that have no key, unless the config says what to do with them.
fn refuse_ineligible(filter: &FeedFilter, config: &ReplicaConfig, tables: &[TableSummary]) -> Result<()> {
    if config.ignore_ineligible_table {
        return Ok(());
    }
    let selected = tables.iter().filter(|table| filter.selects(table));
    let bad: Vec<String> = selected
        .filter(|table| !is_replicated(table, config))
        .map(|table| table.name.to_string())
        .collect();
    if bad.is_empty() {
        return Ok(());
    }
    Err(CdcError::new(
        ErrorCode::TableIneligible,
        format_args!(
            "some tables are not eligible to replicate([{}]), if you want to ignore these tables, please set \
             ignore_ineligible_table to true",
            bad.join(" ")
        ),
    ))
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
}
