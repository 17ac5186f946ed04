//! Light, dark or the system's choice. The cookie lets the server put the theme into the first byte of HTML, so
//! nothing flashes; the form works without JavaScript.

use crate::app::ui::icon::{Glyph, Icon};
use crate::fns::preferences::SetPreferences;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// Name of the cookie.
pub(crate) const COOKIE: &str = "tidegate_theme";

/// The choice of a user.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Theme {
    System,
    Light,
    Dark,
}

impl Theme {
    const ALL: [Theme; 3] = [Theme::System, Theme::Light, Theme::Dark];

    /// Reads the value of the cookie or of the form.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Theme::ALL.into_iter().find(|theme| theme.word() == word)
    }

    /// The value of the cookie and of `data-theme`.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Theme::System => "system",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    /// Its name beside others of its kind.
    #[cfg(feature = "ssr")]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Theme::System => "As the system",
            Theme::Light => "Light",
            Theme::Dark => "Dark",
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Theme::System => "System theme",
            Theme::Light => "Light theme",
            Theme::Dark => "Dark theme",
        }
    }

    const fn glyph(self) -> Glyph {
        match self {
            Theme::System => Glyph::Screen,
            Theme::Light => Glyph::Sun,
            Theme::Dark => Glyph::Moon,
        }
    }
}

/// The value of a cookie of this browser.
#[cfg(target_arch = "wasm32")]
pub(crate) fn cookie(name: &str) -> Option<String> {
    browser::cookies()?
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value.to_owned())
}

/// Finds the theme in the text of a `Cookie` header or of `document.cookie`.
fn from_cookies(cookies: &str) -> Theme {
    cookies
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .and_then(|(_, word)| Theme::from_word(word))
        .unwrap_or(Theme::System)
}

/// The word for `data-theme` that a `Cookie` header asks for.
#[cfg(feature = "ssr")]
pub(crate) fn word_of_cookies(cookies: &str) -> &'static str {
    from_cookies(cookies).word()
}

/// The theme of this request or of this browser.
pub(crate) fn current() -> Theme {
    #[cfg(feature = "ssr")]
    {
        use_context::<axum::http::request::Parts>()
            .and_then(|parts| Some(from_cookies(parts.headers.get("cookie")?.to_str().ok()?)))
            .unwrap_or(Theme::System)
    }
    #[cfg(not(feature = "ssr"))]
    {
        browser::cookies().map_or(Theme::System, |cookies| from_cookies(&cookies))
    }
}

/// Three buttons, one of them pressed.
#[component]
pub(crate) fn ThemeSwitch() -> impl IntoView {
    let chosen = RwSignal::new(current());
    let buttons = Theme::ALL.map(|theme| {
        view! {
            <button
                type="submit"
                name="theme"
                value=theme.word()
                title=theme.label()
                aria-label=theme.label()
                aria-pressed=move || (chosen.get() == theme).to_string()
                class="grid size-7 place-items-center rounded-[5px] text-ink-3 hover:text-ink aria-pressed:bg-accent-fill aria-pressed:text-accent"
                on:click=move |ev| {
                    ev.prevent_default();
                    chosen.set(theme);
                    browser::apply(theme);
                }
            >
                <Icon glyph=theme.glyph()/>
            </button>
        }
    });
    view! {
        <form
            method="post"
            action=SetPreferences::url()
            class="flex rounded-control border border-line"
            role="group"
            aria-label="Theme"
        >
            {buttons}
        </form>
    }
    .into_any()
}

#[cfg(target_arch = "wasm32")]
mod browser {
    use super::{COOKIE, Theme};
    use leptos::prelude::document;
    use wasm_bindgen::JsCast;
    use web_sys::HtmlDocument;

    pub(super) fn cookies() -> Option<String> {
        document().dyn_into::<HtmlDocument>().ok()?.cookie().ok()
    }

    /// Shows the theme at once and remembers it for a year. A browser that refuses cookies forgets it.
    pub(super) fn apply(theme: Theme) {
        let word = theme.word();
        if let Some(root) = document().document_element() {
            let _refused = root.set_attribute("data-theme", word);
        }
        if let Ok(document) = document().dyn_into::<HtmlDocument>() {
            let cookie = format!("{COOKIE}={word}; Path=/ui; Max-Age=31536000; SameSite=Lax");
            let _refused = document.set_cookie(&cookie);
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod browser {
    use super::Theme;

    #[cfg(not(feature = "ssr"))]
    pub(super) fn cookies() -> Option<String> {
        None
    }

    pub(super) fn apply(_: Theme) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        assert_eq!(from_cookies("a=1; tidegate_theme=dark; b=2"), Theme::Dark);
        assert_eq!(from_cookies("tidegate_theme=<script>"), Theme::System);
        assert_eq!(from_cookies(""), Theme::System);
    }
}
