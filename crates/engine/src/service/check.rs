//! Checks of a changefeed's settings against the upstream and the sink, in the order clients know.

use tidegate_api::{ReplicaConfig, SinkUri};
use tidegate_filter::TableFilter;
use tidegate_model::{CdcError, ErrorCode, Result, Ts};
use tidegate_upstream::TableSummary;

use super::ReplicationService;
use crate::owner::FeedInfo;
use crate::{selector, unsupported};

/// Names of this machine; the upstream may be known by another one than the sink.
const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

impl ReplicationService {
    /// The URI and the adjusted config of a changefeed, if both are well-formed and everything in them is built.
    pub(super) fn check_settings(
        &self,
        sink_uri: &str,
        mut config: ReplicaConfig,
    ) -> Result<(SinkUri, ReplicaConfig)> {
        let uri = SinkUri::parse(sink_uri)?;
        if uri.password() == Some("xxxxx") || uri.params().any(|(_, value)| value == "xxxxx") {
            return Err(CdcError::new(
                ErrorCode::SinkURIInvalid,
                "sink uri invalid: a secret in it is only a mask: give the secret itself",
            ));
        }
        config.adjust(&uri)?;
        unsupported::check(&uri, &config)?;
        Ok((uri, config))
    }

    /// Checks the filter against the upstream's tables, and then the destination itself.
    pub(super) async fn check_targets(&self, info: &FeedInfo, uri: &SinkUri, at: Ts) -> Result<()> {
        let filter = selector::filter(&info.config)?;
        let tables = self.read_tables().await?;
        refuse_ineligible(&filter, &info.config, &tables)?;
        warn_of_cascades(&filter, &info.config, &tables);
        self.refuse_same_server(uri).await?;
        self.env.sinks.check(self.env.sink_spec(info, at)?).await
    }

    /// A changefeed into the database it reads from would read what it wrote, for ever.
    async fn refuse_same_server(&self, uri: &SinkUri) -> Result<()> {
        if !uri.kind().is_database() {
            return Ok(());
        }
        let upstream = self.env.upstream.probe().await?;
        let sink = address(uri.host(), uri.port().unwrap_or(3306));
        let same = upstream
            .address
            .rsplit_once(':')
            .is_some_and(|(host, port)| port.parse().is_ok_and(|port: u16| address(host, port) == sink));
        if same {
            return Err(CdcError::new(
                ErrorCode::SameUpstreamDownstream,
                "the sink is the upstream database itself: what is written there would be read again",
            ));
        }
        Ok(())
    }
}

fn address(host: &str, port: u16) -> (String, u16) {
    let host = host.to_lowercase();
    let host = if LOCAL_NAMES.contains(&host.as_str()) {
        "localhost".to_owned()
    } else {
        host
    };
    (host, port)
}

/// Refuses tables inside the filter that have no key, unless the config says what to do with them.
fn refuse_ineligible(filter: &TableFilter, config: &ReplicaConfig, tables: &[TableSummary]) -> Result<()> {
    if config.ignore_ineligible_table {
        return Ok(());
    }
    let selected = tables
        .iter()
        .filter(|table| filter.matches_table(&table.name.schema, &table.name.table));
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
pub(super) fn warn_of_cascades(filter: &TableFilter, config: &ReplicaConfig, tables: &[TableSummary]) {
    let selected = tables
        .iter()
        .filter(|table| filter.matches_table(&table.name.schema, &table.name.table));
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
