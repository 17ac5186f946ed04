//! The address of a destination.

use std::fmt;

use tidegate_model::{CdcError, ErrorCode, Result, mask_uri};

/// The text that stands in for a secret of a URI.
pub(crate) const MASK: &str = "xxxxx";
/// Parameters that say where a secret is sent, and how that connection is protected.
const REACH_PARAMETERS: [&str; 12] = [
    "endpoint",
    "provider",
    "region",
    "account-name",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ca",
    "cert",
    "key",
    "enable-tls",
    "insecure-skip-verify",
];

/// Port of a database whose URI names none: TiDB's, as in the original, also for MySQL and MariaDB.
pub const DATABASE_PORT_DEFAULT: u16 = 4000;

/// A parsed sink URI: `scheme://[user[:password]@]host[:port][/path][?parameters]`.
///
/// `Display` and `Debug` show it masked; [`SinkUri::as_str`] has the secrets. Texts are percent-decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct SinkUri {
    text: String,
    scheme: String,
    kind: Scheme,
    user: Option<String>,
    password: Option<String>,
    host: String,
    port: Option<u16>,
    path: String,
    params: Vec<(String, String)>,
}

/// What a scheme means.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// `mysql`, `tidb`, also with `+ssl`.
    Mysql,
    /// `kafka`, `kafka+ssl`.
    Kafka,
    /// `pulsar` and its variants.
    Pulsar,
    /// `file`: a local directory.
    File,
    /// `s3`.
    S3,
    /// `gcs`, `gs`.
    Gcs,
    /// `azblob`, `azure`.
    Azure,
    /// `noop`: storage that discards.
    Noop,
    /// `blackhole`.
    Blackhole,
    /// Any other.
    Unknown,
}

impl Scheme {
    /// The schemes that this version can deliver to, for people.
    pub const SUPPORTED_NAMES: &str =
        "mysql, mysql+ssl, tidb, tidb+ssl, file, s3, gcs, gs, azblob, azure and blackhole";

    fn from_text(scheme: &str) -> Scheme {
        match scheme {
            "mysql" | "mysql+ssl" | "tidb" | "tidb+ssl" => Scheme::Mysql,
            "kafka" | "kafka+ssl" => Scheme::Kafka,
            "pulsar" | "pulsar+ssl" | "pulsar+http" | "pulsar+https" => Scheme::Pulsar,
            "file" => Scheme::File,
            "s3" => Scheme::S3,
            "gcs" | "gs" => Scheme::Gcs,
            "azblob" | "azure" => Scheme::Azure,
            "noop" => Scheme::Noop,
            "blackhole" => Scheme::Blackhole,
            _ => Scheme::Unknown,
        }
    }

    /// A database.
    pub const fn is_database(self) -> bool {
        matches!(self, Scheme::Mysql)
    }

    /// A message queue.
    pub const fn is_mq(self) -> bool {
        matches!(self, Scheme::Kafka | Scheme::Pulsar)
    }

    /// Files or object storage.
    pub const fn is_storage(self) -> bool {
        matches!(
            self,
            Scheme::File | Scheme::S3 | Scheme::Gcs | Scheme::Azure | Scheme::Noop
        )
    }

    /// Whether this version can deliver to it.
    pub const fn is_supported(self) -> bool {
        matches!(
            self,
            Scheme::Mysql | Scheme::File | Scheme::S3 | Scheme::Gcs | Scheme::Azure | Scheme::Blackhole
        )
    }
}

impl SinkUri {
    /// Reads a URI.
    ///
    /// # Errors
    /// `SinkURIInvalid` that shows the URI masked.
    pub fn parse(text: &str) -> Result<SinkUri> {
        if text.is_empty() {
            return Err(CdcError::new(
                ErrorCode::SinkURIInvalid,
                "sink_uri is empty, cannot create a changefeed without sink_uri",
            ));
        }
        parts(text).map_err(|why| {
            let text = format!("sink uri invalid '{}': {why}", mask_uri(text));
            CdcError::new(ErrorCode::SinkURIInvalid, text)
        })
    }

    /// The text as given, with its secrets.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text with its secrets replaced by `xxxxx`.
    pub fn masked(&self) -> String {
        mask_uri(&self.text)
    }

    /// The scheme in lower case, `mysql+ssl`.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// What the scheme means.
    pub fn kind(&self) -> Scheme {
        self.kind
    }

    /// Host without brackets; empty if there is none. Several brokers are one text, `a:9092,b:9092`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Port, if given.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Port of a database: the one given, else [`DATABASE_PORT_DEFAULT`].
    pub fn database_port(&self) -> u16 {
        self.port.unwrap_or(DATABASE_PORT_DEFAULT)
    }

    /// User, if given.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Password, if given.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// Path with its leading `/`, or empty.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The first value of a parameter, if it is given.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params()
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value)
    }

    /// Every parameter in order.
    pub fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        self.params
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Reads the URI of an update. Where it has a mask (`xxxxx`), the secret of `stored` is kept.
    ///
    /// # Errors
    /// `SinkURIInvalid` as [`SinkUri::parse`], and when a secret would go to another host or user than it was given
    /// for, or over a connection that is protected in another way.
    pub fn parse_update(text: &str, stored: &SinkUri) -> Result<SinkUri> {
        let whole = SinkUri::parse(&unmask_uri(text, stored.as_str()))?;
        if whole.text != text && !whole.reaches_like(stored) {
            return Err(CdcError::new(
                ErrorCode::SinkURIInvalid,
                "sink uri invalid: the stored secret is kept only for the same scheme, host, port, user, endpoint and \
                 TLS settings; give it again",
            ));
        }
        Ok(whole)
    }

    /// Whether both lead the same user to the same place in the same way.
    fn reaches_like(&self, other: &SinkUri) -> bool {
        let place = |uri: &SinkUri| {
            (
                uri.scheme.clone(),
                uri.host.to_ascii_lowercase(),
                uri.port,
                uri.user.clone(),
            )
        };
        place(self) == place(other)
            && REACH_PARAMETERS
                .iter()
                .all(|name| self.param(name) == other.param(name))
    }

    /// Whether it holds a password, or a parameter that is as secret as one.
    pub fn has_secret(&self) -> bool {
        self.password
            .as_deref()
            .is_some_and(|password| !password.is_empty())
            || self
                .params()
                .any(|(name, value)| !value.is_empty() && is_secret_name(name))
    }

    /// Whether a mask stands where a secret should be.
    pub fn has_mask(&self) -> bool {
        let in_params = self
            .params()
            .any(|(name, value)| name == MASK || (value == MASK && is_secret_name(name)));
        self.password() == Some(MASK) || in_params
    }
}

/// Whether the masking rule hides the values of parameters of this name.
fn is_secret_name(name: &str) -> bool {
    let probe = format!("x://h/?{name}=v");
    mask_uri(&probe) != probe
}

impl fmt::Display for SinkUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for SinkUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

fn parts(text: &str) -> Result<SinkUri, String> {
    if text.chars().any(|c| c.is_ascii_control() || c == ' ') {
        return Err("blanks and control characters must be percent-encoded".to_owned());
    }
    let (scheme, rest) = text.split_once("://").ok_or("it has no scheme")?;
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.chars().all(is_scheme) {
        return Err("it has no scheme".to_owned());
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path_start = address.find('/').unwrap_or(address.len());
    let (authority, path) = address.split_at(path_start);
    let (user_info, host_port) = match authority.rsplit_once('@') {
        Some((user_info, host_port)) => (Some(user_info), host_port),
        None => (None, authority),
    };
    let (user, password) = match user_info.map(|info| info.split_once(':').ok_or(info)) {
        None => (None, None),
        Some(Ok((user, password))) => (Some(decode(user, false)?), Some(decode(password, false)?)),
        Some(Err(user)) => (Some(decode(user, false)?), None),
    };
    let scheme = scheme.to_ascii_lowercase();
    let kind = Scheme::from_text(&scheme);
    let (host, port) = host_and_port(host_port, kind)?;
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(name, true)?, decode(value, true)?))
    });
    Ok(SinkUri {
        text: text.to_owned(),
        kind,
        user,
        password,
        host,
        port,
        path: decode(path, false)?,
        params: pairs.collect::<Result<_, String>>()?,
        scheme,
    })
}

fn host_and_port(text: &str, kind: Scheme) -> Result<(String, Option<u16>), String> {
    if kind.is_mq() {
        return Ok((decode(text, false)?, None));
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest
                .split_once(']')
                .ok_or("the bracket of the host is not closed")?;
            let port = match after {
                "" => None,
                after => Some(
                    after
                        .strip_prefix(':')
                        .ok_or("nothing but a port may follow the bracket")?,
                ),
            };
            (host, port)
        }
        None => match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err("an IPv6 address must stand in brackets, [::1]".to_owned());
            }
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        None | Some("") => None,
        Some(port) => Some(
            port.parse()
                .map_err(|_| "the port is no number up to 65535".to_owned())?,
        ),
    };
    Ok((decode(host, false)?, port))
}

/// Percent-decodes `text`; in a query `+` is a blank.
fn decode(text: &str, query: bool) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match first {
            b'%' => {
                let (digits, tail) = rest
                    .split_at_checked(2)
                    .ok_or("a percent sign lacks its two digits")?;
                rest = tail;
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let pair = digit(digits[0])
                    .zip(digit(digits[1]))
                    .ok_or("a percent sign lacks its two digits")?;
                u8::try_from(pair.0 * 16 + pair.1).unwrap_or_default()
            }
            b'+' if query => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| "percent-encoded bytes are no UTF-8".to_owned())
}

/// `new` with the secrets of `stored` where it has masks. Works on the text, so that nothing else of it changes.
pub(crate) fn unmask_uri(new: &str, stored: &str) -> String {
    if !new.contains(MASK) {
        return new.to_owned();
    }
    // Whatever masks `stored` into `new` is undone whole: it is what a client read and sent back.
    if mask_uri(stored) == new {
        return stored.to_owned();
    }
    let (new_base, new_query) = new
        .split_once('?')
        .map_or((new, None), |(base, query)| (base, Some(query)));
    let (old_base, old_query) = stored.split_once('?').unwrap_or((stored, ""));
    let mut out = unmask_user(new_base, old_base);
    if let Some(query) = new_query {
        out.push('?');
        let pairs = query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, MASK)) => {
                let old = old_query
                    .split('&')
                    .find(|old| old.split_once('=').is_some_and(|(other, _)| other == name));
                old.unwrap_or(pair)
            }
            _ => pair,
        });
        out.push_str(&pairs.collect::<Vec<_>>().join("&"));
    }
    out
}

fn unmask_user(new: &str, stored: &str) -> String {
    let secret = |uri: &str| -> Option<(usize, usize)> {
        let start = uri.find("://")? + 3;
        let end = uri.rfind('@').filter(|end| *end > start)?;
        let colon = start + uri[start..end].find(':')?;
        Some((colon + 1, end))
    };
    match (secret(new), secret(stored)) {
        (Some((from, to)), Some((old_from, old_to))) if &new[from..to] == MASK => {
            format!("{}{}{}", &new[..from], &stored[old_from..old_to], &new[to..])
        }
        _ => new.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> SinkUri {
        SinkUri::parse(text).unwrap()
    }

    #[test]
    fn the_parts_are_decoded() {
        let uri =
            parse("MySQL+ssl://ro%40ot:p%2Fw@db.example:3307/x?safe-mode=true&x=a%26b+c&safe-mode=false");
        assert_eq!(
            (uri.scheme(), uri.kind(), uri.host(), uri.port()),
            ("mysql+ssl", Scheme::Mysql, "db.example", Some(3307))
        );
        assert_eq!(
            (uri.user(), uri.password(), uri.path()),
            (Some("ro@ot"), Some("p/w"), "/x")
        );
        assert_eq!(
            (uri.param("safe-mode"), uri.param("x"), uri.param("y")),
            (Some("true"), Some("a&b c"), None)
        );
        let uri = parse("file:///data/my%20files?protocol=csv");
        assert_eq!(
            (uri.host(), uri.path(), uri.kind()),
            ("", "/data/my files", Scheme::File)
        );
        assert_eq!(parse("mysql://[::1]:3306/").host(), "::1");
        assert_eq!(parse("kafka://a:9092,b:9092/topic").host(), "a:9092,b:9092");
        assert_eq!(parse("blackhole://").kind(), Scheme::Blackhole);
        assert_eq!(parse("ftp://h/").kind(), Scheme::Unknown);
    }

    #[test]
    fn what_is_no_uri_is_refused_without_showing_secrets() {
        for bad in [
            "",
            "no uri",
            "://h/",
            "mysql://root:secret@::1:3306/",
            "mysql://u:secret@h:99999/",
            "mysql://u:secret%@h/",
            "mysql://u:secret@[::1/",
            "mysql://u:sec ret@h/",
        ] {
            let error = SinkUri::parse(bad).unwrap_err();
            assert_eq!(error.code(), ErrorCode::SinkURIInvalid, "{bad}");
            assert!(!error.wire_message().contains("sec"), "{error:?}");
        }
        let uri = parse("kafka://u:secret@h/t?sasl-password=secret");
        assert!(!format!("{uri} {uri:?}").contains("secret"));
    }

    #[test]
    fn a_mask_that_comes_back_keeps_the_stored_secret_for_the_same_place_only() {
        let stored = "mysql://root:p%40ss@h:3306/?x=1&access-key=AK%2F1";
        let update = |new: &str| SinkUri::parse_update(new, &parse(stored));
        let check = |new: &str, expect: &str| assert_eq!(update(new).unwrap().as_str(), expect);
        check(&mask_uri(stored), stored);
        check(
            "mysql://root:xxxxx@h:3306/?y=2&access-key=xxxxx",
            "mysql://root:p%40ss@h:3306/?y=2&access-key=AK%2F1",
        );
        check("mysql://root:new@other:3306/", "mysql://root:new@other:3306/");
        for elsewhere in [
            "mysql://root:xxxxx@other:3306/",
            "mysql://app:xxxxx@h:3306/",
            "mysql://root:xxxxx@h:3307/",
        ] {
            assert_eq!(
                update(elsewhere).unwrap_err().code(),
                ErrorCode::SinkURIInvalid,
                "{elsewhere}"
            );
        }
    }

    /// `mysql` and `mysql+ssl` once counted as the same place: whoever could write, but not read the password, had it
    /// sent in clear.
    #[test]
    fn a_stored_secret_does_not_travel_with_less_protection() {
        let check = |stored: &str, new: &str, expect: bool| {
            let result = SinkUri::parse_update(new, &parse(stored));
            assert_eq!(result.is_ok(), expect, "{stored} {new} {result:?}");
        };
        check("mysql+ssl://u:p@h/", "mysql://u:xxxxx@h/", false);
        check(
            "mysql+ssl://u:p@h/",
            "MySQL+SSL://u:xxxxx@H/?safe-mode=true",
            true,
        );
        check("mysql://u:p@h/?ssl-ca=/a", "mysql://u:xxxxx@h/", false);
        check("mysql://u:p@h/?ssl-ca=/a", "mysql://u:xxxxx@h/?ssl-ca=/b", false);
        check(
            "mysql://u:p@h/?ssl-ca=/a",
            "mysql://u:xxxxx@h/?x=1&ssl-ca=%2Fa",
            true,
        );
        check("mysql://u:p@h/?ssl-ca=/a", "mysql://u:new@h/", true);
        let files = "mysql://u:p@h/?ssl-ca=/a&ssl-cert=/c&ssl-key=/k";
        check(files, &mask_uri(files), true);
        check(
            files,
            "mysql://u:xxxxx@h/?ssl-ca=/a&ssl-cert=/c&ssl-key=/other",
            false,
        );
    }

    #[test]
    fn the_secret_of_a_bucket_does_not_travel_to_another_endpoint() {
        let stored = parse("s3://b/p?endpoint=https://a&region=x&secret-access-key=k");
        let update = |new: &str| SinkUri::parse_update(new, &stored).is_ok();
        assert!(update(
            "s3://b/q?endpoint=https://a&region=x&protocol=csv&secret-access-key=xxxxx"
        ));
        for elsewhere in [
            "s3://b/p?endpoint=https://evil&region=x&secret-access-key=xxxxx",
            "s3://b/p?endpoint=http://a&region=x&secret-access-key=xxxxx",
            "s3://b/p?region=x&secret-access-key=xxxxx",
            "s3://other/p?endpoint=https://a&region=x&secret-access-key=xxxxx",
        ] {
            assert!(!update(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn secrets_and_default_ports_are_known() {
        assert!(parse("mysql://u:p@h/").has_secret() && parse("s3://b/?access-key=k").has_secret());
        assert!(!parse("mysql://u@h/?safe-mode=true").has_secret());
        assert_eq!(parse("mysql://h/").database_port(), 4000);
        assert_eq!(parse("mysql://h:3306/").database_port(), 3306);
    }

    #[test]
    fn a_mask_in_place_of_a_secret_is_noticed() {
        assert!(parse("mysql://root:xxxxx@h/").has_mask());
        assert!(parse("s3://b/p?secret-access-key=xxxxx").has_mask());
        assert!(parse(&mask_uri("blackhole://?note=a@b&password=p")).has_mask());
        assert!(!parse("s3://xxxxx/p?prefix=xxxxx").has_mask());
    }
}
