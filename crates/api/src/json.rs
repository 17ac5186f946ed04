//! Reading request bodies the way clients of the original expect.

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::{Map, Value};
use tidegate_model::{CdcError, ErrorCode, Result, is_secret_name};

/// Reads the first JSON value of `body` as `T`. Bytes after it are ignored, of repeated keys the last counts, and
/// `null` as the whole body means an empty object.
///
/// # Errors
/// `APIInvalidParam` that names the member and what is wrong with it; `EOF` for an empty body.
pub fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    let value = first_value(body).map_err(|text| bind_error(&text))?;
    let value = if value.is_null() {
        Value::Object(Map::new())
    } else {
        value
    };
    if !value.is_object() {
        return Err(bind_error("the body must be a JSON object"));
    }
    from_value(value).map_err(|text| bind_error(&text))
}

/// Members beside those with a secret-looking name whose text may hold a secret: URIs.
const URI_MEMBERS: [&str; 5] = [
    "sink_uri",
    "storage",
    "schema_registry",
    "claim_check_storage_uri",
    "sasl_oauth_token_url",
];

/// Reads `value` as `T`; the error names the member, and quotes its value unless that may be a secret.
pub(crate) fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let name = path.rsplit('.').next().unwrap_or_default();
        let is_secret = is_secret_name(name) || URI_MEMBERS.contains(&name);
        let inner = error.into_inner();
        let text = if is_secret {
            "the value is of a wrong type".to_owned()
        } else {
            inner.to_string()
        };
        if path == "." {
            text
        } else {
            format!("{path}: {text}")
        }
    })
}

fn first_value(body: &[u8]) -> Result<Value, String> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    Value::deserialize(&mut reader).map_err(|error| {
        if body.iter().all(u8::is_ascii_whitespace) {
            "EOF".to_owned()
        } else if error.is_eof() {
            "unexpected EOF".to_owned()
        } else {
            error.to_string()
        }
    })
}

/// The error of a body that does not fit.
pub(crate) fn bind_error(text: &str) -> CdcError {
    CdcError::new(
        ErrorCode::APIInvalidParam,
        format_args!("invalid api parameter: {text}"),
    )
}

/// For `#[serde(deserialize_with)]`: `null` means the default.
pub(crate) fn null_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// For `#[serde(deserialize_with)]` of an object that may be left out: a list of its members in order, which serde takes
/// too, is refused.
pub(crate) fn object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let Some(members) = Option::<Map<String, Value>>::deserialize(deserializer)? else {
        return Ok(None);
    };
    from_value(Value::Object(members))
        .map(Some)
        .map_err(serde::de::Error::custom)
}

/// For `#[serde(skip_serializing_if)]`.
pub(crate) fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, PartialEq, Debug)]
    struct Sample {
        #[serde(default, deserialize_with = "null_default")]
        ts: u64,
    }

    fn text(body: &str) -> String {
        read_json::<Sample>(body.as_bytes()).unwrap_err().wire_message()
    }

    #[test]
    fn what_clients_send_is_read() {
        for (body, ts) in [
            (r#"{"ts":18446744073709551615}"#, u64::MAX),
            (r#"{"ts":1,"ts":2} trailing"#, 2),
            (r#"{"ts":null,"unknown":{}}"#, 0),
            ("null", 0),
            ("{}", 0),
        ] {
            assert_eq!(
                read_json::<Sample>(body.as_bytes()).unwrap(),
                Sample { ts },
                "{body}"
            );
        }
    }

    #[test]
    fn faults_are_named() {
        let start = "[CDC:ErrAPIInvalidParam]invalid api parameter: ";
        assert_eq!(text(""), format!("{start}EOF"));
        assert_eq!(text("{"), format!("{start}unexpected EOF"));
        assert!(text(r#"{"ts":-1}"#).starts_with(&format!("{start}ts: invalid value")));
        assert!(text(r#"{"ts":1.0}"#).starts_with(&format!("{start}ts: invalid type")));
        assert!(text("[]").starts_with(start));
        for body in [
            r#"{"sink_uri":864209753}"#,
            r#"{"replica_config":{"sink":{"kafka_config":{"sasl_password":864209753}}}}"#,
            r#"{"replica_config":{"consistent":{"storage":864209753}}}"#,
        ] {
            let error = read_json::<crate::CreateChangefeed>(body.as_bytes()).unwrap_err();
            let text = error.wire_message();
            assert!(
                text.contains("of a wrong type") && !text.contains("864209753"),
                "{text}"
            );
        }
        assert!(text("}").starts_with(start));
    }
}
