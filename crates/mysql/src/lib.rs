//! Tidegate mysql.
