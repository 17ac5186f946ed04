//! Tidegate filter.
