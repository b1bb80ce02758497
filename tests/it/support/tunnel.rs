//! A TCP tunnel whose open connections break in the ways in which a frozen function's connections do.

use std::io::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Ways in which open connections break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// Requests are received and never answered.
    Silent,
    /// The server closes the connection.
    Closed,
    /// The server resets the connection.
    Reset,
    /// The server resets the connection when something is sent on it.
    ResetAtFirstWrite,
}

/// A tunnel to a server.
pub struct Tunnel {
    pub endpoint: String,
    breaks: watch::Sender<Option<Break>>,
    opened: Arc<AtomicUsize>,
}

impl Tunnel {
    /// Starts a tunnel to `upstream`, a URL such as `http://127.0.0.1:8000`. Every fifth answer takes
    /// `delay` longer.
    pub async fn start(upstream: &str, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let (breaks, receiver) = watch::channel(None);
        let opened = Arc::new(AtomicUsize::new(0));
        let (counter, answers) = (Arc::clone(&opened), Arc::new(AtomicUsize::new(0)));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let server = TcpStream::connect(&upstream).await.expect("the server");
                let (breaks, answers) = (receiver.clone(), Arc::clone(&answers));
                tokio::spawn(async move {
                    if delay.is_zero() {
                        carry(client, server, breaks).await
                    } else {
                        carry_slowly(client, server, &answers, delay).await
                    }
                });
            }
        });
        Tunnel { endpoint, breaks, opened }
    }

    /// Breaks every open connection.
    pub fn break_connections(&self, how: Break) {
        self.breaks.send_replace(Some(how));
    }

    /// Connections opened so far.
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }
}

/// Carries bytes in both directions until the connection breaks.
async fn carry(
    mut client: TcpStream,
    mut server: TcpStream,
    mut breaks: watch::Receiver<Option<Break>>,
) -> Result<()> {
    breaks.mark_unchanged();
    tokio::select! {
        carried = copy_bidirectional(&mut client, &mut server) => return carried.map(drop),
        _ = breaks.changed() => {}
    }
    let how = breaks.borrow().expect("a way to break");
    let mut buffer = [0; 4096];
    match how {
        Break::Silent => while client.read(&mut buffer).await? > 0 {},
        Break::Closed => client.shutdown().await?,
        Break::Reset => client.set_zero_linger()?,
        Break::ResetAtFirstWrite => {
            let _ = client.read(&mut buffer).await?;
            client.set_zero_linger()?;
        }
    }
    Ok(())
}

/// Carries bytes in both directions; every fifth answer comes late.
async fn carry_slowly(
    client: TcpStream,
    server: TcpStream,
    answers: &AtomicUsize,
    delay: Duration,
) -> Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let requests = tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
    let mut buffer = vec![0; 1 << 20];
    loop {
        let bytes = from_server.read(&mut buffer).await?;
        if bytes == 0 {
            requests.abort();
            return Ok(());
        }
        if answers.fetch_add(1, Ordering::SeqCst).is_multiple_of(5) {
            tokio::time::sleep(delay).await;
        }
        to_client.write_all(&buffer[..bytes]).await?;
    }
}
