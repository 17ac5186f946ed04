//! Links and buttons for those who may use them; everybody else reads why they may not.

use leptos::prelude::*;

/// A link; without the right to follow it a button that is off and says why.
#[component]
pub(crate) fn GuardedLink(
    #[prop(into)] href: String,
    class: &'static str,
    /// See `facts::why_not`.
    why_not: Option<String>,
    children: Children,
) -> impl IntoView {
    match why_not {
        None => view! {
            <a class=class href=href>
                {children()}
            </a>
        }
        .into_any(),
        Some(why) => view! {
            <button type="button" class=class aria-disabled="true" title=why.clone()>
                {children()} <span class="sr-only">{format!(": {why}")}</span>
            </button>
        }
        .into_any(),
    }
}

/// A button that sends a form; without the right to it one that is off, with the reason beside it.
#[component]
pub(crate) fn GuardedSubmit(
    class: &'static str,
    /// See `facts::why_not`.
    why_not: Option<String>,
    children: Children,
) -> impl IntoView {
    let reason = why_not
        .clone()
        .map(|why| view! { <span class="ml-2 text-sm text-ink-2">{format!("{why}.")}</span> });
    view! {
        <button class=class type="submit" disabled=why_not.is_some()>
            {children()}
        </button>
        {reason}
    }
    .into_any()
}
