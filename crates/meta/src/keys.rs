//! The key layout of the original's etcd, so that moving to an etcd is a copy.

use tidegate_model::ChangefeedId;

/// The cluster id a server has unless it is given another one.
pub const DEFAULT_CLUSTER_ID: &str = "default";

/// Everything of a cluster lies below this prefix.
pub fn cluster(cluster_id: &str) -> String {
    format!("/tidb/cdc/{cluster_id}/")
}

/// Description of a changefeed: JSON with kebab-case keys.
pub fn changefeed_info(cluster_id: &str, id: &ChangefeedId) -> String {
    format!(
        "{}{}/changefeed/info/{}",
        cluster(cluster_id),
        id.namespace,
        id.id
    )
}

/// Checkpoint of a changefeed: JSON.
pub fn changefeed_status(cluster_id: &str, id: &ChangefeedId) -> String {
    format!(
        "{}{}/changefeed/status/{}",
        cluster(cluster_id),
        id.namespace,
        id.id
    )
}

/// Registration of a running server: JSON.
pub fn capture(cluster_id: &str, capture_id: &str) -> String {
    format!("{}{capture_id}", captures(cluster_id))
}

/// Prefix of all registrations.
pub fn captures(cluster_id: &str) -> String {
    format!("{}__cdc_meta__/capture/", cluster(cluster_id))
}

/// The changefeed that an info key belongs to; `None` for every other key.
pub fn parse_changefeed_info(cluster_id: &str, key: &str) -> Option<ChangefeedId> {
    parse_changefeed(cluster_id, key, "/changefeed/info/")
}

/// The changefeed that a status key belongs to; `None` for every other key.
pub fn parse_changefeed_status(cluster_id: &str, key: &str) -> Option<ChangefeedId> {
    parse_changefeed(cluster_id, key, "/changefeed/status/")
}

fn parse_changefeed(cluster_id: &str, key: &str, middle: &str) -> Option<ChangefeedId> {
    let rest = key.strip_prefix(&cluster(cluster_id))?;
    let (namespace, id) = rest.split_once(middle)?;
    let plain = !namespace.is_empty() && !namespace.contains('/') && !id.is_empty() && !id.contains('/');
    plain.then(|| ChangefeedId::new(namespace, id))
}

/// Whether a key is that of a checkpoint, in any cluster.
pub(crate) fn is_checkpoint(key: &str) -> bool {
    key.contains("/changefeed/status/")
}

/// `namespace/id` of the changefeed that an info key of any cluster belongs to.
pub(crate) fn changefeed_of(key: &str) -> Option<String> {
    let (before, id) = key.split_once("/changefeed/info/")?;
    let (_, namespace) = before.rsplit_once('/')?;
    Some(format!("{namespace}/{id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_published_layout() {
        let id = ChangefeedId::new("default", "orders");
        assert_eq!(
            changefeed_info("default", &id),
            "/tidb/cdc/default/default/changefeed/info/orders"
        );
        assert_eq!(
            changefeed_status("c2", &id),
            "/tidb/cdc/c2/default/changefeed/status/orders"
        );
        assert_eq!(
            capture("default", "7f"),
            "/tidb/cdc/default/__cdc_meta__/capture/7f"
        );
    }

    #[test]
    fn only_info_keys_name_a_changefeed() {
        let id = ChangefeedId::new("ns", "orders");
        assert_eq!(
            parse_changefeed_info("default", &changefeed_info("default", &id)),
            Some(id.clone())
        );
        assert_eq!(
            parse_changefeed_status("default", &changefeed_status("default", &id)),
            Some(id.clone())
        );
        assert_eq!(
            parse_changefeed_status("default", &changefeed_info("default", &id)),
            None
        );
        for other in [
            changefeed_status("default", &id),
            capture("default", "7f"),
            changefeed_info("other", &id),
            "/tidb/cdc/default/a/b/changefeed/info/x".to_owned(),
        ] {
            assert_eq!(parse_changefeed_info("default", &other), None, "{other}");
        }
    }
}
