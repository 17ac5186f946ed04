//! The servers, what happens to them, and what must hold at the end.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tidegate_mariadb::{Gateway, Server, ServerOptions, User};
use tokio::process::Command;
use tokio::sync::RwLock;
use tokio::task::JoinSet;

use super::plan::Plan;
use super::{replay, verdict, workload};
use crate::http::{Answer, request};
use crate::support::{PATIENCE, Tidegate, contents, eventually};

const SCHEMA: &str = "chaos";
const FEEDS: [&str; 2] = ["database", "files"];
/// A checkpoint that has not moved for so long is stuck.
const STUCK: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(100);

/// What the writers share with the faults.
#[derive(Debug)]
struct Upstream {
    /// The primary, and the replica that takes its place.
    servers: [RwLock<Server>; 2],
    active: AtomicUsize,
    /// Held while the writers must pause.
    gate: RwLock<()>,
    done: AtomicBool,
}

impl Upstream {
    fn now(&self) -> &RwLock<Server> {
        &self.servers[self.active.load(Ordering::Acquire)]
    }
}

#[derive(Debug)]
pub(super) struct World {
    upstream: Arc<Upstream>,
    downstream: Server,
    address: Gateway,
    tidegate: Tidegate,
    evidence: Evidence,
}

/// Everything on disk. Kept unless the run ends well.
#[derive(Debug)]
struct Evidence {
    dir: PathBuf,
    plan: Plan,
}

impl Drop for Evidence {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!(
                "repeat with: {}\ndata and logs: {}",
                self.plan,
                self.dir.display()
            );
        } else {
            std::fs::remove_dir_all(&self.dir).unwrap_or_default();
        }
    }
}

impl World {
    pub(super) async fn start(plan: &Plan) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("tidegate-chaos-")
            .tempdir()
            .unwrap()
            .keep();
        let evidence = Evidence {
            dir: dir.clone(),
            plan: plan.clone(),
        };
        let options = |server_id, name: &str| ServerOptions {
            server_id,
            datadir: Some(dir.join(name)),
            ..ServerOptions::default()
        };
        let (primary, replica, downstream) = tokio::join!(
            Server::start(options(1, "primary")),
            Server::start(options(2, "replica")),
            Server::start(options(3, "downstream")),
        );
        let (primary, replica, downstream) = (primary.unwrap(), replica.unwrap(), downstream.unwrap());
        replica.replicate_from(&primary).await.unwrap();
        let address = Gateway::start(primary.port()).await.unwrap();
        let tidegate = Tidegate::start(&address.uri(User::Replication), &dir).await;
        let rules = json!({"filter": {"rules": [format!("{SCHEMA}.*")]}});
        tidegate
            .create("database", &downstream.uri(User::Root), &rules)
            .await
            .ok();
        let files = format!(
            "file://{}?protocol=csv&flush-interval=2s",
            dir.join("files").display()
        );
        tidegate
            .create("files", &files, &replay::config(SCHEMA))
            .await
            .ok();
        primary.sql(workload::TABLES).await.unwrap();
        let upstream = Upstream {
            servers: [RwLock::new(primary), RwLock::new(replica)],
            active: AtomicUsize::new(0),
            gate: RwLock::default(),
            done: AtomicBool::new(false),
        };
        World {
            upstream: Arc::new(upstream),
            downstream,
            address,
            tidegate,
            evidence,
        }
    }

    /// Writes until [`World::finish_workload`].
    pub(super) fn spawn_workload(&self, seed: u64) -> JoinSet<()> {
        let mut writers = JoinSet::new();
        for writer in 0..=workload::WRITERS {
            writers.spawn(write(Arc::clone(&self.upstream), seed, writer));
        }
        writers
    }

    pub(super) async fn kill_tidegate(&mut self) {
        self.tidegate.sigkill().await;
        self.start_tidegate().await;
    }

    /// Starts it as a supervisor does: again and again, since it ends at once while the upstream is away.
    async fn start_tidegate(&mut self) {
        let (dir, port) = (self.evidence.dir.clone(), self.tidegate.port);
        let uri = self.address.uri(User::Replication);
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.tidegate = Tidegate::spawn(&uri, &dir, port);
            while self.tidegate.child.try_wait().unwrap().is_none() {
                let health = request(port, "GET", "/api/v2/health", &Value::Null).await;
                if let Ok(Answer { status: 200, .. }) = health {
                    return;
                }
                assert!(Instant::now() < deadline, "not healthy:\n{}", self.tidegate.log());
                tokio::time::sleep(POLL).await;
            }
            assert!(
                Instant::now() < deadline,
                "does not stay up:\n{}",
                self.tidegate.log()
            );
        }
    }

    pub(super) async fn restart_upstream(&self, crash: bool) {
        // By its id: the writers hold the server, and are to be interrupted.
        signal(self.upstream.now().read().await.pid(), crash).await;
        self.upstream.now().write().await.restart().await.unwrap();
    }

    pub(super) async fn restart_downstream(&mut self, crash: bool) {
        if crash {
            self.downstream.kill().await.unwrap();
        }
        self.downstream.restart().await.unwrap();
    }

    /// The primary dies after the replica has everything, and the address leads to the replica.
    pub(super) async fn fail_over(&self) {
        let _paused = self.upstream.gate.write().await;
        let [primary, replica] = &self.upstream.servers;
        let position = primary
            .read()
            .await
            .sql("SELECT @@global.gtid_binlog_pos")
            .await
            .unwrap();
        let wait = format!(
            "SELECT MASTER_GTID_WAIT('{}', {})",
            position.trim(),
            PATIENCE.as_secs()
        );
        assert_eq!(
            replica.read().await.sql(&wait).await.unwrap(),
            "0\n",
            "the replica is behind"
        );
        primary.write().await.kill().await.unwrap();
        let replica = replica.read().await;
        replica.promote().await.unwrap();
        self.address.lead_to(replica.port());
        self.address.cut();
        self.upstream.active.store(1, Ordering::Release);
    }

    /// Ends the writers once at least `transactions` are committed. Answers how many.
    pub(super) async fn finish_workload(&self, mut writers: JoinSet<()>, transactions: u64) -> u64 {
        let count = "SELECT COALESCE(MAX(id), 0) FROM chaos.journal";
        let server = self.upstream.now().read().await;
        let committed = loop {
            let committed: u64 = server.sql(count).await.unwrap().trim().parse().unwrap();
            if committed >= transactions {
                break committed;
            }
            tokio::time::sleep(POLL).await;
        };
        self.upstream.done.store(true, Ordering::Release);
        while let Some(ended) = writers.join_next().await {
            ended.unwrap();
        }
        committed
    }

    /// Waits until the database downstream equals the upstream, as long as the checkpoint moves.
    pub(super) async fn converge(&self) {
        let upstream = self.upstream.now().read().await;
        let expected = contents(&upstream, SCHEMA).await.unwrap();
        self.until_passed().await;
        for feed in FEEDS {
            self.tidegate.wait_for_state(feed, "normal").await;
        }
        // Everything is acknowledged: what differs now stays different.
        let actual = contents(&self.downstream, SCHEMA).await.unwrap();
        if actual != expected {
            verdict::fail(&upstream, &self.downstream, SCHEMA, &self.evidence.dir).await;
        }
    }

    /// Waits until all changefeeds have everything that is in the upstream now.
    async fn until_passed(&self) {
        let tso = eventually("a timestamp", || async {
            let answer = self.tidegate.post("/api/v2/tso", &json!({})).await;
            if answer.status == 200 {
                Ok(answer.body)
            } else {
                Err(format!("{answer:?}"))
            }
        })
        .await;
        let target = tso["timestamp"].as_u64().unwrap();
        for feed in FEEDS {
            let (mut best, mut moved) = (0, Instant::now());
            loop {
                let detail = self
                    .tidegate
                    .get(&format!("/api/v2/changefeeds/{feed}"))
                    .await
                    .body;
                let checkpoint = detail["checkpoint_ts"].as_u64().unwrap_or(0);
                if checkpoint >> 18 > target {
                    break;
                }
                if checkpoint > best {
                    (best, moved) = (checkpoint, Instant::now());
                }
                assert!(moved.elapsed() < STUCK, "{feed} is stuck: {detail}");
                tokio::time::sleep(POLL).await;
            }
        }
    }

    /// Replays the files into the emptied downstream and compares that.
    pub(super) async fn files_replay(&mut self) {
        self.tidegate.sigkill().await;
        self.downstream
            .sql(&format!("DROP DATABASE {SCHEMA}"))
            .await
            .unwrap();
        let statements = replay::statements(&self.evidence.dir.join("files"), SCHEMA);
        std::fs::write(self.evidence.dir.join("replay.sql"), &statements).unwrap();
        self.downstream.sql(&statements).await.unwrap();
        let upstream = self.upstream.now().read().await;
        let expected = contents(&upstream, SCHEMA).await.unwrap();
        if contents(&self.downstream, SCHEMA).await.unwrap() != expected {
            verdict::fail(&upstream, &self.downstream, SCHEMA, &self.evidence.dir).await;
        }
    }

    pub(super) fn end(self) {
        drop(self);
    }
}

/// Runs one script after another. A server that goes away breaks a script off; what it has committed stays.
async fn write(upstream: Arc<Upstream>, seed: u64, writer: u64) {
    for number in 0.. {
        if upstream.done.load(Ordering::Acquire) {
            return;
        }
        let _open = upstream.gate.read().await;
        let script = workload::script(seed, writer, number);
        let outcome = upstream.now().read().await.sql(&script).await;
        if outcome.is_err() || writer == workload::WRITERS {
            tokio::time::sleep(POLL).await;
        }
    }
}

async fn signal(pid: Option<u32>, crash: bool) {
    let signal = if crash { "-KILL" } else { "-TERM" };
    let pid = pid.unwrap().to_string();
    assert!(
        Command::new("kill")
            .args([signal, &pid])
            .status()
            .await
            .unwrap()
            .success()
    );
}
