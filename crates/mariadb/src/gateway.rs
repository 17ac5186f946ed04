//! An address that leads to one server or to another: what a virtual address, a name or a proxy is in life.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::{Error, Result, User};

const CHUNK_BYTES: usize = 64 << 10;

/// Forwards connections to a server on this machine. Dropping it closes them all.
#[derive(Debug)]
pub struct Gateway {
    port: u16,
    target: Arc<AtomicU16>,
    state: watch::Sender<State>,
    _accepting: JoinSet<()>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// Connections of an earlier generation are closed.
    generation: u64,
    frozen: bool,
}

impl Gateway {
    /// Leads to the server on this port of 127.0.0.1.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn start(target: u16) -> Result<Self> {
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = bound.map_err(Error::io("open the gateway's port"))?;
        let address = listener
            .local_addr()
            .map_err(Error::io("open the gateway's port"))?;
        let target = Arc::new(AtomicU16::new(target));
        let state = watch::Sender::new(State::default());
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&target), state.subscribe()));
        Ok(Self {
            port: address.port(),
            target,
            state,
            _accepting: accepting,
        })
    }

    /// `mysql://name:password@127.0.0.1:port/`, as [`crate::Server::uri`].
    #[must_use]
    pub fn uri(&self, user: User) -> String {
        format!(
            "mysql://{}:{}@127.0.0.1:{}/",
            user.name(),
            user.password(),
            self.port
        )
    }

    /// New connections lead to the server on this port. Open ones stay with the other server, as with a name.
    pub fn lead_to(&self, target: u16) {
        self.target.store(target, Ordering::Release);
    }

    /// Closes all connections.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.generation += 1);
    }

    /// Forwards nothing any more, in silence: connections stay open, and new ones are taken.
    pub fn freeze(&self) {
        self.state.send_modify(|state| state.frozen = true);
    }

    /// Ends [`Self::freeze`].
    pub fn thaw(&self) {
        self.state.send_modify(|state| state.frozen = false);
    }
}

async fn accept(listener: TcpListener, target: Arc<AtomicU16>, state: watch::Receiver<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_ended) = connections.join_next() => {}
            client = listener.accept() => if let Ok((client, _)) = client {
                let server = SocketAddr::from((Ipv4Addr::LOCALHOST, target.load(Ordering::Acquire)));
                connections.spawn(serve(client, server, state.clone()));
            }
        }
    }
}

/// Ends with the connection, be it closed at one end or cut.
async fn serve(client: TcpStream, server: SocketAddr, state: watch::Receiver<State>) {
    let mut cut = state.clone();
    let generation = cut.borrow_and_update().generation;
    let work = async {
        let server = TcpStream::connect(server).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (client_read, client_write) = client.into_split();
        let (server_read, server_write) = server.into_split();
        // One end of stream closes both ways: a database connection is of no use by halves.
        tokio::select! {
            outcome = forward(client_read, server_write, state.clone()) => outcome,
            outcome = forward(server_read, client_write, state.clone()) => outcome,
        }
    };
    tokio::select! {
        // A connection that breaks is what a broken server looks like from outside.
        _broken = work => {}
        _cut = cut.wait_for(|state| state.generation != generation) => {}
    }
}

async fn forward(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        if state.wait_for(|state| !state.frozen).await.is_err() {
            return Ok(());
        }
        to.write_all(buffer.get(..read).unwrap_or_default()).await?;
    }
}
