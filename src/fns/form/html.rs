//! The fields of settings as HTML.

use std::fmt::Write as _;

use super::setting::{FieldKind, SettingField, SettingGroup, Step};
use super::values::{Texts, items};
use crate::app::changefeed_new::{UNUSED, note_id, sink_kind};
use crate::app::ui::field::{fault_id, help_id};
use crate::fns::create::CreateForm;
use crate::fns::error::FieldError;

/// The groups of each step, in the order of the form.
pub(crate) fn html(groups: &[SettingGroup], form: &CreateForm, faults: &[FieldError]) -> [String; 3] {
    let page = Page {
        texts: &form.set,
        faults,
        sink: sink_kind(&form.sink_uri),
    };
    [Step::Events, Step::Delivery, Step::Advanced].map(|step| {
        let mut out = String::new();
        for (at, group) in groups.iter().enumerate().filter(|(_, group)| group.step == step) {
            page.group(&mut out, at, group);
        }
        out
    })
}

struct Page<'a> {
    texts: &'a Texts,
    faults: &'a [FieldError],
    sink: &'static str,
}

impl Page<'_> {
    /// One group, folded unless something in it was set or is wrong, or something can be added.
    fn group(&self, out: &mut String, at: usize, group: &SettingGroup) {
        let is_off = group.fields.iter().all(|field| field.off.is_some());
        let is_list = group.list.is_some() && !is_off;
        let is_open = is_list || group.fields.iter().any(|field| self.is_touched(&field.path));
        let open = if is_open { " open" } else { "" };
        let unused = !group.sinks.is_empty() && !self.sink.is_empty() && !group.sinks.contains(&self.sink);
        let note = match (is_off, unused) {
            (true, _) => "not in this version",
            (false, true) => UNUSED,
            (false, false) => "",
        };
        // The browser changes the note when the sink does; without kinds there is nothing to change.
        let sinks = if is_off {
            String::new()
        } else {
            group.sinks.join(" ")
        };
        push(
            out,
            format_args!(
                r#"<details class="min-w-0 rounded-card border border-line"{open}><summary class="cursor-pointer px-4 py-2.5 text-sm font-medium"><span>{}</span> <span class="ml-2 text-xs font-normal text-ink-3" id="{}" data-sinks="{sinks}">{note}</span></summary><div class="grid gap-4 px-4 pt-1 pb-4">"#,
                Text(&group.title),
                note_id(at),
            ),
        );
        match &group.list {
            Some(list) if is_list => self.list(out, list, &group.fields),
            list => {
                let prefix = list
                    .as_ref()
                    .map_or_else(String::new, |list| format!("{list}.0."));
                self.fields(out, &prefix, &group.fields);
            }
        }
        out.push_str("</div></details>");
    }

    fn is_touched(&self, path: &str) -> bool {
        self.texts.get(path).is_some_and(|text| !text.is_empty()) || self.fault(path).is_some()
    }

    fn fault(&self, name: &str) -> Option<&str> {
        let fault = self.faults.iter().find(|fault| fault.field == name)?;
        Some(&fault.message)
    }

    /// A list of objects. Its buttons send the form; the answer has an item more or less.
    fn list(&self, out: &mut String, list: &str, fields: &[SettingField]) {
        push(
            out,
            format_args!(r#"<div class="grid gap-4" id="{}" tabindex="-1">"#, Text(list)),
        );
        self.fault_line(out, list);
        for (at, number) in items(self.texts, list).into_iter().enumerate() {
            push(
                out,
                format_args!(
                    r#"<fieldset class="min-w-0 rounded-card bg-surface p-3"><legend class="float-left mb-2 w-full text-sm font-medium">Filter {}</legend><div class="clear-both mb-3">"#,
                    at + 1
                ),
            );
            self.fields(out, &format!("{list}.{number}."), fields);
            out.push_str("</div>");
            button(
                out,
                &format!("remove {list}.{number}"),
                &format!("Remove filter {}", at + 1),
            );
            out.push_str("</fieldset>");
        }
        out.push_str("<div>");
        button(out, &format!("add {list}"), "Add a filter");
        out.push_str("</div></div>");
    }

    fn fields(&self, out: &mut String, prefix: &str, fields: &[SettingField]) {
        out.push_str(r#"<div class="grid grid-cols-[minmax(0,1fr)] gap-4 sm:grid-cols-2">"#);
        for field in fields {
            self.field(out, &format!("{prefix}{}", field.path), field);
        }
        out.push_str("</div>");
    }

    fn field(&self, out: &mut String, name: &str, field: &SettingField) {
        let key = field.path.rsplit('.').next().unwrap_or_default();
        push(
            out,
            format_args!(
                r#"<div class="min-w-0"><label for="{name}" class="mb-1 flex flex-wrap items-baseline gap-x-2 text-sm font-medium">{} <code class="text-xs font-normal text-ink-3">{}</code></label>"#,
                Text(&label(key)),
                Text(key),
                name = Text(name),
            ),
        );
        self.control(out, name, field);
        self.fault_line(out, name);
        let off = field.off.as_ref();
        let off = off.map_or_else(String::new, |why| format!(" Not to be set: {why}."));
        push(
            out,
            format_args!(
                r#"<p id="{}" class="mt-1 text-xs wrap-anywhere text-ink-3">{}{}</p></div>"#,
                Text(&help_id(name)),
                Text(&field.help),
                Text(&off)
            ),
        );
    }

    fn control(&self, out: &mut String, name: &str, field: &SettingField) {
        let value = self.texts.get(name).map_or("", String::as_str);
        let disabled = if field.off.is_some() { " disabled" } else { "" };
        let invalid = if self.fault(name).is_some() {
            r#" aria-invalid="true""#
        } else {
            ""
        };
        let common = format!(
            r#"id="{name}" name="form[set][{name}]" aria-describedby="{} {}"{disabled}{invalid}"#,
            Text(&fault_id(name)),
            Text(&help_id(name)),
            name = Text(name),
        );
        let flags = ["true".to_owned(), "false".to_owned()];
        let words = if field.kind == FieldKind::Flag {
            &flags[..]
        } else {
            &field.options
        };
        if !words.is_empty() {
            let unset = if field.default.is_empty() {
                "unset".to_owned()
            } else {
                format!("default: {}", field.default)
            };
            push(
                out,
                format_args!(
                    r#"<select class="input" {common}><option value="">{}</option>"#,
                    Text(&unset)
                ),
            );
            for word in words {
                let selected = if word == value { " selected" } else { "" };
                push(
                    out,
                    format_args!(
                        r#"<option value="{word}"{selected}>{word}</option>"#,
                        word = Text(word)
                    ),
                );
            }
            out.push_str("</select>");
            return;
        }
        let typing = r#"autocomplete="off" autocapitalize="none" spellcheck="false""#;
        let default = Text(&field.default);
        if field.kind == FieldKind::Lines {
            // A line break at the very beginning would be swallowed.
            push(
                out,
                format_args!(
                    "<textarea class=\"input font-mono\" rows=\"3\" placeholder=\"{default}\" {typing} {common}>\n{}</textarea>",
                    Text(value)
                ),
            );
            return;
        }
        // A secret is typed, and never comes back.
        let (kind, value) = if field.kind == FieldKind::Secret {
            ("password", "")
        } else {
            ("text", value)
        };
        push(
            out,
            format_args!(
                r#"<input class="input" type="{kind}" value="{}" placeholder="{default}" {typing} {common}>"#,
                Text(value)
            ),
        );
    }

    fn fault_line(&self, out: &mut String, name: &str) {
        let fault = self.fault(name);
        let hidden = if fault.is_none() { " hidden" } else { "" };
        push(
            out,
            format_args!(
                r#"<p id="{}" class="mt-1 text-xs font-medium wrap-anywhere text-failed"{hidden}>{}</p>"#,
                Text(&fault_id(name)),
                Text(fault.unwrap_or_default())
            ),
        );
    }
}

fn button(out: &mut String, intent: &str, text: &str) {
    push(
        out,
        format_args!(
            r#"<button class="btn" type="submit" name="form[intent]" value="{}" formnovalidate>{}</button>"#,
            Text(intent),
            Text(text)
        ),
    );
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes any text");
}

/// `max_txn_row` as "Max txn row".
fn label(key: &str) -> String {
    let words = key.replace(['_', '-'], " ");
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// A text with what HTML takes for its own escaped, in quotes too.
struct Text<'a>(&'a str);

impl std::fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fns::form::groups;

    fn form(set: &[(&str, &str)]) -> CreateForm {
        let set = set
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        CreateForm {
            set: set.collect(),
            sink_uri: "file:///x".to_owned(),
            ..CreateForm::default()
        }
    }

    #[test]
    fn what_was_typed_is_no_markup() {
        let typed = r#""><script>alert('1')</script>"#;
        let form = form(&[
            ("sink.csv.null", typed),
            ("filter.event_filters.0.ignore_sql", typed),
        ]);
        let fault = FieldError {
            field: "sink.csv.null".to_owned(),
            message: typed.to_owned(),
        };
        let html = html(&groups(), &form, &[fault]).concat();
        assert!(!html.contains("<script>") && !html.contains(typed));
        assert_eq!(
            html.matches("&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)").count(),
            3
        );
    }

    #[test]
    fn a_secret_is_not_shown_again() {
        let form = form(&[("sink.kafka_config.sasl_password", "hunter2")]);
        assert!(!html(&groups(), &form, &[]).concat().contains("hunter2"));
    }

    #[test]
    fn groups_that_the_sink_does_not_use_say_so() {
        let [_, delivery, _] = html(&groups(), &form(&[]), &[]);
        let note = |title: &str| {
            let at = delivery.find(&format!("<span>{title}</span>")).expect(title);
            let rest = &delivery[at..];
            rest[..rest.find("</summary>").unwrap()].to_owned()
        };
        assert!(note("MySQL, MariaDB and TiDB").contains(UNUSED));
        assert!(!note("CSV").contains(UNUSED));
        assert!(note("Kafka").contains("not in this version"));
    }

    #[test]
    fn labels_are_words() {
        assert_eq!(label("max_txn_row"), "Max txn row");
        assert_eq!(
            label("send-all-bootstrap-at-start"),
            "Send all bootstrap at start"
        );
    }
}
