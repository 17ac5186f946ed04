//! `cargo xtask bench`.

use anyhow::{Result, bail};

pub(crate) fn bench(_arguments: &[String]) -> Result<()> {
    bail!("not measured yet")
}
