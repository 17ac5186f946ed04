//! What can be done with a changefeed now, and why the rest cannot.

use crate::app::changefeed::Writes;
use crate::app::facts;
use crate::app::ui::feed::feed_address;
use crate::app::ui::guarded::GuardedLink;
use crate::app::ui::icon::{Glyph, Icon};
use crate::fns::data::{FeedState, Vitals};
use leptos::form::ActionForm;
use leptos::prelude::*;

/// Why a changefeed in this state cannot be paused.
pub(crate) fn no_pause(state: FeedState) -> Option<&'static str> {
    match state {
        FeedState::Normal | FeedState::Warning => None,
        FeedState::Stopped => Some("It is already paused"),
        FeedState::Failed => Some("It has already stopped by itself"),
        FeedState::Finished | FeedState::Removed => Some("It has ended"),
    }
}

/// Why a changefeed in this state cannot be resumed.
pub(crate) fn no_resume(state: FeedState) -> Option<&'static str> {
    match state {
        FeedState::Stopped | FeedState::Failed | FeedState::Finished => None,
        FeedState::Normal => Some("It is running"),
        FeedState::Warning => Some("It tries again by itself"),
        FeedState::Removed => Some("It has been removed"),
    }
}

/// The buttons of the header.
#[component]
pub(super) fn Actions(namespace: String, id: String, vitals: Memo<Vitals>, writes: Writes) -> impl IntoView {
    let state = move || vitals.with(|v| v.state);
    let remove = format!("{}/remove", feed_address(&namespace, &id));
    let edit = format!("{}/edit", feed_address(&namespace, &id));
    let clone = format!("/ui/changefeeds/new?from={namespace}/{id}");
    let (namespace_too, id_too) = (namespace.clone(), id.clone());
    let may_change = facts::why_not("operator");
    let may_remove = facts::why_not("admin");
    let (no_edit, no_clone) = (may_change.clone(), may_change.clone());
    let (role_too, role) = (may_change.clone(), may_change);
    let reason =
        move |role: &Option<String>, state: Option<&'static str>| role.clone().or(state.map(str::to_owned));
    let busy = move || writes.pause.pending().get() || writes.resume.pending().get();
    view! {
        <div class="flex flex-wrap gap-2 sm:ml-auto" role="group" aria-label="Actions">
            <ActionForm action=writes.pause>
                <input type="hidden" name="namespace" value=namespace_too/>
                <input type="hidden" name="id" value=id_too/>
                <ActionButton name="Pause" glyph=Glyph::Pause busy=Signal::derive(busy) reason=Signal::derive(move || reason(&role_too, no_pause(state())))/>
            </ActionForm>
            <ActionForm action=writes.resume>
                <input type="hidden" name="namespace" value=namespace/>
                <input type="hidden" name="id" value=id/>
                <ActionButton name="Resume" glyph=Glyph::Play busy=Signal::derive(busy) reason=Signal::derive(move || reason(&role, no_resume(state())))/>
            </ActionForm>
            <GuardedLink href=edit class="btn" why_not=no_edit>
                "Edit"
            </GuardedLink>
            <GuardedLink href=clone class="btn" why_not=no_clone>
                "Clone"
            </GuardedLink>
            <GuardedLink href=remove class="btn btn-danger" why_not=may_remove>
                <Icon glyph=Glyph::Bin/>
                "Remove"
            </GuardedLink>
        </div>
    }
    .into_any()
}

/// A submit button that stays reachable when it is off, so that its reason can be read.
#[component]
pub(crate) fn ActionButton(
    name: &'static str,
    glyph: Glyph,
    busy: Signal<bool>,
    reason: Signal<Option<String>>,
) -> impl IntoView {
    let off = move || busy.get() || reason.get().is_some();
    let id = format!("why-not-{name}");
    view! {
        <button
            class="btn"
            type="submit"
            aria-disabled=move || off().then_some("true")
            aria-describedby=id.clone()
            title=move || reason.get()
            on:click=move |ev| {
                if off() {
                    ev.prevent_default();
                }
            }
        >
            <Icon glyph/>
            {name}
        </button>
        <span id=id class="sr-only">
            {move || reason.get()}
        </span>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_offers_pause_or_resume_or_says_why_not() {
        for state in FeedState::ALL {
            let both = no_pause(state).is_none() && no_resume(state).is_none();
            assert!(!both, "{state:?}");
        }
        assert_eq!(no_pause(FeedState::Normal), None);
        assert_eq!(no_resume(FeedState::Failed), None);
    }
}
