//! Tidegate codec.
