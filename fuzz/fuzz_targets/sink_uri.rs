//! Any text as a sink URI; another one as an update of it. Passwords are never shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_api::SinkUri;

/// Takes the place of a password: what stands nowhere else is easy to look for.
const SECRET: &str = "hunter2-Q7";

fuzz_target!(|text: &str| {
    let (text, update) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(uri) = SinkUri::parse(text) else {
        return;
    };
    let masked = uri.masked();
    assert_eq!(uri.as_str(), text);
    if let Some(password) = uri.password().filter(|password| !password.is_empty())
        && let Ok(secret) = SinkUri::parse(&text.replacen(password, SECRET, 1))
        && secret.password() == Some(SECRET)
        && !text.contains(SECRET)
    {
        assert!(!secret.masked().contains(SECRET), "{}", secret.masked());
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
        assert!(
            updated.host().eq_ignore_ascii_case(uri.host()),
            "a stored secret goes nowhere else"
        );
        assert_eq!(updated.port(), uri.port());
    }
    assert!(uri.params().count() <= text.len());
});
