//! Which configuration is asked for, and what the form makes of it.

use tidegate_api::{ChangefeedDetail, ConfigVersion};
use tidegate_model::{CdcError, ChangefeedId, ErrorCode};

use super::{ConfigView, html};
use crate::app::ui::feed::feed_address;
use crate::fns::context::Console;
use crate::fns::create::FormText;
use crate::fns::error::ConsoleError;
use crate::fns::form;
use crate::fns::query::Query;
use crate::server::{App, in_force, with_found};
use leptos::prelude::use_context;

/// A configuration of the past, as the name of a form's beginning.
#[derive(Clone, Debug)]
pub(crate) struct Past(pub(crate) ConfigVersion);

/// What a page asks for.
pub(super) struct Asked {
    pub(super) address: String,
    pub(super) view: View,
    /// Only what differs from the defaults.
    pub(super) only_set: bool,
    /// A version of the past.
    pub(super) version: Option<u64>,
    /// Two versions to compare.
    pub(super) pair: Option<(u64, u64)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum View {
    Settings,
    Json,
    Toml,
}

impl View {
    pub(super) const ALL: [(View, &'static str, &'static str); 3] = [
        (View::Settings, "settings", "Settings"),
        (View::Json, "json", "JSON"),
        (View::Toml, "toml", "TOML"),
    ];

    fn read(word: &str) -> View {
        let found = View::ALL.into_iter().find(|(_, known, _)| *known == word);
        found.map_or(View::Settings, |(view, ..)| view)
    }

    pub(super) fn word(self) -> &'static str {
        View::ALL[self as usize].1
    }
}

impl Asked {
    fn read(query: &Query, address: String) -> Asked {
        let number = |name: &str| query.get(name).parse::<u64>().ok();
        Asked {
            address,
            view: View::read(query.get("view")),
            only_set: query.get("only") == "set",
            version: number("version"),
            pair: number("a").zip(number("b")),
        }
    }

    /// The same page with another view.
    pub(super) fn with(&self, view: View, only_set: bool, version: Option<u64>) -> String {
        let version = version.map_or_else(String::new, |version| version.to_string());
        let word = if view == View::Settings { "" } else { view.word() };
        Query::default()
            .with("view", word)
            .with("only", if only_set { "set" } else { "" })
            .with("version", &version)
            .address(&self.address)
    }
}

impl Console {
    /// The configuration page of a changefeed.
    ///
    /// # Errors
    /// `ChangeFeedNotExists`, and what the disk says.
    pub(crate) async fn config_view(
        &self,
        namespace: &str,
        id: &str,
        query: &str,
    ) -> Result<ConfigView, ConsoleError> {
        let id = ChangefeedId::new(namespace, id);
        let detail = self.service().get_changefeed(&id).await?;
        let versions = with_found(versions(&id).await?, &in_force(&detail));
        let query = Query::parse(query.trim_start_matches('?'))?;
        let asked = Asked::read(&query, format!("{}/config", feed_address(namespace, &id.id)));
        let shown = match asked.version {
            None => detail.clone(),
            Some(number) => as_of(&detail, find(&versions, number)?),
        };
        let pair = match asked.pair {
            Some((a, b)) => Some((find(&versions, a)?, find(&versions, b)?)),
            None => None,
        };
        let code = match asked.view {
            View::Settings => String::new(),
            View::Json => text(&shown, "json", asked.only_set),
            View::Toml => text(&shown, "toml", asked.only_set),
        };
        let form = form::like(&shown);
        Ok(ConfigView {
            head: html::head(&asked, &id),
            what: format!("configuration as {}", View::ALL[asked.view as usize].2),
            rest: html::rest(&asked, &shown, &form, &versions, pair),
            code,
        })
    }

    /// A configuration of the past; the newest one without a number.
    ///
    /// # Errors
    /// `ChangeFeedNotExists` when it is not kept.
    pub(crate) async fn past(&self, id: &ChangefeedId, version: Option<u64>) -> Result<Past, ConsoleError> {
        let versions = versions(id).await?;
        let found = match version {
            Some(number) => find(&versions, number)?,
            None => versions.last().ok_or_else(not_kept)?,
        };
        Ok(Past(found.clone()))
    }
}

async fn versions(id: &ChangefeedId) -> Result<Vec<ConfigVersion>, ConsoleError> {
    match use_context::<App>() {
        Some(app) => Ok(app.audit.versions(id).await?),
        None => Ok(Vec::new()),
    }
}

fn find(versions: &[ConfigVersion], number: u64) -> Result<&ConfigVersion, ConsoleError> {
    let found = versions.iter().find(|version| version.version == number);
    found.ok_or_else(not_kept)
}

fn not_kept() -> ConsoleError {
    CdcError::new(
        ErrorCode::ChangeFeedNotExists,
        "this version of the configuration is not kept",
    )
    .into()
}

/// The changefeed with the configuration that it had.
fn as_of(detail: &ChangefeedDetail, version: &ConfigVersion) -> ChangefeedDetail {
    ChangefeedDetail {
        sink_uri: version.sink_uri.clone(),
        start_ts: version.start_ts,
        target_ts: version.target_ts,
        config: serde_json::from_value(version.config.clone()).ok(),
        ..detail.clone()
    }
}

/// A configuration as a text.
fn text(detail: &ChangefeedDetail, format: &str, only_set: bool) -> String {
    if only_set {
        let FormText { json, toml } = form::write(&form::like(detail));
        if format == "toml" {
            return toml;
        }
        let body: serde_json::Value = serde_json::from_str(&json).unwrap_or_default();
        let config = body.get("replica_config").cloned();
        return pretty(&config.unwrap_or_else(|| serde_json::json!({})));
    }
    let config = detail.config.as_ref().map(|config| config.masked());
    let config = serde_json::to_value(config).unwrap_or_default();
    match format {
        "toml" => toml::to_string_pretty(&tidegate_api::kebab_from_snake(config)).unwrap_or_default(),
        _ => pretty(&config),
    }
}

pub(super) fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// A configuration as a file: its name and its content. `version`: one of the past.
///
/// # Errors
/// `APIInvalidParam` for another format, `ChangeFeedNotExists` for a version that is not kept.
pub(crate) fn file(
    detail: &ChangefeedDetail,
    versions: &[ConfigVersion],
    (format, only_set, version): (&str, bool, Option<u64>),
) -> tidegate_model::Result<(String, String)> {
    if !matches!(format, "json" | "toml") {
        let text = format_args!("invalid format: {format}");
        return Err(CdcError::new(ErrorCode::APIInvalidParam, text));
    }
    let Some(number) = version else {
        let name = format!("{}.{format}", detail.id);
        return Ok((name, text(detail, format, only_set)));
    };
    let found = versions.iter().find(|version| version.version == number);
    let found = found.ok_or_else(|| {
        let text = format_args!("version {number} of the configuration is not kept");
        CdcError::new(ErrorCode::ChangeFeedNotExists, text)
    })?;
    let name = format!("{}-{number}.{format}", detail.id);
    Ok((name, text(&as_of(detail, found), format, only_set)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn detail() -> ChangefeedDetail {
        serde_json::from_value(json!({
            "namespace": "default", "id": "orders", "sink_uri": "blackhole://", "create_time": "", "state": "normal",
            "resolved_ts": 0, "checkpoint_ts": 9, "checkpoint_time": "then", "config": {"memory_quota": 4096, "check_gc_safe_point": true},
        }))
        .unwrap()
    }

    #[test]
    fn a_file_holds_all_or_what_was_set_of_now_or_then() {
        let then = ConfigVersion {
            version: 3,
            config: json!({"memory_quota": 77, "check_gc_safe_point": true}),
            ..ConfigVersion::default()
        };
        let of = |format, only_set, version| {
            file(
                &detail(),
                std::slice::from_ref(&then),
                (format, only_set, version),
            )
        };
        let (name, json) = of("json", true, None).unwrap();
        assert_eq!(name, "orders.json");
        assert_eq!(json, "{\n  \"memory_quota\": 4096\n}");
        let (_, all) = of("json", false, None).unwrap();
        assert!(all.contains("\"case_sensitive\""), "{all}");
        let (name, toml) = of("toml", true, Some(3)).unwrap();
        assert_eq!(
            (name.as_str(), toml.trim()),
            ("orders-3.toml", "memory-quota = 77")
        );
        assert!(of("xml", true, None).is_err());
        assert!(of("json", true, Some(4)).is_err());
    }
}
