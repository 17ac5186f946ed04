//! Every endpoint of the API with its parameters, and an answer on demand. The server makes the page from its OpenAPI
//! document; the browser fills in what is typed and sends the request to the endpoint itself, as any client would.

#[cfg_attr(
    not(any(target_arch = "wasm32", feature = "ssr")),
    allow(dead_code, reason = "used by the server and in a browser")
)]
pub(crate) mod command;
#[cfg(feature = "ssr")]
pub(crate) mod page;
mod send;

use crate::app::layout::PageHead;
use crate::app::served::Served;
use crate::app::ui::copy::CopyButton;
use crate::fns::served::Part;
use leptos::ev::MouseEvent;
use leptos::prelude::*;

/// What came back.
#[cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "answers come in the browser only")
)]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Answer {
    /// Status and time, or why there is none.
    line: String,
    is_good: bool,
    headers: String,
    body: String,
}

/// The page.
#[component]
pub(crate) fn Explorer() -> impl IntoView {
    let answer = RwSignal::new(None::<Answer>);
    // The answer of one endpoint is not that of another.
    let search = leptos_router::hooks::use_location().search;
    Effect::new(move |_| {
        search.track();
        answer.set(None);
    });
    view! {
        <PageHead title="API"/>
        <div on:input=move |_| send::command() on:click=move |ev: MouseEvent| send::clicked(&ev, answer)>
            <Served part=Part::Api/>
            <div class="lg:ml-[22rem]">
                {move || answer.get().map(shown)}
                <p class="sr-only" role="status">
                    {move || answer.with(|answer| answer.as_ref().map(|answer| answer.line.clone()))}
                </p>
            </div>
        </div>
    }
    .into_any()
}

fn shown(answer: Answer) -> AnyView {
    let class = match answer.is_good {
        true => "font-medium text-normal",
        false => "font-medium text-failed",
    };
    let body = answer.body.clone();
    view! {
        <section class="card mt-6 p-4" aria-labelledby="answer">
            <h2 id="answer" class="mb-2 text-lg">"Answer"</h2>
            <p class=class>{answer.line}</p>
            <details class="mt-2 text-sm">
                <summary class="link w-fit cursor-pointer">"Headers"</summary>
                <pre class="code mt-2" tabindex="0" role="region" aria-label="Headers">{answer.headers}</pre>
            </details>
            <div class="relative mt-3">
                <pre class="code max-h-[60dvh] pr-10" tabindex="0" role="region" aria-label="Body of the answer">
                    <code>{answer.body}</code>
                </pre>
                <div class="absolute top-1.5 right-1.5 rounded-[5px] bg-surface">
                    <CopyButton text=body what="answer"/>
                </div>
            </div>
        </section>
    }
    .into_any()
}
