//! Makes answers comparable byte by byte: what differs from run to run is replaced by its name.

/// Numbers of a default config that are as long as a timestamp.
const KNOWN: [&str; 4] = [
    "600000000000",
    "86400000000000",
    "1800000000000",
    "18446744073709551615",
];
/// From so many digits on a number is a timestamp or an id of the upstream.
const LONG: usize = 13;
/// Members whose number differs from run to run, whatever its length.
const COUNTERS: [&str; 2] = ["\"pid\": ", "\"logic_time\": "];

/// `body` with `<n>` for timestamps and ids, `<time>` for times, and each of `names` for its value.
pub(crate) fn stable(body: &str, names: &[(&str, &str)]) -> String {
    let mut text = body.to_owned();
    for (value, name) in names {
        text = text.replace(value, name);
    }
    text = without_numbers(&without_times(&text));
    for counter in COUNTERS {
        text = without_counter(&text, counter);
    }
    without_list(&text, "\"table_ids\":[")
}

/// `"2023-02-27 23:46:52.888"` and `"2023-02-27T23:46:52.888+08:00"` become `"<time>"`.
fn without_times(text: &str) -> String {
    let is_time = |part: &str| {
        let shape: String = part
            .chars()
            .take(11)
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        shape == "0000-00-00 " || shape == "0000-00-00T"
    };
    let parts: Vec<&str> = text
        .split('"')
        .map(|part| if is_time(part) { "<time>" } else { part })
        .collect();
    parts.join("\"")
}

fn without_numbers(text: &str) -> String {
    let (mut out, mut digits) = (String::new(), String::new());
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let is_long = digits.len() >= LONG && !KNOWN.contains(&digits.as_str());
        out.push_str(if is_long { "<n>" } else { &digits });
        digits.clear();
        out.push(c);
    }
    out.pop();
    out
}

fn without_counter(text: &str, member: &str) -> String {
    match text.split_once(member) {
        Some((before, after)) => {
            let rest = after
                .trim_start_matches("<n>")
                .trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}{member}<n>{rest}")
        }
        None => text.to_owned(),
    }
}

/// The items of a list whose length is not the point.
fn without_list(text: &str, member: &str) -> String {
    match text.split_once(member) {
        Some((before, after)) => {
            let rest = after.split_once(']').map_or("", |(_, rest)| rest);
            format!("{before}{member}<ids>]{rest}")
        }
        None => text.to_owned(),
    }
}

#[test]
fn only_what_changes_is_replaced() {
    let text = r#"{"ts":439749918821711874,"at":"2023-02-27 23:46:52.888","pid": 17,"quota":1073741824,"table_ids":[1,2],"d":600000000000}"#;
    assert_eq!(
        stable(text, &[]),
        r#"{"ts":<n>,"at":"<time>","pid": <n>,"quota":1073741824,"table_ids":[<ids>],"d":600000000000}"#
    );
}
