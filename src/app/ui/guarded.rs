//! A link that looks like a button, for those who may follow it.

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
