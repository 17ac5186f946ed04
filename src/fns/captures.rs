//! Server processes.

#[cfg(feature = "ssr")]
use crate::fns::context;
use crate::fns::data::{CaptureView, Captures};
use crate::fns::error::ConsoleError;
use leptos::prelude::*;
use leptos::server_fn::codec::{GetUrl, PostUrl};

/// Every capture, and facts of the one that answers.
#[server(name = ListCaptures, endpoint = "captures", input = GetUrl)]
pub async fn list_captures() -> Result<Captures, ConsoleError> {
    let console = context::console()?;
    context::answer(console.captures().await)
}

/// One capture; `confirm` names what is asked about, `done` what was done.
#[server(name = GetCapture, endpoint = "capture", input = GetUrl)]
pub async fn get_capture(id: String, confirm: String, done: String) -> Result<CaptureView, ConsoleError> {
    let console = context::console()?;
    context::answer(console.capture(&id, confirm, &done).await)
}

/// Gives up ownership. The answer leads back to the capture.
#[server(name = ResignOwner, endpoint = "resign", input = PostUrl)]
pub async fn resign_owner(id: String) -> Result<(), ConsoleError> {
    let console = context::console()?;
    context::answer(console.resign(&id).await)?;
    leptos_axum::redirect(&format!(
        "{}?done=resign",
        crate::app::captures::made::capture_address(&id)
    ));
    Ok(())
}

/// Moves every table off a capture. The answer leads back to it.
#[server(name = DrainCapture, endpoint = "drain", input = PostUrl)]
pub async fn drain_capture(id: String) -> Result<(), ConsoleError> {
    let console = context::console()?;
    context::answer(console.drain(&id).await)?;
    leptos_axum::redirect(&format!(
        "{}?done=drain",
        crate::app::captures::made::capture_address(&id)
    ));
    Ok(())
}

#[cfg(feature = "ssr")]
mod made {
    use tidegate_model::{CdcError, ErrorCode};

    use crate::app::captures::made::facts;
    use crate::fns::context::Console;
    use crate::fns::data::{CaptureRow, CaptureView, Captures};
    use crate::fns::error::ConsoleError;

    impl Console {
        /// One capture as a page shows it.
        ///
        /// # Errors
        /// `CaptureNotExist`.
        pub(super) async fn capture(
            &self,
            id: &str,
            confirm: String,
            done: &str,
        ) -> Result<CaptureView, ConsoleError> {
            let all = self.captures().await?;
            let found = find(&all, id)?.clone();
            let why_not = why_not(&confirm, &found, all.captures.len());
            let address = found.address.clone();
            Ok(CaptureView {
                id: id.to_owned(),
                address,
                facts: facts(found, &confirm, done, all.processors),
                confirm,
                why_not,
            })
        }

        /// Gives up ownership, if the capture has it.
        pub(super) async fn resign(&self, id: &str) -> Result<(), ConsoleError> {
            find(&self.captures().await?, id)?;
            Ok(self.service().resign_owner().await?)
        }

        /// Moves every table off a capture.
        pub(super) async fn drain(&self, id: &str) -> Result<(), ConsoleError> {
            find(&self.captures().await?, id)?;
            self.service().drain_capture(id).await?;
            Ok(())
        }
    }

    fn find<'a>(all: &'a Captures, id: &str) -> Result<&'a CaptureRow, ConsoleError> {
        let found = all.captures.iter().find(|capture| capture.id == id);
        found.ok_or_else(|| {
            let text = format_args!("capture not exists, {id}");
            CdcError::new(ErrorCode::CaptureNotExist, text).into()
        })
    }

    /// Why what is asked about is impossible; empty when it is not.
    fn why_not(confirm: &str, capture: &CaptureRow, count: usize) -> String {
        match confirm {
            "resign" if !capture.is_owner => "It is not the owner.",
            "drain" if count < 2 => {
                "Not possible: it is the only capture, and its changefeeds have nowhere to go. Start another one first, or pause them."
            }
            _ => "",
        }
        .to_owned()
    }
}
