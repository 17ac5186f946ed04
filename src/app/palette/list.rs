//! The commands, made on the server.

use crate::app::changefeed::{no_pause, no_resume};
use crate::app::facts;
use crate::app::layout::PLACES;
use crate::app::ui::feed::{feed_address, feed_name};
use crate::app::ui::html::html;
use crate::fns::data::FeedState;
use leptos::prelude::*;

/// Commands shown at once.
const SHOWN_MAX: usize = 12;
/// Longest text that is searched for, in characters.
const TEXT_MAX: usize = 200;

/// A changefeed to do something with.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    pub(crate) namespace: String,
    pub(crate) id: String,
    pub(crate) state: FeedState,
}

/// What a command does.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Act {
    /// Opens a page.
    Go(String),
    /// Pauses or resumes a changefeed.
    Do(&'static str, String),
}

/// Something that can be done, or the reason why it cannot.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Command {
    name: String,
    /// What it belongs to.
    group: &'static str,
    act: Act,
    why_not: Option<String>,
}

impl Command {
    fn go(name: String, group: &'static str, address: String) -> Command {
        Command {
            name,
            group,
            act: Act::Go(address),
            why_not: None,
        }
    }

    /// The same for those only who may.
    fn needs(mut self, role: &str) -> Command {
        self.why_not = facts::why_not(role).or(self.why_not);
        self
    }
}

/// The list of what fits `text`, as HTML.
pub(crate) fn options(text: &str, path: &str, feeds: &[Feed]) -> String {
    let text: String = text.chars().take(TEXT_MAX).collect();
    let found = matching(all(path, feeds), &text);
    html(move || {
        if found.is_empty() {
            return view! { <p class="px-2 py-3 text-sm text-ink-2">"No command has this name."</p> }
                .into_any();
        }
        let options: Vec<AnyView> = found.into_iter().enumerate().map(option).collect();
        view! {
            <ul id="commands" role="listbox" aria-label="Commands" class="grid gap-0.5">
                {options}
            </ul>
        }
        .into_any()
    })
}

fn option((number, command): (usize, Command)) -> AnyView {
    let (go, verb, feed) = match command.act {
        Act::Go(address) => (Some(address), None, None),
        Act::Do(verb, feed) => (None, Some(verb), Some(feed)),
    };
    let is_off = command.why_not.is_some();
    let class = match is_off {
        true => "command text-ink-3",
        false => "command",
    };
    view! {
        <li
            role="option"
            id=format!("command-{number}")
            class=class
            aria-selected=if number == 0 { "true" } else { "false" }
            aria-disabled=is_off.then_some("true")
            data-go=go
            data-verb=verb
            data-feed=feed
        >
            <span class="min-w-0 truncate">{command.name}</span>
            <span class="ml-auto flex-none text-xs text-ink-3">
                {command.why_not.unwrap_or_else(|| command.group.to_owned())}
            </span>
        </li>
    }
    .into_any()
}

/// Every command; those of the page's own changefeed first.
fn all(path: &str, feeds: &[Feed]) -> Vec<Command> {
    let is_here = |feed: &Feed| {
        let address = feed_address(&feed.namespace, &feed.id);
        path == address
            || path
                .strip_prefix(&address)
                .is_some_and(|rest| rest.starts_with('/'))
    };
    let mut commands = Vec::new();
    for feed in feeds.iter().filter(|feed| is_here(feed)) {
        commands.extend(of_feed(feed));
    }
    let pages = PLACES.iter().map(|(address, name, _)| (*name, *address));
    let pages = pages.chain([
        ("Event filters", "/ui/playground/expression"),
        ("Settings", "/ui/settings"),
    ]);
    commands.extend(pages.map(|(name, address)| Command::go(name.to_owned(), "page", address.to_owned())));
    let new = Command::go(
        "New changefeed".to_owned(),
        "action",
        "/ui/changefeeds/new".to_owned(),
    );
    commands.push(new.needs("operator"));
    for feed in feeds.iter().filter(|feed| !is_here(feed)) {
        commands.extend(of_feed(feed));
    }
    commands
}

/// What can be done with a changefeed: what its page has buttons for.
fn of_feed(feed: &Feed) -> Vec<Command> {
    let Feed { namespace, id, state } = feed;
    let name = feed_name(namespace, id);
    let address = feed_address(namespace, id);
    let go = |verb: &str, address: String| Command::go(format!("{verb} {name}"), "action", address);
    let change = |verb: &'static str, word: &'static str, why_not: Option<&str>| Command {
        name: format!("{verb} {name}"),
        group: "action",
        act: Act::Do(word, format!("{namespace}/{id}")),
        why_not: why_not.map(str::to_owned),
    };
    vec![
        Command::go(name.clone(), "changefeed", address.clone()),
        change("Pause", "pause", no_pause(*state)).needs("operator"),
        change("Resume", "resume", no_resume(*state)).needs("operator"),
        go("Edit", format!("{address}/edit")).needs("operator"),
        go("Clone", format!("/ui/changefeeds/new?from={namespace}/{id}")).needs("operator"),
        go("Remove", format!("{address}/remove")).needs("admin"),
    ]
}

/// The commands whose names hold every word of `text`, best first: the one of that name, then those that begin with it.
fn matching(commands: Vec<Command>, text: &str) -> Vec<Command> {
    let text = text.trim().to_lowercase();
    let rank = |command: &Command| {
        let name = command.name.to_lowercase();
        let fits = text.split_whitespace().all(|word| name.contains(word));
        fits.then(|| (name != text, !name.starts_with(&text)))
    };
    let mut found: Vec<_> = commands
        .into_iter()
        .filter_map(|command| Some((rank(&command)?, command)))
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.truncate(SHOWN_MAX);
    found.into_iter().map(|(_, command)| command).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(id: &str, state: FeedState) -> Feed {
        Feed {
            namespace: "default".to_owned(),
            id: id.to_owned(),
            state,
        }
    }

    fn names(text: &str, path: &str) -> Vec<String> {
        let feeds = [
            feed("orders", FeedState::Normal),
            feed("users", FeedState::Stopped),
        ];
        let found = matching(all(path, &feeds), text);
        found.into_iter().map(|command| command.name).collect()
    }

    #[test]
    fn words_find_commands_and_the_own_changefeed_comes_first() {
        assert_eq!(names("pause ord", "/ui"), ["Pause orders"]);
        assert_eq!(names("users", "/ui")[0], "users");
        assert_eq!(names("", "/ui")[0], "Overview");
        assert_eq!(
            names("", "/ui/changefeeds/default/users/config")[..2],
            ["users", "Pause users"]
        );
        assert!(names("no such thing", "/ui").is_empty());
        assert!(names("", "/ui").len() <= SHOWN_MAX);
    }

    #[test]
    fn what_cannot_be_done_says_why_and_texts_are_escaped() {
        let html = options("resume orders", "/ui", &[feed("orders", FeedState::Normal)]);
        assert!(
            html.contains("aria-disabled=\"true\"") && html.contains("It is running"),
            "{html}"
        );
        let html = options("pause orders", "/ui", &[feed("orders", FeedState::Normal)]);
        assert!(
            !html.contains("aria-disabled") && html.contains("data-feed=\"default/orders\""),
            "{html}"
        );
        assert!(options("<b>", "/ui", &[]).contains("No command"));
    }
}
