//! The commands of the palette, found by the server: it knows every changefeed, and who may do what.

#![allow(clippy::unused_async, reason = "server functions are async")]

#[cfg(feature = "ssr")]
use crate::fns::context;
use crate::fns::error::ConsoleError;
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;

/// Commands whose names hold every word of `text`, as HTML of the server's own making; `path` is the page where the
/// palette was opened.
#[server(name = FindCommands, endpoint = "commands", input = GetUrl)]
pub async fn find_commands(text: String, path: String) -> Result<String, ConsoleError> {
    let console = context::console()?;
    let feeds = console.feed_states();
    Ok(crate::app::palette::list::options(&text, &path, &feeds))
}

#[cfg(feature = "ssr")]
impl context::Console {
    /// Namespace, id and state of every changefeed, by name.
    fn feed_states(&self) -> Vec<crate::app::palette::list::Feed> {
        let briefs = self.service().changefeed_briefs();
        let mut feeds: Vec<_> = briefs
            .iter()
            .map(|brief| crate::app::palette::list::Feed {
                namespace: brief.namespace.clone(),
                id: brief.id.clone(),
                state: crate::fns::data::FeedState::from_wire(&brief.state),
            })
            .collect();
        feeds.sort_by(|a, b| (&a.namespace, &a.id).cmp(&(&b.namespace, &b.id)));
        feeds
    }
}
