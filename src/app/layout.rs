//! The frame of every page: skip link, top bar, navigation, breadcrumbs, and what takes the place of a page.

use crate::app::changefeed_new::Leaving;
use crate::app::format::query_escape;
use crate::app::live::{LiveIndicator, use_live};
use crate::app::palette::Commands;
use crate::app::theme::ThemeSwitch;
use crate::app::topbar::{Banners, UserMenu, ZoneMenu};
use crate::app::ui::icon::{Glyph, Icon};
use crate::fns::error::ConsoleError;
use leptos::html;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::Outlet;
use leptos_router::hooks::use_location;

pub(crate) const PLACES: [(&str, &str, Glyph); 8] = [
    ("/ui", "Overview", Glyph::Home),
    ("/ui/changefeeds", "Changefeeds", Glyph::Flow),
    ("/ui/playground/filter", "Playground", Glyph::Flask),
    ("/ui/captures", "Captures", Glyph::Server),
    ("/ui/processors", "Processors", Glyph::Gear),
    ("/ui/activity", "Activity", Glyph::Clock),
    ("/ui/logs", "Logs", Glyph::Lines),
    ("/ui/api", "API", Glyph::Code),
];

/// The code of an answer to somebody whose session has ended.
const NOT_LOGGED_IN: &str = "CDC:ErrCredentialNotFound";

/// A link above the title of a page: text and address.
pub(crate) type Crumb = (String, String);

/// Whether the place at `href` holds the page at `path`.
fn holds(href: &str, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    // The first of several pages stands for them all.
    let href = href.strip_suffix("/filter").unwrap_or(href);
    path == href || (href != "/ui" && path.starts_with(href) && path[href.len()..].starts_with('/'))
}

/// Top bar, navigation and the page.
#[component]
pub(crate) fn Layout() -> impl IntoView {
    provide_context(LastPath(StoredValue::new(None)));
    let leaving = Leaving::new();
    provide_context(leaving);
    let live = use_live();
    let announced = live.announced();
    let main_class = move || {
        if live.is_stale() {
            "stale min-w-0 flex-1 px-4 pt-5 pb-16 md:px-6"
        } else {
            "min-w-0 flex-1 px-4 pt-5 pb-16 md:px-6"
        }
    };
    view! {
        <a
            href="#main"
            rel="external"
            class="btn btn-primary sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-10 focus:inline-flex"
        >
            "Skip to content"
        </a>
        <header class="sticky top-0 z-5 flex h-12 items-center gap-3 border-b border-line bg-bg px-3 md:px-6">
            <a href="/ui" class="flex items-center gap-2 font-semibold tracking-tight" on:click=move |ev| leaving.clicked(&ev)>
                <Logo/>
                "Tidegate"
            </a>
            <div class="ml-auto flex items-center gap-2 sm:gap-3">
                <LiveIndicator/>
                <Commands/>
                <ZoneMenu/>
                <div class="hidden md:block">
                    <ThemeSwitch/>
                </div>
                <UserMenu/>
            </div>
        </header>
        <p role="status" class="sr-only">
            {announced}
        </p>
        <div class="md:flex" on:click=move |ev| leaving.clicked(&ev)>
            <Navigation/>
            <main id="main" tabindex="-1" class=main_class>
                <div class="mx-auto max-w-[1440px]">
                    <Banners/>
                    <Outlet/>
                </div>
            </main>
        </div>
    }
    .into_any()
}

#[component]
fn Navigation() -> impl IntoView {
    let path = use_location().pathname;
    let links = PLACES.map(|(href, name, glyph)| {
        let here = move || path.with(|path| holds(href, path));
        view! {
            <li class="flex-none">
                <a
                    href=href
                    aria-current=move || here().then_some("page")
                    class="flex h-9 items-center gap-2 rounded-control px-1.5 text-sm text-ink-2 hover:bg-surface hover:text-ink aria-[current]:bg-accent-fill aria-[current]:font-medium aria-[current]:text-ink md:px-3"
                >
                    <span class="hidden sm:block">
                        <Icon glyph/>
                    </span>
                    {name}
                </a>
            </li>
        }
    });
    view! {
        <nav
            aria-label="Main"
            class="overflow-x-auto border-b border-line px-2.5 py-1 md:sticky md:top-12 md:h-[calc(100dvh-3rem)] md:w-52 md:flex-none md:border-r md:border-b-0 md:px-3 md:py-4"
        >
            <ul class="flex gap-0.5 md:flex-col md:gap-1">{links}</ul>
        </nav>
    }
    .into_any()
}

#[component]
fn Logo() -> impl IntoView {
    view! {
        <svg class="size-5 text-accent" viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" aria-hidden="true">
            <path d="M3 3v14M17 3v14M3 8c3.5-3 5 3 7 1.5S13.5 6 17 8M3 13c3.5-3 5 3 7 1.500S13.5 11 17 13"></path>
        </svg>
    }
    .into_any()
}

/// Title, breadcrumbs and the one heading of a page; `children` stand beside the heading. Takes the focus after a
/// navigation, so that the new page is announced.
#[component]
pub(crate) fn PageHead(
    /// Heading and window title.
    #[prop(into)]
    title: String,
    /// Pages above this one; empty on the first level.
    #[prop(optional)]
    crumbs: Vec<Crumb>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let heading = NodeRef::<html::H1>::new();
    focus_after_navigation(heading);
    let trail = (!crumbs.is_empty()).then(|| {
        let links = crumbs
            .into_iter()
            .map(|(text, href)| {
                view! {
                    <li class="flex items-center gap-1.5">
                        <a class="hover:text-ink hover:underline" href=href>
                            {text}
                        </a>
                        <span aria-hidden="true">"/"</span>
                    </li>
                }
            })
            .collect_view();
        view! {
            <nav aria-label="Breadcrumbs" class="mb-1">
                <ol class="flex flex-wrap items-center gap-1.5 text-sm text-ink-2">
                    {links} <li aria-current="page" class="min-w-0 truncate text-ink-3">
                        {title.clone()}
                    </li>
                </ol>
            </nav>
        }
    });
    view! {
        <Title text=format!("{title} · Tidegate")/>
        {trail}
        <div class="mb-5 flex flex-wrap items-center gap-x-4 gap-y-2">
            <h1 node_ref=heading tabindex="-1" class="min-w-0 text-xl wrap-anywhere outline-offset-4">
                {title}
            </h1>
            {children.map(|children| children())}
        </div>
    }
    .into_any()
}

/// The path whose heading had its turn; shared by all pages of a visit.
#[derive(Copy, Clone)]
struct LastPath(StoredValue<Option<String>>);

fn focus_after_navigation(heading: NodeRef<html::H1>) {
    let path = use_location().pathname;
    let Some(last) = use_context::<LastPath>() else {
        return;
    };
    Effect::new(move |_| {
        let Some(heading) = heading.get() else {
            return;
        };
        let here = path.get_untracked();
        let before = last.0.get_value();
        if before.is_some_and(|before| before != here) {
            // A page that waited for its data is made before it is put into the document, and takes no focus until then.
            request_animation_frame(move || {
                let _not_focusable = heading.focus();
            });
        }
        last.0.set_value(Some(here));
    });
}

/// Answers 404 within the frame.
#[component]
pub(crate) fn NotFound() -> impl IntoView {
    set_status(404);
    view! {
        <PageHead title="Page not found"/>
        <p class="mb-4 text-ink-2">"There is nothing at this address. It may have been mistyped or removed."</p>
        <p class="flex gap-3">
            <a class="btn btn-primary" href="/ui">
                "Overview"
            </a>
            <a class="btn" href="/ui/changefeeds">
                "Changefeeds"
            </a>
        </p>
    }
    .into_any()
}

/// Takes the place of a page that could not be made.
#[component]
pub(crate) fn PageError(error: ConsoleError) -> impl IntoView {
    view! {
        <ErrorNote error/>
        <p class="mt-4 flex gap-3">
            // The router takes a link to the page itself for a navigation to where one already is.
            <a class="btn" href="" rel="external">
                "Try again"
            </a>
            <a class="btn" href="/ui/changefeeds">
                "All changefeeds"
            </a>
        </p>
    }
    .into_any()
}

/// An error with its code and the next step, in one block.
#[component]
pub(crate) fn ErrorNote(error: ConsoleError) -> impl IntoView {
    let ConsoleError {
        code,
        message,
        remedy,
        ..
    } = error;
    let log_in = (code == NOT_LOGGED_IN).then(|| {
        let here = use_location();
        let address = format!(
            "{}{}",
            here.pathname.get_untracked(),
            match here.search.get_untracked() {
                search if search.is_empty() => search,
                search => format!("?{search}"),
            }
        );
        view! {
            <p class="mt-2 pl-6">
                <a class="link" href=format!("/ui/login?next={}", query_escape(&address)) rel="external">
                    "Log in and come back"
                </a>
            </p>
        }
    });
    view! {
        <div role="alert" class="rounded-card border border-failed bg-failed-fill p-4 text-sm text-failed">
            <p class="flex items-start gap-2 font-medium">
                <span class="mt-0.5">
                    <Icon glyph=Glyph::Cross/>
                </span>
                <span class="min-w-0 wrap-anywhere inline-block first-letter:uppercase">{message}</span>
            </p>
            {(!remedy.is_empty()).then(|| view! { <p class="mt-2 pl-6 text-ink">{remedy}</p> })}
            {log_in}
            {(!code.is_empty()).then(|| view! { <p class="mt-2 pl-6 font-mono text-xs wrap-anywhere">{code}</p> })}
        </div>
    }
    .into_any()
}

/// What stands where data will be.
pub(crate) fn loading() -> impl IntoView {
    view! { <p class="py-8 text-sm text-ink-3">"Loading"</p> }
}

#[cfg(feature = "ssr")]
fn set_status(status: u16) {
    let status = axum::http::StatusCode::from_u16(status);
    if let (Some(response), Ok(status)) = (use_context::<leptos_axum::ResponseOptions>(), status) {
        response.set_status(status);
    }
}

#[cfg(not(feature = "ssr"))]
fn set_status(_: u16) {}

#[cfg(test)]
mod tests {
    use super::holds;

    #[test]
    fn a_place_holds_the_pages_below_it() {
        assert!(holds("/ui", "/ui"));
        assert!(holds("/ui", "/ui/"));
        assert!(!holds("/ui", "/ui/logs"));
        assert!(holds("/ui/changefeeds", "/ui/changefeeds/default/a"));
        assert!(!holds("/ui/changefeeds", "/ui/changefeeds2"));
        assert!(holds("/ui/playground/filter", "/ui/playground/filter"));
        assert!(holds("/ui/playground/filter", "/ui/playground/expression"));
    }
}
