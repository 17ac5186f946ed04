//! Asks the server while the form is being typed. Cheap checks by themselves; the destination only on demand.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::app::ui::field::{Faults, fault_id};
use crate::fns::create::{AskForm, CheckedForm, CreateForm, FormView};
use crate::fns::error::ConsoleError;
use leptos::leptos_dom::helpers::debounce;
use leptos::prelude::*;

/// How long typing has to rest before the server is asked.
const REST: Duration = Duration::from_millis(300);

/// What outlives the form when the server answers with another one. Handles.
#[derive(Copy, Clone)]
pub(super) struct Kept {
    /// The form, and how often it was begun.
    pub(super) begin: RwSignal<(u32, FormView)>,
    /// Fields that something was typed into.
    touched: RwSignal<BTreeSet<String>>,
    /// A check on demand was asked for.
    on_demand: RwSignal<bool>,
}

impl Kept {
    /// Begins with this form.
    pub(super) fn new(view: FormView) -> Self {
        Kept {
            touched: RwSignal::default(),
            on_demand: RwSignal::new(view.draft.checked.is_some()),
            begin: RwSignal::new((0, view)),
        }
    }
}

/// What the form has of its conversation with the server.
pub(super) struct Checks {
    /// Faults to show at the fields.
    pub(super) faults: Faults,
    /// What the last check found.
    pub(super) checked: Signal<Option<Result<CheckedForm, ConsoleError>>>,
    /// A check on demand is under way.
    pub(super) checking: Signal<bool>,
    /// Called with the name of a field whenever something is typed into it.
    pub(super) on_input: Callback<String>,
    /// Does what a button with this intent says.
    pub(super) ask: Callback<String>,
}

/// `typed` reads the form as it stands; `refused` is the answer to an attempt to write, `first` the check that came with
/// the page. An answer with another form begins that.
pub(super) fn checks(
    typed: impl Fn() -> Option<CreateForm> + Copy + Send + Sync + 'static,
    refused: Faults,
    first: Option<CheckedForm>,
    kept: Kept,
) -> Checks {
    let Kept {
        begin,
        touched,
        on_demand,
    } = kept;
    // Two, because an action forgets an answer that is overtaken: typing must not overtake a button.
    let (buttons, looks) = (ServerAction::<AskForm>::new(), ServerAction::<AskForm>::new());
    let checked = RwSignal::new(first.map(Ok));
    let unread = RwSignal::new(None);
    let send = move |action: ServerAction<AskForm>, intent: String| {
        if let Some(mut form) = typed() {
            form.intent = intent;
            action.dispatch(AskForm { form });
        }
    };
    let ask = Callback::new(move |intent: String| {
        on_demand.update(|on| *on |= intent == "check");
        send(buttons, intent);
    });
    for action in [buttons, looks] {
        let value = action.value();
        Effect::new(move |_| match value.get() {
            None => {}
            Some(Ok(view)) if view.settings[0].is_empty() => checked.set(view.draft.checked.map(Ok)),
            Some(Ok(view)) => begin.update(|(turn, begun)| {
                *turn += 1;
                begun.settings = view.settings;
                begun.draft = view.draft;
            }),
            Some(Err(error)) if error.fields.is_empty() => checked.set(Some(Err(error))),
            Some(Err(error)) => unread.set(Some(error)),
        });
    }
    let look = move || send(looks, "look".to_owned());
    // Not a local value: the server may drop the page on another thread than the one that made it.
    let later: Box<dyn FnMut(()) + Send + Sync> = Box::new(debounce(REST, move |()| look()));
    let later = StoredValue::new(later);
    let on_input = Callback::new(move |field: String| {
        unread.set(None);
        touched.update(|touched| {
            touched.insert(field);
        });
        later.update_value(|later| later(()));
    });
    // The texts of the form stand there from the beginning.
    Effect::new(move |_| look());
    let faults = Signal::derive(move || {
        if let Some(error) = unread.get() {
            return Some(error);
        }
        // An attempt, or a check on demand, tells everything; otherwise only what was touched is judged.
        let Some(Ok(checked)) = checked.get() else {
            return refused.get();
        };
        let mut fields = checked.faults;
        if !on_demand.get() && refused.with(Option::is_none) {
            touched.with(|touched| fields.retain(|fault| is_touched(touched, &fault.field)));
        }
        (!fields.is_empty()).then(|| ConsoleError {
            code: String::new(),
            message: String::new(),
            remedy: String::new(),
            fields,
        })
    });
    let pending = buttons.pending();
    show_at_settings(faults);
    Checks {
        faults,
        checked: checked.into(),
        checking: Signal::derive(move || pending.get() && on_demand.get()),
        on_input,
        ask,
    }
}

/// Whether something was typed into the field that a fault names, or into a part of it.
fn is_touched(touched: &BTreeSet<String>, fault: &str) -> bool {
    let is_at = |field: &String| {
        let rest = field.strip_prefix(fault);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    touched.iter().any(is_at)
}

/// Shows faults at the fields that the server made alone, and takes back those of before.
fn show_at_settings(faults: Faults) {
    Effect::new(move |before: Option<Vec<String>>| {
        for name in before.into_iter().flatten() {
            mark(&name, None);
        }
        let fields = faults.get().map(|error| error.fields).unwrap_or_default();
        // Other fields follow their signals.
        let of_settings = fields.into_iter().filter(|fault| super::is_setting(&fault.field));
        let shown = of_settings.map(|fault| {
            mark(&fault.field, Some(&fault.message));
            fault.field
        });
        shown.collect::<Vec<String>>()
    });
}

fn mark(name: &str, fault: Option<&str>) {
    let element = |id: &str| document().get_element_by_id(id);
    if let Some(line) = element(&fault_id(name)) {
        line.set_text_content(fault);
        let _shown = line.toggle_attribute_with_force("hidden", fault.is_none());
    }
    if let Some(input) = element(name) {
        let _marked = match fault {
            Some(_) => input.set_attribute("aria-invalid", "true"),
            None => input.remove_attribute("aria-invalid"),
        };
    }
}
