//! Tidegate api.
