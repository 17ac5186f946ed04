//! Ends the server when the process that started it dies without a chance to clean up.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::{Error, Result};

/// Reads until the pipe closes. "done" means that the owner has taken care; end of file that the owner is gone.
const SCRIPT: &str = r#"read -r word && [ "$word" = done ] && exit 0
kill -TERM "$1"
n=0
while kill -0 "$1" 2>/dev/null && [ "$n" -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
kill -KILL "$1" 2>/dev/null
[ -z "$2" ] || rm -rf -- "$2""#;

/// A small shell process that outlives us, and ends another process (SIGTERM, ten seconds later SIGKILL) when this one
/// is gone. Drop it before the guarded process is waited for: until then the process id cannot belong to another.
#[derive(Debug)]
pub struct Watchdog {
    child: Child,
}

impl Watchdog {
    /// Guards `pid`; `remove` is a directory to delete after an unexpected end.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn start(pid: u32, remove: Option<&Path>) -> Result<Self> {
        use std::os::unix::process::CommandExt;
        let child = Command::new("sh")
            .args(["-c", SCRIPT, "watchdog"])
            .arg(pid.to_string())
            .arg(remove.unwrap_or_else(|| Path::new("")))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(Error::io("start the watchdog"))?;
        Ok(Self { child })
    }
}

impl Drop for Watchdog {
    /// Stands down.
    fn drop(&mut self) {
        use std::io::Write;
        if let Some(mut pipe) = self.child.stdin.take() {
            // A failure means that the watchdog is gone already, which is what is wanted.
            pipe.write_all(b"done\n").ok();
        }
        self.child.wait().ok();
    }
}
