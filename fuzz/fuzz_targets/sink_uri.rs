//! Any text as a sink URI; another one as an update of it. Passwords are never shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_api::SinkUri;

/// Too short, and it may stand elsewhere by chance.
const SECRET_BYTES_MIN: usize = 6;

fuzz_target!(|text: &str| {
    let (text, update) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(uri) = SinkUri::parse(text) else {
        return;
    };
    let masked = uri.masked();
    assert_eq!(uri.as_str(), text.trim());
    if let Some(password) = uri
        .password()
        .filter(|password| password.len() >= SECRET_BYTES_MIN)
    {
        let elsewhere = text.replacen(password, "", 1).contains(password);
        assert!(elsewhere || !masked.contains(password), "{masked}");
    }
    // Where the text can be read in two ways, more is hidden.
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let behind_host = rest.find(['/', '?', '#']).map_or("", |at| &rest[at..]);
    // What is shown is for reading: where a mask cuts an odd text, it need not be a URI any more.
    if !behind_host.contains('@')
        && let Ok(again) = SinkUri::parse(&masked)
    {
        assert_eq!(again.host(), uri.host());
    }
    if let Ok(updated) = SinkUri::parse_update(update, &uri)
        && updated.as_str() != update
    {
        assert_eq!(updated.host(), uri.host(), "a stored secret goes nowhere else");
        assert_eq!(updated.port(), uri.port());
    }
    assert!(uri.params().count() <= text.len());
});
