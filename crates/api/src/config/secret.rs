//! Secrets of a config: hiding them, and taking them back when a hidden one returns.

use serde_json::Value;
use tidegate_model::mask_uri;

use super::ReplicaConfig;
use crate::sink_uri::{MASK, unmask_uri};

/// What stands in for a secret that is no URI.
const STARS: &str = "******";
/// Members of `pulsar_config` that hold secrets.
const PULSAR_SECRETS: [&str; 3] = ["authentication-token", "basic-password", "oauth2-private-key"];

/// A place of a config that holds a secret.
enum Place<'a> {
    /// The text is the secret.
    Text(&'a mut String),
    /// The text is a URI that may hold secrets.
    Uri(&'a mut String),
}

impl ReplicaConfig {
    /// The config with `******` for each secret, and secrets inside URIs replaced by `xxxxx`.
    #[must_use]
    pub fn masked(&self) -> ReplicaConfig {
        let mut config = self.clone();
        for (_, place) in config.secrets() {
            match place {
                Place::Text(text) if !text.is_empty() => STARS.clone_into(text),
                Place::Uri(uri) if !uri.is_empty() => *uri = mask_uri(uri),
                _ => {}
            }
        }
        config
    }

    /// Puts the secrets of `stored` where this config has a mask.
    pub(super) fn keep_secrets_of(&mut self, stored: &ReplicaConfig) {
        let mut stored = stored.clone();
        let stored = stored.secrets();
        for (name, place) in self.secrets() {
            let old = stored
                .iter()
                .find(|(other, _)| *other == name)
                .map(|(_, place)| match place {
                    Place::Text(text) | Place::Uri(text) => text.as_str(),
                });
            let Some(old) = old else { continue };
            match place {
                Place::Text(text) if text == STARS || text == MASK => old.clone_into(text),
                Place::Text(_) => {}
                Place::Uri(uri) => *uri = unmask_uri(uri, old),
            }
        }
    }

    fn secrets(&mut self) -> Vec<(&'static str, Place<'_>)> {
        let mut places = Vec::new();
        let sink = &mut self.sink;
        places.extend(
            sink.schema_registry
                .as_mut()
                .map(|uri| ("schema_registry", Place::Uri(uri))),
        );
        if let Some(redo) = &mut self.consistent {
            places.push(("storage", Place::Uri(&mut redo.storage)));
        }
        if let Some(kafka) = &mut sink.kafka_config {
            let texts = [
                ("sasl_password", &mut kafka.sasl_password),
                ("sasl_gssapi_password", &mut kafka.sasl_gssapi_password),
                ("sasl_oauth_client_secret", &mut kafka.sasl_oauth_client_secret),
                ("key", &mut kafka.key),
            ];
            places.extend(
                texts
                    .into_iter()
                    .filter_map(|(name, text)| Some((name, Place::Text(text.as_mut()?)))),
            );
            places.extend(
                kafka
                    .sasl_oauth_token_url
                    .as_mut()
                    .map(|uri| ("token_url", Place::Uri(uri))),
            );
            if let Some(large) = &mut kafka.large_message_handle {
                places.push(("claim_check", Place::Uri(&mut large.claim_check_storage_uri)));
            }
            if let Some(glue) = &mut kafka.glue_schema_registry_config {
                places.push(("access_key", Place::Text(&mut glue.access_key)));
                places.push(("secret_access_key", Place::Text(&mut glue.secret_access_key)));
                places.push(("token", Place::Text(&mut glue.token)));
            }
        }
        if let Some(pulsar) = &mut sink.pulsar_config {
            for (name, value) in pulsar.iter_mut() {
                pulsar_secrets(name, value, &mut places);
            }
        }
        places
    }
}

fn pulsar_secrets<'a>(name: &str, value: &'a mut Value, places: &mut Vec<(&'static str, Place<'a>)>) {
    match value {
        Value::String(text) => {
            let secret = PULSAR_SECRETS.iter().find(|secret| **secret == name);
            places.extend(secret.map(|secret| (*secret, Place::Text(text))));
        }
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                pulsar_secrets(name, value, places);
            }
        }
        _ => {}
    }
}
