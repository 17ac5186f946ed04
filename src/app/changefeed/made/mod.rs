//! Parts of the pages of a changefeed that the server makes: nothing of it lives in the browser.

pub(crate) mod charts;
pub(crate) mod facts;
pub(crate) mod panel;
mod quantity;
pub(crate) mod strip;
pub(crate) mod tables;

use leptos::prelude::*;

/// A button that copies a text; what it does is in `Made`.
fn copy(text: String, what: &str) -> AnyView {
    let label = format!("Copy {what}");
    view! {
        <button type="button" class="btn-copy scripted" data-copy=text aria-label=label.clone() title=label>
            <crate::app::ui::icon::Icon glyph=crate::app::ui::icon::Glyph::Copy/>
        </button>
    }
    .into_any()
}
