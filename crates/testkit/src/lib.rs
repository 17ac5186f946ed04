//! Tidegate testkit.
