//! What the form of a page begins with.

use crate::app::ui::feed::feed_name;
use crate::fns::context::{Console, named, settings_html};
use crate::fns::create::{Begin, FormView};
use crate::fns::error::ConsoleError;
use crate::fns::{form, saved};

impl Console {
    /// The form of a page; see [`crate::fns::create::get_form`].
    ///
    /// # Errors
    /// `ChangeFeedNotExists`.
    pub async fn form(&self, begin: Begin) -> Result<FormView, ConsoleError> {
        let edited = named(&begin.edit);
        let mut view = match &edited {
            Some(id) => form::edit_view(&self.service().get_changefeed(id).await?),
            None => FormView::default(),
        };
        let version = begin.version.parse::<u64>().ok();
        if let Some(draft) = self.drafts().read(&begin.draft) {
            view.draft = draft;
        } else if let Some(form) = saved::read(&begin.draft, &begin.edit).await {
            view.draft.form = form;
            view.note = "This is a draft that was saved. Secrets are not in it: type them again.".to_owned();
        } else if let (Some(id), Some(version)) = (&edited, version) {
            let past = self.past(id, Some(version)).await?;
            view.draft.form = form::restored(&view.draft.form, &past);
            view.note = format!(
                "Version {version} is filled in. Nothing changes before it is applied; secrets stay as they are."
            );
        } else if let Some(id) = named(&begin.recreate) {
            let past = self.past(&id, None).await?;
            view.draft.form = form::recreated(&id, &past);
            view.note = format!(
                "{} is filled in as it was last, and starts where it had got to. Secrets are not kept: type them again.",
                feed_name(&id.namespace, &id.id)
            );
        } else if let Some(id) = named(&begin.from) {
            view.draft.form = form::like(&self.service().get_changefeed(&id).await?);
        } else if !begin.rules.is_empty() {
            view.draft.form.rules = begin.rules;
            view.draft.form.case_sensitive = begin.case_sensitive;
        }
        if view.draft.form.draft.is_empty() {
            view.draft.form.draft = uuid::Uuid::new_v4().to_string();
        }
        view.drafts = saved::list(&view.draft.form.draft, &begin.edit).await;
        view.settings = settings_html(&view.draft);
        Ok(view)
    }
}
