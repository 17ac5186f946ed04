//! Keeps what is typed on the server, so that a crash of the tab loses nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::fns::create::CreateForm;
use crate::fns::saved::SaveDraft;
use leptos::leptos_dom::helpers::debounce;
use leptos::prelude::*;

/// How long typing has to rest before the draft is saved.
const REST: Duration = Duration::from_secs(2);

/// A draft that follows the form. A handle.
#[derive(Copy, Clone)]
pub(super) struct Saving {
    /// Called whenever something is typed.
    pub(super) on_input: Callback<()>,
    /// Whether it was saved, for the reader.
    pub(super) said: Signal<&'static str>,
}

/// `typed` reads the form as it stands; nothing is saved while the form itself is on its way.
pub(super) fn saving(
    typed: impl Fn() -> Option<CreateForm> + Copy + Send + Sync + 'static,
    sending: Signal<bool>,
) -> Saving {
    let save = ServerAction::<SaveDraft>::new();
    // What was waiting when the page was left has lost its form.
    let is_here = Arc::new(AtomicBool::new(true));
    let here = Arc::clone(&is_here);
    on_cleanup(move || is_here.store(false, Ordering::Relaxed));
    let later: Box<dyn FnMut(()) + Send + Sync> = Box::new(debounce(REST, move |()| {
        if here.load(Ordering::Relaxed)
            && !sending.get_untracked()
            && let Some(form) = typed()
        {
            save.dispatch(SaveDraft { form });
        }
    }));
    let later = StoredValue::new(later);
    let value = save.value();
    Saving {
        on_input: Callback::new(move |()| later.update_value(|later| later(()))),
        said: Signal::derive(move || match value.get() {
            None => "",
            Some(Ok(())) => "Draft saved",
            Some(Err(_)) => "The draft could not be saved",
        }),
    }
}
