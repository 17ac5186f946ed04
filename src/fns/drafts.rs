//! Forms that were refused without JavaScript, kept in memory for a while so that nothing typed is lost. A secret
//! that was typed stays here: the page gets the URI masked, and the mask that comes back is exchanged again.

use crate::fns::create::{CreateForm, Draft};
use crate::fns::form;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// More than this many drafts push out the oldest.
const DRAFTS_MAX: usize = 64;

/// The drafts of this server.
#[derive(Debug, Default)]
pub(crate) struct Drafts(Mutex<VecDeque<Kept>>);

#[derive(Debug)]
struct Kept {
    key: String,
    /// What the page gets.
    shown: Draft,
    sink_uri: String,
    sink_password: String,
}

impl Drafts {
    /// Keeps `draft` under `key`, which must not be guessable. The sink URI is masked, and its password taken out, before
    /// the draft can be read again.
    pub(crate) fn keep(&self, key: String, mut draft: Draft) {
        let sink_uri = draft.form.sink_uri.clone();
        let sink_password = std::mem::take(&mut draft.form.sink_password);
        draft.form.sink_uri = form::hidden(&sink_uri);
        draft.form.text = form::hidden_in_text(&draft.form.text);
        draft.form.set.retain(|path, _| !form::is_secret(path));
        draft.form.draft.clone_from(&key);
        let mut drafts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drafts.push_back(Kept {
            key,
            shown: draft,
            sink_uri,
            sink_password,
        });
        while drafts.len() > DRAFTS_MAX {
            drafts.pop_front();
        }
    }

    /// The draft under `key`.
    pub(crate) fn read(&self, key: &str) -> Option<Draft> {
        let drafts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drafts
            .iter()
            .find(|kept| kept.key == key)
            .map(|kept| kept.shown.clone())
    }

    /// Puts the secrets back into a form that was made from a draft, if its sink URI is still the masked one and no other
    /// password was typed.
    pub(crate) fn unmask(&self, form: &mut CreateForm) {
        let drafts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = drafts
            .iter()
            .find(|kept| !form.draft.is_empty() && kept.key == form.draft);
        if let Some(kept) = kept
            && form.sink_uri.trim() == kept.shown.form.sink_uri
        {
            form.sink_uri.clone_from(&kept.sink_uri);
            if form.sink_password.is_empty() {
                form.sink_password.clone_from(&kept.sink_password);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(sink_uri: &str) -> Draft {
        let form = CreateForm {
            sink_uri: sink_uri.to_owned(),
            ..CreateForm::default()
        };
        Draft {
            form,
            ..Draft::default()
        }
    }

    #[test]
    fn a_password_is_not_shown_again_but_not_lost() {
        let drafts = Drafts::default();
        drafts.keep("k".to_owned(), draft("mysql://u:secret@h:1/"));
        let mut form = drafts.read("k").unwrap().form;
        assert_eq!(form.sink_uri, "mysql://u:xxxxx@h:1/");
        drafts.unmask(&mut form);
        assert_eq!(form.sink_uri, "mysql://u:secret@h:1/");
    }

    #[test]
    fn a_password_of_its_own_field_is_not_shown_again_but_not_lost() {
        let drafts = Drafts::default();
        let mut typed = draft("mysql://u@h:1/");
        typed.form.sink_password = "secret".to_owned();
        drafts.keep("k".to_owned(), typed);
        let shown = drafts.read("k").unwrap().form;
        assert_eq!(shown.sink_password, "");
        let unmasked = |change: fn(&mut CreateForm)| {
            let mut form = shown.clone();
            change(&mut form);
            drafts.unmask(&mut form);
            form.sink_password
        };
        assert_eq!(unmasked(|_| {}), "secret");
        assert_eq!(unmasked(|form| form.sink_password = "new".to_owned()), "new");
        assert_eq!(
            unmasked(|form| form.sink_uri = "mysql://u@evil:1/".to_owned()),
            ""
        );
    }

    #[test]
    fn a_changed_address_gets_no_secret_of_another() {
        let drafts = Drafts::default();
        drafts.keep("k".to_owned(), draft("mysql://u:secret@h:1/"));
        let mut form = drafts.read("k").unwrap().form;
        form.sink_uri = "mysql://u:xxxxx@evil:1/".to_owned();
        drafts.unmask(&mut form);
        assert_eq!(form.sink_uri, "mysql://u:xxxxx@evil:1/");
    }

    #[test]
    fn old_drafts_make_room() {
        let drafts = Drafts::default();
        for n in 0..=DRAFTS_MAX {
            drafts.keep(n.to_string(), draft("blackhole://"));
        }
        assert_eq!(drafts.read("0"), None);
        assert!(drafts.read("1").is_some());
    }
}
