//! Starts and stops private MariaDB servers: for the demo and for tests.
