//! The effective configuration.

use crate::app::ui::copy::CodeBlock;
use crate::fns::data::FeedDetail;
use leptos::prelude::*;

/// Body of the config tab.
#[component]
pub(super) fn Body(detail: StoredValue<FeedDetail>) -> impl IntoView {
    let json = detail.with_value(|detail| detail.config_json.clone());
    view! {
        <section>
            <h2 class="mb-1 text-sm font-medium">"replica_config"</h2>
            <p class="mb-3 text-sm text-ink-2">"As the v2 API gives it, defaults filled in, secrets masked."</p>
            <CodeBlock code=json what="replica_config as JSON"/>
        </section>
    }
    .into_any()
}
