//! What the top bar offers beside the name: the zone of times, and the menu of whoever uses the console. The menus are
//! native popovers and plain forms: they work without scripts.

use crate::app::facts;
use crate::app::ui::icon::{Glyph, Icon};
use crate::app::zone::{LOCAL, SERVER};
use crate::fns::preferences::SetPreferences;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The zone that times are written in, and others to choose.
#[component]
pub(crate) fn ZoneMenu() -> impl IntoView {
    let name = facts::zone_name();
    name_local_zone();
    let choice = |value: &'static str, label: &'static str, name: &str| {
        let here = label == name;
        view! {
            <button
                class="menu-item"
                type="submit"
                name="zone"
                value=value
                aria-pressed=here.to_string()
            >
                {label}
            </button>
        }
    };
    view! {
        <button
            type="button"
            class="chip hidden max-w-40 sm:inline-flex"
            popovertarget="zone-menu"
            title="Time zone"
        >
            <Icon glyph=Glyph::Clock/>
            <span class="sr-only">"Time zone: "</span>
            <span class="truncate">{name.clone()}</span>
        </button>
        <div id="zone-menu" popover="auto" class="menu" role="group" aria-label="Time zone">
            <form method="post" action=SetPreferences::url()>
                {choice("UTC", "UTC", &name)} <div class="scripted" data-local="">
                    {choice(LOCAL, "Local", &name)}
                </div> {choice(SERVER, "Server", &name)}
            </form>
            <a class="menu-item" href="/ui/settings#zone" rel="external">
                "Another zone"
            </a>
        </div>
    }
    .into_any()
}

/// Tells the forms what the zone of this browser is: the server cannot know it.
pub(crate) fn name_local_zone() {
    #[cfg(target_arch = "wasm32")]
    Effect::new(|_| request_animation_frame(browser::fill));
}

#[cfg(target_arch = "wasm32")]
mod browser {
    use crate::app::zone::LOCAL;
    use leptos::prelude::document;
    use leptos::wasm_bindgen::JsCast;
    use leptos::web_sys::Element;
    use leptos::web_sys::js_sys::{Array, Intl, Object, Reflect};

    pub(super) fn fill() {
        let options = Intl::DateTimeFormat::new(&Array::new(), &Object::new()).resolved_options();
        let zone = Reflect::get(&options, &"timeZone".into())
            .ok()
            .and_then(|zone| zone.as_string())
            .unwrap_or_default();
        let Ok(nodes) = document().query_selector_all("[data-local] [value]") else {
            return;
        };
        for number in 0..nodes.length() {
            if let Some(node) = nodes.get(number).and_then(|node| node.dyn_into::<Element>().ok()) {
                let _cannot_fail = node.set_attribute("value", &format!("{LOCAL}{zone}"));
            }
        }
    }
}

/// Who uses the console, their settings, and the way out.
#[component]
pub(crate) fn UserMenu() -> impl IntoView {
    let (user, role, session) = facts::with(|facts| (facts.user.clone(), facts.role.clone(), facts.session));
    let is_known = !role.is_empty();
    let label = match is_known {
        true => format!("Menu of {user} ({role})"),
        false => "Menu".to_owned(),
    };
    let name = user.clone();
    view! {
        <button type="button" class="btn !px-2" popovertarget="user-menu" aria-label=label>
            <Icon glyph=Glyph::Person/>
            <span class="hidden max-w-28 truncate lg:block" hidden=!is_known>
                {name}
            </span>
        </button>
        <div id="user-menu" popover="auto" class="menu" role="group" aria-label="Menu">
            {is_known.then(|| view! {
                <p class="border-b border-line px-2.5 pt-1 pb-2 text-sm">
                    <span class="block font-medium wrap-anywhere">{user}</span>
                    <span class="text-xs text-ink-2">"Role: " {role}</span>
                </p>
            })}
            <a class="menu-item" href="/ui/settings">
                "Settings"
            </a>
            {session.then(|| view! {
                <form method="post" action="/ui/logout">
                    <button class="menu-item" type="submit">
                        "Log out"
                    </button>
                </form>
            })}
        </div>
    }
    .into_any()
}

/// What everybody must know about this server, on every page.
#[component]
pub(crate) fn Banners() -> impl IntoView {
    let (read_only, exposed) = facts::with(|facts| (facts.read_only, facts.exposed));
    let banner = |text: &'static str| {
        view! {
            <p class="mb-4 flex items-start gap-2 rounded-card border border-warning bg-warning-fill px-3 py-2 text-sm text-warning">
                <span class="mt-0.5">
                    <Icon glyph=Glyph::Flag/>
                </span>
                <span class="min-w-0">{text}</span>
            </p>
        }
    };
    view! {
        {exposed.then(|| banner("Everybody who reaches this server can change the replication: it listens beyond this machine and asks nobody who they are. Set users, tokens or certificates."))}
        {read_only.then(|| banner("This server is read-only: it refuses every change. Changefeeds go on."))}
    }
    .into_any()
}
