//! Finds the MariaDB programs and makes data directories.

use std::env;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::{Error, Result, User};

/// The package that holds the programs on Debian and Ubuntu.
pub const PACKAGE: &str = "mariadb-server";

/// Where distributions put servers that an ordinary user's `PATH` leaves out.
const SYSTEM_DIRS: [&str; 5] = [
    "/usr/sbin",
    "/usr/bin",
    "/usr/libexec",
    "/usr/local/sbin",
    "/usr/local/bin",
];

/// Full path of a MariaDB program.
pub(crate) fn program(name: &'static str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(SYSTEM_DIRS.iter().map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
        .ok_or(Error::NotInstalled {
            program: name,
            package: PACKAGE,
        })
}

/// Options that let the superuser run MariaDB programs, which refuse it by default.
pub(crate) fn superuser_args() -> &'static [&'static str] {
    if rustix::process::geteuid().is_root() {
        &["--user=root"]
    } else {
        &[]
    }
}

/// Fills an empty or missing data directory with the system tables; leaves an initialised one alone.
///
/// `tmpdir` must be private: a starting server deletes the temporary tables of others that share it.
pub(crate) async fn initialise(datadir: &Path, tmpdir: &Path) -> Result<()> {
    if datadir.join("mysql").is_dir() {
        return Ok(());
    }
    let output = Command::new(program("mariadb-install-db")?)
        .arg("--no-defaults")
        .args([
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
        ])
        .arg("--innodb-log-file-size=16M")
        .args(superuser_args())
        .arg(format!("--datadir={}", datadir.display()))
        .arg(format!("--tmpdir={}", tmpdir.display()))
        .kill_on_drop(true)
        .output()
        .await
        .map_err(Error::io("run mariadb-install-db"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(Error::Initialise {
        datadir: datadir.to_owned(),
        output: tail(&String::from_utf8_lossy(&text)),
    })
}

/// Statements run before the server accepts connections: one per line, safe to repeat, kept out of the binlog.
pub(crate) fn init_sql() -> String {
    let account = |user: User, privileges: &str, tail: &str| {
        let (name, password) = (user.name(), user.password());
        format!(
            "CREATE USER IF NOT EXISTS '{name}'@'127.0.0.1';\n\
             ALTER USER '{name}'@'127.0.0.1' IDENTIFIED BY '{password}';\n\
             GRANT {privileges} ON *.* TO '{name}'@'127.0.0.1'{tail};\n"
        )
    };
    let reader = "SELECT, RELOAD, LOCK TABLES, SHOW VIEW, REPLICATION SLAVE, REPLICATION CLIENT";
    format!(
        "SET sql_log_bin = 0;\n{}{}",
        account(User::Root, "ALL PRIVILEGES", " WITH GRANT OPTION"),
        account(User::Replication, reader, ""),
    )
}

/// The last lines of a log.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
