//! Building blocks of the pages.

pub(crate) mod badge;
pub(crate) mod chart;
pub(crate) mod copy;
pub(crate) mod feed;
pub(crate) mod field;
pub(crate) mod guarded;
#[cfg(feature = "ssr")]
pub(crate) mod html;
pub(crate) mod icon;
pub(crate) mod made;
pub(crate) mod typing;
