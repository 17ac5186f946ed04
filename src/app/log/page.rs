//! The part of the log page that the server makes.

use crate::app::ui::html::{html, text};
use crate::app::ui::icon::{Glyph, Icon};
use crate::fns::query::Query;
use leptos::prelude::*;

const LEVELS: [(&str, &str); 4] = [
    ("", "all"),
    ("info", "info and above"),
    ("warn", "warn and above"),
    ("error", "error only"),
];

/// The fields of the filter, filled in.
pub(crate) fn fields(query: &Query) -> String {
    let level = query.get("level").to_owned();
    let options =
        LEVELS.map(|(word, name)| view! { <option value=word selected=word == level>{name}</option> });
    html(|| {
        view! {
            <div class="grid grid-cols-[minmax(0,1fr)] gap-3 sm:grid-cols-3">
                <div class="min-w-0">
                    <label for="level" class="mb-1 block text-sm font-medium">
                        "Level"
                    </label>
                    <select class="input" id="level" name="level">
                        {options}
                    </select>
                </div>
                {text("target", "Target", "Part of the module's name.", "tidegate_sink", query.get("target").to_owned())}
                {text("q", "Text", "Part of the line, in any case.", "default/orders", query.get("q").to_owned())}
            </div>
            <input type="hidden" name="wrap" value=query.get("wrap").to_owned()/>
            <p class="unscripted mt-2">
                <button class="btn" type="submit">
                    <Icon glyph=Glyph::Search/>
                    "Filter"
                </button>
            </p>
        }
        .into_any()
    })
}
