//! A TLS server in front of the embedded DynamoDB, with an authority of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A TLS server that passes on what it is sent.
pub struct Front {
    pub endpoint: String,
    /// The certificate of its authority.
    pub authority: String,
    opened: Arc<AtomicUsize>,
}

impl Front {
    /// Starts a server for the HTTP endpoint `upstream`.
    pub async fn start(upstream: &str) -> Self {
        let (acceptor, authority) = certified();
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("https://{}", listener.local_addr().expect("an address"));
        let opened = Arc::new(AtomicUsize::new(0));
        let connections = Arc::clone(&opened);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                let (acceptor, upstream) = (acceptor.clone(), upstream.clone());
                tokio::spawn(async move {
                    let mut stream = acceptor.accept(stream).await?;
                    let mut upstream = TcpStream::connect(upstream).await?;
                    tokio::io::copy_bidirectional(&mut stream, &mut upstream).await
                });
            }
        });
        Front { endpoint, authority, opened }
    }

    /// Returns the number of connections since the last call.
    #[allow(dead_code, reason = "only the benchmark counts them")]
    pub fn take_opened(&self) -> usize {
        self.opened.swap(0, Ordering::Relaxed)
    }
}

/// Returns a certificate for loopback and that of the authority that signed it.
fn certified() -> (TlsAcceptor, String) {
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new(vec![]).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&authority_key).expect("a certificate").pem();
    let key = KeyPair::generate().expect("a key");
    let names = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
    let issuer = Issuer::new(authority, authority_key);
    let certificate = names.signed_by(&key, &issuer).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a configuration");
    (TlsAcceptor::from(Arc::new(config)), pem)
}
