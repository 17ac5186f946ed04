//! The state of a changefeed: a glyph and a word, never colour alone.

use crate::app::ui::icon::{Glyph, Icon};
use crate::fns::data::FeedState;
use leptos::prelude::*;

const fn class(state: FeedState) -> &'static str {
    match state {
        FeedState::Normal => "badge badge-normal",
        FeedState::Warning => "badge badge-warning",
        FeedState::Stopped => "badge badge-stopped",
        FeedState::Failed => "badge badge-failed",
        FeedState::Finished => "badge badge-finished",
        FeedState::Removed => "badge badge-removed",
    }
}

/// The glyph of a state.
pub(crate) const fn glyph(state: FeedState) -> Glyph {
    match state {
        FeedState::Normal => Glyph::Check,
        FeedState::Warning => Glyph::Retry,
        FeedState::Stopped => Glyph::Pause,
        FeedState::Failed => Glyph::Cross,
        FeedState::Finished => Glyph::Flag,
        FeedState::Removed => Glyph::Bin,
    }
}

/// The badge of a state.
#[component]
pub(crate) fn StateBadge(#[prop(into)] state: Signal<FeedState>) -> impl IntoView {
    view! {
        <span class=move || class(state.get())>
            <Icon glyph=Signal::derive(move || glyph(state.get()))/>
            {move || state.get().word()}
        </span>
    }
    .into_any()
}
