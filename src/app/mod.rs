//! Pages and components of the web console.
use leptos::prelude::*;
use leptos_meta::{MetaTags, provide_meta_context};

/// The document around the application.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <HydrationScripts options root="/ui"/>
                <MetaTags/>
            </head>
            <body><App/></body>
        </html>
    }
}

/// The application.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! { <h1>"Tidegate"</h1> }
}
