use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::watchdog::Watchdog;
use crate::{Error, Result, ServerOptions, User, client, install};

const POLL: Duration = Duration::from_millis(20);
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
/// A free port may be taken by another process before the server binds it.
const PORT_ATTEMPTS: u32 = 5;

/// A private MariaDB server. Dropping it kills it (SIGKILL).
#[derive(Debug)]
pub struct Server {
    options: ServerOptions,
    datadir: PathBuf,
    port: u16,
    process: Option<Process>,
    /// Socket and start-up statements, and the data unless a directory was given. Short, as socket paths must be.
    base: TempDir,
}

#[derive(Debug)]
struct Process {
    // Fields drop in this order: the watchdog stands down while the child is still ours.
    watchdog: Option<Watchdog>,
    child: Child,
}

impl Server {
    /// Initialises the data directory if needed, starts the server and waits until it accepts connections.
    ///
    /// # Errors
    /// [`Error::NotInstalled`], [`Error::Initialise`], [`Error::Start`] with the end of its log, [`Error::Io`].
    pub async fn start(options: ServerOptions) -> Result<Self> {
        install::program("mariadbd")?;
        install::program("mariadb")?;
        let base = tempfile::Builder::new()
            .prefix("tidegate-db-")
            .tempdir()
            .map_err(Error::io("create a temporary directory"))?;
        let datadir = match &options.datadir {
            Some(dir) => std::path::absolute(dir).map_err(Error::io("data directory"))?,
            None => base.path().join("data"),
        };
        fs::create_dir_all(&datadir).map_err(Error::io(format!("create {}", datadir.display())))?;
        let tmpdir = base.path().join("tmp");
        fs::create_dir(&tmpdir).map_err(Error::io("create a temporary directory"))?;
        install::initialise(&datadir, &tmpdir).await?;
        fs::write(base.path().join("init.sql"), install::init_sql()).map_err(Error::io("write init.sql"))?;
        let mut server = Self {
            options,
            datadir,
            port: 0,
            process: None,
            base,
        };
        server.start_on_a_port().await?;
        Ok(server)
    }

    /// Port on 127.0.0.1. Stays the same over restarts.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `mysql://name:password@127.0.0.1:port/`, fit for an upstream and for a sink.
    #[must_use]
    pub fn uri(&self, user: User) -> String {
        format!(
            "mysql://{}:{}@127.0.0.1:{}/",
            user.name(),
            user.password(),
            self.port
        )
    }

    /// Unix socket; `root` needs no password there.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.base.path().join("s.sock")
    }

    /// Data directory, which also holds the binlog files (`binlog.000001`, ...) and `error.log`.
    #[must_use]
    pub fn datadir(&self) -> &Path {
        &self.datadir
    }

    /// Process id while running, for example to measure it.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.child.id())
    }

    /// Runs statements as root and answers the rows of all results: columns separated by tabs, one row per line.
    ///
    /// # Errors
    /// [`Error::Sql`] with the server's message at the first statement that fails; [`Error::Io`].
    pub async fn sql(&self, statements: &str) -> Result<String> {
        client::run(&self.socket(), statements).await
    }

    /// Stops the server cleanly (SIGTERM) and waits for it. Does nothing when it is not running.
    ///
    /// # Errors
    /// [`Error::Stop`] when it took too long and was killed; [`Error::Io`].
    pub async fn stop(&mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        let stopped = self.wait_for_end(STOP_TIMEOUT).await?;
        self.process = None;
        if stopped {
            Ok(())
        } else {
            Err(Error::Stop {
                seconds: STOP_TIMEOUT.as_secs(),
            })
        }
    }

    /// Kills the server (SIGKILL), as a crash would. The data stays. Does nothing when it is not running.
    ///
    /// # Errors
    /// [`Error::Io`].
    #[expect(clippy::unused_async, reason = "same shape as stop(), callers await both")]
    pub async fn kill(&mut self) -> Result<()> {
        self.process = None;
        Ok(())
    }

    /// Starts the server again on the same data and port; stops it first when it is running.
    ///
    /// # Errors
    /// As [`Self::stop`] and [`Self::start`].
    pub async fn restart(&mut self) -> Result<()> {
        self.stop().await?;
        self.spawn()?;
        self.wait_until_ready().await
    }

    /// As [`Self::restart`], with other [`ServerOptions::extra_args`] from now on.
    ///
    /// # Errors
    /// As [`Self::restart`].
    pub async fn restart_with(&mut self, extra_args: Vec<String>) -> Result<()> {
        self.options.extra_args = extra_args;
        self.restart().await
    }

    /// Suspends the process (SIGSTOP): connections stay open, nothing answers.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Ends [`Self::freeze`].
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Makes it a replica of `source` by GTID, from where `source`'s log ends now: both hold the same data.
    ///
    /// # Errors
    /// [`Error::Sql`], [`Error::Io`].
    pub async fn replicate_from(&self, source: &Self) -> Result<()> {
        let position = source.sql("SELECT @@global.gtid_binlog_pos").await?;
        let (name, password) = (User::Root.name(), User::Root.password());
        self.sql(&format!(
            "SET GLOBAL gtid_slave_pos = '{position}';
             CHANGE MASTER TO master_host = '127.0.0.1', master_port = {port}, master_user = '{name}',
             master_password = '{password}', master_use_gtid = slave_pos, master_connect_retry = 1;
             START SLAVE;",
            position = position.trim(),
            port = source.port
        ))
        .await
        .map(drop)
    }

    /// Ends being a replica; its own writes come after what it has copied.
    ///
    /// # Errors
    /// [`Error::Sql`], [`Error::Io`].
    pub async fn promote(&self) -> Result<()> {
        self.sql("STOP SLAVE; RESET SLAVE ALL").await.map(drop)
    }

    async fn start_on_a_port(&mut self) -> Result<()> {
        let mut attempt = 1;
        loop {
            self.port = self.options.port.map_or_else(free_port, Ok)?;
            self.spawn()?;
            match self.wait_until_ready().await {
                Err(Error::Start { log, .. })
                    if self.options.port.is_none()
                        && attempt < PORT_ATTEMPTS
                        && log.contains("Address already in use") =>
                {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    fn spawn(&mut self) -> Result<()> {
        let log = fs::File::create(self.log_file()).map_err(Error::io("create error.log"))?;
        let child = Command::new(install::program("mariadbd")?)
            .arg("--no-defaults")
            .args(install::superuser_args())
            .args(self.arguments())
            .args(&self.options.extra_args)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(Error::io("open error.log"))?)
            .stderr(log)
            // Of its own group: Ctrl-C in a terminal is for the owner to handle, who then stops the server in order.
            .process_group(0)
            .spawn()
            .map_err(Error::io("start mariadbd"))?;
        let watchdog = Watchdog::start(child.id(), Some(self.base.path()));
        let mut process = Process {
            watchdog: None,
            child,
        };
        process.watchdog = Some(watchdog?);
        self.process = Some(process);
        Ok(())
    }

    fn arguments(&self) -> Vec<String> {
        let options = &self.options;
        let mut list = vec![
            format!("--datadir={}", self.datadir.display()),
            format!("--tmpdir={}", self.base.path().join("tmp").display()),
            format!("--socket={}", self.socket().display()),
            format!("--pid-file={}", self.base.path().join("pid").display()),
            format!("--init-file={}", self.base.path().join("init.sql").display()),
            format!("--port={}", self.port),
            format!("--server-id={}", options.server_id),
            format!("--innodb-buffer-pool-size={}M", options.buffer_pool_mib),
            format!("--innodb-flush-log-at-trx-commit={}", options.flush_log_at_commit),
        ];
        let fixed = [
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--log-bin=binlog",
            "--binlog-format=ROW",
            "--binlog-row-image=FULL",
            "--binlog-row-metadata=FULL",
            "--log-slave-updates",
            "--skip-slave-start",
            "--sync-binlog=0",
            "--innodb-log-file-size=16M",
            "--performance-schema=OFF",
            "--character-set-server=utf8mb4",
            "--max-allowed-packet=256M",
        ];
        list.extend(fixed.map(String::from));
        list
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + self.options.start_timeout;
        loop {
            if self.socket().exists() && self.sql("SELECT 1").await.is_ok() {
                return Ok(());
            }
            let reason = match self.ended()? {
                Some(status) => format!("it ended with {status}"),
                None if Instant::now() >= deadline => "it accepted no connection in time".to_owned(),
                None => {
                    tokio::time::sleep(POLL).await;
                    continue;
                }
            };
            self.process = None;
            return Err(Error::Start {
                reason,
                log: self.log_tail(),
            });
        }
    }

    /// Whether the process ended before the limit; when not, it still runs.
    async fn wait_for_end(&mut self, limit: Duration) -> Result<bool> {
        let deadline = Instant::now() + limit;
        while self.ended()?.is_none() {
            if Instant::now() >= deadline {
                return Ok(false);
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(true)
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        match &mut self.process {
            Some(process) => process.child.try_wait().map_err(Error::io("wait for mariadbd")),
            None => Ok(Some(ExitStatus::default())),
        }
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let Some(process) = &self.process else {
            return Ok(());
        };
        kill_process(Pid::from_child(&process.child), signal)
            .map_err(|errno| Error::io("signal mariadbd")(errno.into()))
    }

    fn log_file(&self) -> PathBuf {
        self.datadir.join("error.log")
    }

    fn log_tail(&self) -> String {
        install::tail(&fs::read_to_string(self.log_file()).unwrap_or_default())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Before the directories go.
        self.process = None;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.watchdog = None;
        // Both fail only when the process has ended and was waited for.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn free_port() -> Result<u16> {
    let bound = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    Ok(bound.map_err(Error::io("find a free port"))?.port())
}
