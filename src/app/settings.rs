//! Preferences of the reader, facts of the server, and what it is made of.

use crate::app::layout::PageHead;
use crate::app::served::Served;
use crate::fns::served::Part;
use leptos::prelude::*;

#[cfg(feature = "ssr")]
pub(crate) use page::{Shown, page};

/// The page.
#[component]
pub(crate) fn Settings() -> impl IntoView {
    view! {
        <PageHead title="Settings"/>
        <Served part=Part::Settings/>
    }
    .into_any()
}

#[cfg(feature = "ssr")]
mod page {
    use crate::app::facts;
    use crate::app::format;
    use crate::app::theme::{self, Theme};
    use crate::app::ui::html::{html, trouble};
    use crate::app::zone::{LOCAL, SERVER};
    use crate::fns::preferences::{ABSOLUTE, NAMED, OFF, SetPreferences};
    use crate::fns::query::Query;
    use leptos::prelude::*;
    use leptos::server_fn::ServerFn;
    use tidegate_api::ServerInfo;

    /// What the page shows, and what was chosen before.
    pub(crate) struct Shown {
        /// The server; why not, if it cannot be told.
        pub(crate) server: Result<ServerInfo, String>,
        /// Address under which others reach it.
        pub(crate) address: String,
        /// Name of the server's zone.
        pub(crate) server_zone: String,
        /// The choice of the zone.
        pub(crate) zone: String,
        /// Whether single keys do something.
        pub(crate) keys: bool,
    }

    /// The whole page. The query may name a zone that does not exist.
    pub(crate) fn page(shown: &Shown, query: &Query) -> String {
        let unknown = query.get("zone").to_owned();
        html(|| {
            view! {
                <div class="grid grid-cols-[minmax(0,1fr)] items-start gap-6 lg:grid-cols-2">
                    {preferences(shown, unknown)}
                    <div class="grid grid-cols-[minmax(0,1fr)] gap-6">
                        {server(shown)}
                        {about()}
                    </div>
                </div>
            }
            .into_any()
        })
    }

    fn preferences(shown: &Shown, unknown: String) -> AnyView {
        let theme = theme::current();
        let themes = [Theme::System, Theme::Light, Theme::Dark]
            .map(|one| radio("theme", one.word(), one.name(), "", one == theme));
        let absolute = facts::with(|facts| facts.absolute);
        view! {
            <section class="card p-4" aria-labelledby="preferences">
                <h2 id="preferences" class="mb-1 text-lg">"Preferences"</h2>
                <p class="mb-4 text-sm text-ink-2">"Kept in this browser."</p>
                <form method="post" action=SetPreferences::url() class="grid gap-5">
                    {group("Theme", themes.into_iter().collect())}
                    {zones(shown, unknown)}
                    {group("Times", vec![
                        radio("times", "relative", "Relative where that reads better", "In full on hover.", !absolute),
                        radio("times", ABSOLUTE, "In full everywhere", "", absolute),
                    ])}
                    {group("Single-key shortcuts", vec![
                        radio("keys", "on", "On", "Press ? for the list.", shown.keys),
                        radio("keys", OFF, "Off", "Ctrl+K still opens the commands.", !shown.keys),
                    ])}
                    <p>
                        <button class="btn btn-primary" type="submit">"Save"</button>
                    </p>
                </form>
            </section>
        }
        .into_any()
    }

    fn zones(shown: &Shown, unknown: String) -> AnyView {
        let choice = shown.zone.as_str();
        let is_local = choice.starts_with(LOCAL);
        let is_named = !is_local && !matches!(choice, "" | "UTC" | SERVER);
        let name = match is_named {
            true => choice.to_owned(),
            false => unknown.clone(),
        };
        let fault = (!unknown.is_empty()).then(|| {
            trouble(
                "zone-fault",
                format!("There is no time zone {unknown}. The old choice stays."),
            )
        });
        let local = if is_local { choice } else { LOCAL }.to_owned();
        view! {
            <fieldset class="grid gap-2" id="zone">
                <legend class="mb-1 text-sm font-medium">"Time zone"</legend>
                {radio("zone", "UTC", "UTC", "", choice.is_empty() || choice == "UTC")}
                {radio("zone", SERVER, "Server", &format!("{}.", shown.server_zone), choice == SERVER)}
                <div class="scripted" data-local="">
                    {radio("zone", &local, "Local", "The zone of this browser.", is_local)}
                </div>
                <div class="flex flex-wrap items-center gap-2.5">
                    <input class="check" type="radio" id="zone-named" name="zone" value=NAMED checked=is_named/>
                    <label for="zone-named" class="text-sm">"Another:"</label>
                    <input
                        class="input !w-56"
                        type="text"
                        name="zone_name"
                        value=name
                        aria-label="Name of the time zone"
                        placeholder="Europe/Berlin"
                        list="zone-names"
                        autocomplete="off"
                        autocapitalize="none"
                        spellcheck="false"
                        aria-invalid=(!unknown.is_empty()).then_some("true")
                        aria-describedby="zone-fault"
                    />
                    <datalist id="zone-names">
                        {NAMES.map(|name| view! { <option value=name></option> })}
                    </datalist>
                </div>
                {fault}
            </fieldset>
        }
        .into_any()
    }

    /// Names that are offered; every other one of the tz database can be typed.
    const NAMES: [&str; 14] = [
        "Africa/Cairo",
        "America/Chicago",
        "America/Los_Angeles",
        "America/New_York",
        "America/Sao_Paulo",
        "Asia/Dubai",
        "Asia/Kolkata",
        "Asia/Shanghai",
        "Asia/Singapore",
        "Asia/Tokyo",
        "Australia/Sydney",
        "Europe/Berlin",
        "Europe/London",
        "Europe/Paris",
    ];

    fn group(legend: &'static str, choices: Vec<AnyView>) -> AnyView {
        view! {
            <fieldset class="grid gap-2">
                <legend class="mb-1 text-sm font-medium">{legend}</legend>
                {choices}
            </fieldset>
        }
        .into_any()
    }

    fn radio(name: &'static str, value: &str, label: &'static str, help: &str, checked: bool) -> AnyView {
        let id = format!("{name}-{}", label.to_lowercase().replace(' ', "-"));
        let help = (!help.is_empty())
            .then(|| view! { <span class="block text-xs text-ink-3">{help.to_owned()}</span> });
        view! {
            <div class="flex min-h-6 gap-2.5">
                <input class="check" type="radio" id=id.clone() name=name value=value.to_owned() checked=checked/>
                <label for=id class="text-sm">
                    {label}
                    {help}
                </label>
            </div>
        }
        .into_any()
    }

    fn server(shown: &Shown) -> AnyView {
        let facts = match &shown.server {
            Err(error) => return trouble("server-fault", error.clone()),
            Ok(info) => rows(info, shown),
        };
        let rows: Vec<AnyView> = facts
            .into_iter()
            .map(|(name, value)| {
                view! {
                    <dt class="text-ink-2">{name}</dt>
                    <dd class="mb-1.5 min-w-0 wrap-anywhere sm:mb-0">{value}</dd>
                }
                .into_any()
            })
            .collect();
        view! {
            <section class="card p-4" aria-labelledby="server">
                <h2 id="server" class="mb-3 text-lg">"Server"</h2>
                <dl class="text-sm sm:grid sm:grid-cols-[auto_minmax(0,1fr)] sm:gap-x-6 sm:gap-y-1.5">{rows}</dl>
            </section>
        }
        .into_any()
    }

    fn rows(info: &ServerInfo, shown: &Shown) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            ("Version", info.version.clone()),
            ("Version of the API", info.api_version.clone()),
            (
                "Up for",
                format::duration(info.uptime_seconds.saturating_mul(1000)),
            ),
            ("Address", shown.address.clone()),
            ("Capture", info.capture_id.clone()),
            ("Cluster", info.cluster_id.clone()),
            ("Log level", info.log_level.clone()),
            ("Time zone", shown.server_zone.clone()),
        ];
        match (&info.upstream, &info.upstream_error) {
            (Some(upstream), _) => {
                rows.push(("Upstream", format!("{} {}", upstream.flavour, upstream.version)));
                rows.push(("Address of the upstream", upstream.address.clone()));
            }
            (None, error) => rows.push(("Upstream", error.clone().unwrap_or_default())),
        }
        rows
    }

    fn about() -> AnyView {
        view! {
            <section class="card p-4" aria-labelledby="licences">
                <h2 id="licences" class="mb-1 text-lg">"Licences"</h2>
                <p class="text-sm text-ink-2">
                    "Tidegate is free software under the Apache License 2.0. It is built from other free software: "
                    <a class="link" href="/ui/licences.txt" rel="external">"list of packages and their licences"</a> "."
                </p>
            </section>
        }
        .into_any()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn choices_are_marked_and_what_was_typed_is_escaped() {
            let shown = Shown {
                server: Err("[CDC:ErrX] <down>".to_owned()),
                address: String::new(),
                server_zone: "Asia/Tokyo".to_owned(),
                zone: "server".to_owned(),
                keys: false,
            };
            let query = Query::parse("zone=%3Cscript%3E").unwrap();
            let html = page(&shown, &query);
            assert!(!html.contains("<script>") && !html.contains("<down>"), "{html}");
            assert!(html.contains("There is no time zone"));
            let marked = |id: &str| {
                let input = html
                    .split("<input")
                    .find(|input| input.contains(&format!("id=\"{id}\"")));
                input.unwrap().split('>').next().unwrap().contains("checked")
            };
            assert!(marked("zone-server") && !marked("zone-utc"));
            assert!(marked("keys-off") && !marked("keys-on"));
            assert!(marked("times-relative-where-that-reads-better"));
        }
    }
}
