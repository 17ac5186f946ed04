//! Leaving out what a kind of sink cannot use, as the original does when it shows a stored config.

use super::ReplicaConfig;
use crate::sink_uri::Scheme;

impl ReplicaConfig {
    /// The config as GET shows it for a sink of `scheme`. The answer to a create shows the whole config instead.
    #[must_use]
    pub fn pruned(&self, scheme: Scheme) -> ReplicaConfig {
        let mut config = self.clone();
        if scheme == Scheme::Blackhole {
            return config;
        }
        if scheme.is_mq() {
            let is_avro = config.sink.protocol.as_deref() == Some("avro");
            config.sink.schema_registry = config.sink.schema_registry.filter(|_| is_avro);
        } else {
            config.drop_mq_members();
        }
        if !scheme.is_storage() {
            config.drop_storage_members();
        }
        if scheme.is_database() {
            config.sink.protocol = None;
            config.sink.terminator = None;
        } else {
            config.drop_database_members();
        }
        config
    }

    fn drop_mq_members(&mut self) {
        let sink = &mut self.sink;
        sink.dispatchers.clear();
        sink.schema_registry = None;
        sink.encoder_concurrency = None;
        sink.enable_kafka_sink_v2 = None;
        sink.only_output_updated_columns = None;
        sink.delete_only_output_handle_key_columns = None;
        sink.content_compatible = None;
        sink.kafka_config = None;
    }

    fn drop_storage_members(&mut self) {
        let sink = &mut self.sink;
        sink.csv = None;
        sink.date_separator = None;
        sink.enable_partition_separator = None;
        sink.file_index_width = None;
        sink.cloud_storage_config = None;
    }

    fn drop_database_members(&mut self) {
        self.enable_sync_point = None;
        self.bdr_mode = None;
        self.sync_point_interval = None;
        self.sync_point_retention = None;
        self.consistent = None;
        self.sink.safe_mode = None;
        self.sink.mysql_config = None;
    }
}
