//! Checks while the form is being typed. Cheap ones by themselves; the destination is asked only on demand.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::app::ui::field::Faults;
use crate::fns::create::{CheckForm, CheckedForm, CreateForm, ReadText};
use crate::fns::error::ConsoleError;
use leptos::leptos_dom::helpers::debounce;
use leptos::prelude::*;

/// How long typing has to rest before the server is asked.
const REST: Duration = Duration::from_millis(300);

/// What the form has of its checks.
pub(super) struct Checks {
    /// Faults to show at the fields.
    pub(super) faults: Faults,
    /// What the last check found.
    pub(super) checked: Signal<Option<Result<CheckedForm, ConsoleError>>>,
    /// A check on demand is under way.
    pub(super) checking: Signal<bool>,
    /// Called with the name of a field whenever something is typed into it.
    pub(super) on_input: Callback<String>,
    /// Checks everything now.
    pub(super) check: Callback<()>,
}

/// `typed` reads the form as it stands; `refused` is the answer to an attempt to create, `first` what came with the page,
/// `read` takes over a text.
pub(super) fn checks(
    typed: impl Fn() -> Option<CreateForm> + Copy + Send + Sync + 'static,
    refused: Faults,
    first: Option<CheckedForm>,
    read: ServerAction<ReadText>,
) -> Checks {
    let ask = ServerAction::<CheckForm>::new();
    let value = ask.value();
    let touched = RwSignal::new(BTreeSet::new());
    let on_demand = RwSignal::new(first.is_some());
    let send = move |reach: bool| {
        if let Some(form) = typed() {
            ask.dispatch(CheckForm { form, reach });
        }
    };
    // Not a local value: the server may drop the page on another thread than the one that made it.
    let later: Box<dyn FnMut(()) + Send + Sync> = Box::new(debounce(REST, move |()| send(false)));
    let later = StoredValue::new(later);
    let on_input = Callback::new(move |field: String| {
        touched.update(|touched| {
            touched.insert(field);
        });
        later.update_value(|later| later(()));
    });
    let check = Callback::new(move |()| {
        on_demand.set(true);
        send(true);
    });
    // The texts of the form stand there from the beginning.
    Effect::new(move |_| send(false));
    let checked = Signal::derive(move || value.get().or_else(|| first.clone().map(Ok)));
    let unread = read.value();
    let faults = Signal::derive(move || {
        if let Some(Err(error)) = unread.get() {
            return Some(error);
        }
        // An attempt, or a check on demand, tells everything; otherwise only what was touched is judged.
        let Some(Ok(checked)) = value.get() else {
            return refused.get();
        };
        let everything = on_demand.get() || refused.with(Option::is_some);
        let mut fields = checked.faults;
        if !everything {
            touched.with(|touched| fields.retain(|fault| touched.contains(&fault.field)));
        }
        (!fields.is_empty()).then(|| ConsoleError {
            code: String::new(),
            message: String::new(),
            remedy: String::new(),
            fields,
        })
    });
    let checking = ask.pending();
    Checks {
        faults,
        checked,
        checking: Signal::derive(move || checking.get() && on_demand.get()),
        on_input,
        check,
    }
}
