//! Connections that die in silence, as those of a function that was frozen and is thawed: what is
//! sent on them is taken and never answered, and nobody closes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A way to a server on which connections can die.
pub struct Tunnel {
    pub endpoint: String,
    /// Connections opened before this moment number are dead.
    epoch: watch::Sender<usize>,
    swallowed: Arc<AtomicUsize>,
}

impl Tunnel {
    /// Starts a tunnel to `upstream`, a URL such as `http://127.0.0.1:8000`.
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let (epoch, moments) = watch::channel(0);
        let swallowed = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&swallowed);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (upstream, counter) = (upstream.clone(), Arc::clone(&counter));
                tokio::spawn(carry(client, upstream, moments.clone(), counter));
            }
        });
        Tunnel { endpoint, epoch, swallowed }
    }

    /// Lets every connection that is open now die.
    pub fn kill_open_connections(&self) {
        self.epoch.send_modify(|epoch| *epoch += 1);
    }

    /// Connections on which something was sent after they had died.
    pub fn used_when_dead(&self) -> usize {
        self.swallowed.load(Ordering::SeqCst)
    }
}

/// Carries bytes to and fro until the connection dies; then takes them and does nothing.
async fn carry(
    mut client: TcpStream,
    upstream: String,
    mut epoch: watch::Receiver<usize>,
    swallowed: Arc<AtomicUsize>,
) {
    epoch.mark_unchanged();
    let mut server = TcpStream::connect(upstream).await.expect("the server");
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => return,
        _ = epoch.changed() => {}
    }
    let mut buffer = [0; 4096];
    if client.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {
        swallowed.fetch_add(1, Ordering::SeqCst);
        while client.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {}
    }
}
