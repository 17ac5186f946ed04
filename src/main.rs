//! The `tidegate` binary.

use std::process::ExitCode;

/// The MySQL driver keeps this many buffers for the packets that it sends and receives. Its own limits are 128 buffers of
/// 4 MiB, for the whole process: once enough large statements have passed, all of them are large and stay.
const DRIVER_BUFFERS: [(&str, &str); 2] = [
    ("MYSQL_ASYNC_BUFFER_POOL_CAP", "64"),
    ("MYSQL_ASYNC_BUFFER_SIZE_CAP", "32768"),
];

fn main() -> ExitCode {
    limit_driver_buffers();
    tidegate::cli::main()
}

/// What the environment says already stands.
fn limit_driver_buffers() {
    for (name, value) in DRIVER_BUFFERS {
        if std::env::var_os(name).is_none() {
            // SAFETY: this is the first thing the process does: there is no other thread that could read the environment.
            #[expect(
                unsafe_code,
                reason = "the driver takes these limits from the environment only"
            )]
            unsafe {
                std::env::set_var(name, value);
            }
        }
    }
}
