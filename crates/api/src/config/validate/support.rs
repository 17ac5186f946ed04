//! Settings whose function is not built: refused by name, never ignored. Their default values pass.

use serde_json::Value;
use tidegate_model::{CdcError, ErrorCode, Result};

use crate::config::settings::{Setting, Support, default_config, settings};
use crate::config::{Findings, ReplicaConfig};
use crate::sink_uri::SinkUri;

impl ReplicaConfig {
    /// Finds the settings that would have no effect although somebody relies on them: those that are not built are
    /// errors. Where all findings are wanted, those that another kind of sink looks at are warnings. `uri` is `None`
    /// where no destination is named. What belongs to one kind of sink is also looked at by that sink's own check.
    ///
    /// # Errors
    /// `NotSupported` naming the setting, where `findings` ends at the first.
    pub fn check_support(&self, uri: Option<&SinkUri>, findings: &mut Findings) -> Result<()> {
        let (config, defaults) = (serde_json::to_value(self).unwrap_or_default(), default_config());
        let mut refused_object = None;
        for setting in settings() {
            let Some(value) = setting.value_in(&config).filter(|value| !is_empty(value)) else {
                continue;
            };
            let told = findings.has_error_below(&[&setting.pointer()])
                || refused_object.is_some_and(|object| is_inside(setting.path, object));
            if told || setting.value_in(&defaults) == Some(value) || is_off(setting, value, &defaults) {
                continue;
            }
            if let Support::Refused(why) = setting.support {
                refused_object = Some(setting.path);
                findings.error(setting.pointer(), refusal(setting, uri, why))?;
            } else if findings.wants_all() {
                warn(setting, uri, findings);
            }
        }
        Ok(())
    }
}

/// An empty text or list says the same as nothing.
fn is_empty(value: &Value) -> bool {
    value.as_str().is_some_and(str::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

/// Without a default, `false` switches nothing on.
fn is_off(setting: &Setting, value: &Value, defaults: &Value) -> bool {
    *value == Value::Bool(false) && setting.value_in(defaults).is_none()
}

fn is_inside(path: &str, object: &str) -> bool {
    path.strip_prefix(object)
        .is_some_and(|rest| rest.starts_with(['.', '[']))
}

fn refusal(setting: &Setting, uri: Option<&SinkUri>, why: &str) -> CdcError {
    let sink = uri.map_or_else(String::new, |uri| format!(" with a {} sink", uri.scheme()));
    let path = setting.path;
    CdcError::new(
        ErrorCode::NotSupported,
        format_args!("replica_config.{path} is not supported{sink}: {why}"),
    )
}

fn warn(setting: &Setting, uri: Option<&SinkUri>, findings: &mut Findings) {
    let path = setting.path;
    let text = match (setting.support, uri) {
        (Support::NoEffect(why), _) => format!("{path} has no effect: {why}"),
        (_, Some(uri)) if !setting.sinks.has(uri.kind()) => {
            format!("{path} has no effect with a {} sink", uri.scheme())
        }
        _ => return,
    };
    findings.warning(setting.pointer(), ErrorCode::InvalidReplicaConfig, text);
}
