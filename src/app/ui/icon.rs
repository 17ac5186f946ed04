//! Line icons, 16 px, drawn for this console.

use leptos::prelude::*;

/// What an icon shows.
#[derive(Copy, Clone, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "ssr"),
    allow(dead_code, reason = "some icons are drawn by the server only")
)]
pub(crate) enum Glyph {
    Check,
    Retry,
    Pause,
    Play,
    Cross,
    Flag,
    Bin,
    Home,
    Flow,
    Server,
    Lines,
    Plus,
    Copy,
    Sun,
    Moon,
    Screen,
    Search,
    File,
    Database,
    Void,
    Pulse,
    Clock,
    Up,
    Down,
    Flask,
    Gear,
    More,
    Code,
    Person,
}

impl Glyph {
    /// Data of the one path of the icon, in a box of 16 by 16.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Glyph::Check => "M3 8.5l3.2 3.2L13 4.8",
            Glyph::Retry => "M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3",
            Glyph::Pause => "M5.5 3.5v9M10.5 3.5v9",
            Glyph::Play => "M5 3.5v9l7-4.5z",
            Glyph::Cross => "M4 4l8 8M12 4l-8 8",
            Glyph::Flag => "M4 14V2.5M4 3h8l-2 3 2 3H4",
            Glyph::Bin => "M2.5 4.5h11M6 4.5v-2h4v2M4 4.5l.7 9h6.6l.7-9M6.8 7v4M9.2 7v4",
            Glyph::Home => "M2.5 2.5h4.5v5h-4.5zM9 2.5h4.5v3H9zM9 8h4.5v5.5H9zM2.5 10h4.5v3.5h-4.5z",
            Glyph::Flow => "M2 5h9M8.5 2.5L11 5 8.5 7.5M14 11H5M7.5 8.5L5 11l2.5 2.5",
            Glyph::Server => "M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.01M5 11h.01",
            Glyph::Lines => "M3 3.5h10M3 6.5h7M3 9.5h10M3 12.5h5",
            Glyph::Clock => "M8 2.5a5.500 5.500 0 1 0 .01 0M8 5v3.200l2.200 1.300",
            Glyph::Up => "M8 13V3.5M4 7.500L8 3.500l4 4",
            Glyph::Down => "M8 3v9.500M4 8.500l4 4 4-4",
            Glyph::Gear => {
                "M8 5.500a2.500 2.500 0 1 1 0 5 2.500 2.500 0 0 1 0-5zM8 1.500v2M8 12.500v2M1.500 8h2M12.500 8h2M3.400 3.400l1.400 1.400M11.200 11.200l1.400 1.400M3.400 12.600l1.400-1.400M11.200 4.800l1.400-1.400"
            }
            Glyph::Code => "M5.500 4.500L2 8l3.500 3.500M10.500 4.500L14 8l-3.500 3.500",
            Glyph::Person => {
                "M8 2.500a2.750 2.750 0 1 1 0 5.500 2.750 2.750 0 0 1 0-5.500zM2.500 13.500c.6-2.500 2.700-3.500 5.500-3.500s4.900 1 5.500 3.500"
            }
            Glyph::Flask => "M6 2v4.500L2.500 13.500h11L10 6.500V2M5 2h6M4.500 10h7",
            Glyph::More => "M3 8h.01M8 8h.01M13 8h.01",
            Glyph::Plus => "M8 3v10M3 8h10",
            Glyph::Copy => "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
            Glyph::Sun => {
                "M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM8 1.2v1.3M8 13.5v1.3M1.2 8h1.3M13.5 8h1.3M3.2 3.2l.9.9M11.9 11.9l.9.9M3.2 12.8l.9-.9M11.9 4.1l.9-.9"
            }
            Glyph::Moon => "M13 9.6A5.5 5.5 0 0 1 6.4 3 5.5 5.5 0 1 0 13 9.6z",
            Glyph::Screen => "M2 3h12v8H2zM6 13.5h4M8 11v2.5",
            Glyph::Search => "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.3 10.3l3.2 3.2",
            Glyph::File => "M4 1.5h5.5L12.5 4.5v10H4zM9.5 1.5v3h3",
            Glyph::Database => {
                "M2.5 4c0-1.1 2.5-2 5.5-2s5.5.9 5.5 2-2.5 2-5.5 2-5.5-.9-5.5-2zM2.5 4v8c0 1.1 2.5 2 5.5 2s5.5-.9 5.5-2V4M2.5 8c0 1.1 2.5 2 5.5 2s5.5-.9 5.5-2"
            }
            Glyph::Void => "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM4.2 11.8l7.6-7.6",
            Glyph::Pulse => "M1.5 8h3l2-5 3 10 2-5h3",
        }
    }
}

/// An icon beside a text that says the same: hidden from assistive technology.
#[component]
pub(crate) fn Icon(#[prop(into)] glyph: Signal<Glyph>) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            <path d=move || glyph.get().path()></path>
        </svg>
    }
    .into_any()
}
