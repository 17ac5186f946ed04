//! The HTTP API of the built server, byte by byte.
