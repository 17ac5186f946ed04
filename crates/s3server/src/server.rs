//! The server.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::troubles::{Conditions, Troubles};

/// The one bucket there is.
pub const BUCKET: &str = "changes";
/// The key that may do everything.
pub const ACCESS_KEY: &str = "AKIATIDEGATETEST";
/// Its secret. With a character that a URI must escape.
pub const SECRET_KEY: &str = "s3cret/k3y+of-tests";

/// A server on loopback. It ends when it is dropped; its objects stay in the directory.
#[derive(Debug)]
pub struct S3Server {
    root: PathBuf,
    port: u16,
    troubles: Arc<Troubles>,
    running: JoinSet<()>,
}

impl S3Server {
    /// Starts a server whose buckets are directories below `root`, and makes [`BUCKET`].
    ///
    /// # Errors
    /// Those of the file system and of the network.
    pub async fn start(root: &Path) -> io::Result<S3Server> {
        std::fs::create_dir_all(root.join(BUCKET))?;
        let mut server = S3Server {
            root: root.to_owned(),
            port: 0,
            troubles: Arc::default(),
            running: JoinSet::new(),
        };
        server.start_again().await?;
        Ok(server)
    }

    /// Cuts all connections and listens no more.
    pub async fn stop(&mut self) {
        self.running.shutdown().await;
    }

    /// Serves the same objects at the same address again.
    ///
    /// # Errors
    /// Those of the file system and of the network.
    pub async fn start_again(&mut self) -> io::Result<()> {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await?;
        self.port = listener.local_addr()?.port();
        let files = FileSystem::new(&self.root).map_err(|error| io::Error::other(format!("{error:?}")))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        builder.set_access(Conditions(Arc::clone(&self.troubles)));
        self.running
            .spawn(serve(listener, builder.build(), Arc::clone(&self.troubles)));
        Ok(())
    }

    /// Where it is wrong, from now on.
    pub fn troubles(&self) -> &Troubles {
        &self.troubles
    }

    /// `http://127.0.0.1:port`
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Directory of the bucket: an object's name is its path below.
    pub fn bucket(&self) -> PathBuf {
        self.root.join(BUCKET)
    }

    /// Sink URI of a prefix, with credentials. `parameters` begin without `&`.
    pub fn uri(&self, prefix: &str, parameters: &str) -> String {
        format!(
            "s3://{BUCKET}/{prefix}?endpoint={}&region=us-east-1&access-key={ACCESS_KEY}&secret-access-key={}&{parameters}",
            self.endpoint(),
            SECRET_KEY.replace('/', "%2F").replace('+', "%2B"),
        )
    }
}

async fn serve(listener: TcpListener, service: S3Service, troubles: Arc<Troubles>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(converse(stream, service.clone(), Arc::clone(&troubles)));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, service: S3Service, troubles: Arc<Troubles>) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let (service, troubles) = (service.clone(), Arc::clone(&troubles));
        async move {
            let request = request.map(s3s::Body::from);
            if let Some(refusal) = troubles.before(&request).await {
                return Ok(refusal);
            }
            let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
            let part = troubles.part(&request);
            let answer = service.call(request).await;
            drop(part);
            if troubles.loses(&method, &path) {
                return Err(io::Error::other("the test cuts the connection"));
            }
            answer.map_err(|error| io::Error::other(format!("{error:?}")))
        }
    });
    // A client may go away at any time.
    let ended = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), answer)
        .await;
    drop::<Result<(), hyper::Error>>(ended);
}
