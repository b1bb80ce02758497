//! Whom the function trusts to be DynamoDB: a TLS server in front of it, with an authority of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::support::lambda::{Lambda, end, function};
use crate::support::{Database, history};

const BODY: &str = r#"{"room_ids":["room01"],"limit":3}"#;

/// A TLS server that passes on what it is sent.
struct Front {
    endpoint: String,
    /// The certificate of its authority.
    authority: String,
}

impl Front {
    async fn start(upstream: &str) -> Self {
        let (acceptor, authority) = certified();
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("https://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, upstream) = (acceptor.clone(), upstream.clone());
                tokio::spawn(async move {
                    let mut stream = acceptor.accept(stream).await?;
                    let mut upstream = TcpStream::connect(upstream).await?;
                    tokio::io::copy_bidirectional(&mut stream, &mut upstream).await
                });
            }
        });
        Front { endpoint, authority }
    }
}

/// A certificate for loopback, and that of the authority that signed it.
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

/// The status of an answer of the function, and what it logged.
async fn answer(database: &Database, front: &Front, bundle: Option<&PathBuf>) -> (u64, String) {
    let mut lambda = Lambda::start(Duration::from_secs(30));
    lambda.invoke(BODY);
    let mut function = function(database, &front.endpoint, &lambda.address, 1);
    if let Some(bundle) = bundle {
        function.env("SSL_CERT_FILE", bundle);
    }
    let function = function.env("AWS_LAMBDA_LOG_LEVEL", "DEBUG").spawn().expect("it runs");
    let status = lambda.answer().await["statusCode"].as_u64().expect("a status");
    drop(lambda);
    (status, end(function).await.1)
}

#[tokio::test]
async fn an_authority_that_the_environment_names_is_trusted() {
    let database = Database::start().await;
    database.record(&history("room01", 3, 60)).await;
    let front = Front::start(&database.endpoint).await;
    let folder = std::env::temp_dir().join(format!("trust-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let bundle = folder.join("roots.pem");
    std::fs::write(&bundle, &front.authority).expect("a file");
    let (status, log) = answer(&database, &front, Some(&bundle)).await;
    std::fs::remove_dir_all(folder).expect("removed");
    assert_eq!(status, 200, "{log}");
    assert!(!log.contains("UnknownIssuer"), "{log}");
}

#[tokio::test]
async fn unknown_authority_is_refused() {
    let database = Database::start().await;
    let front = Front::start(&database.endpoint).await;
    let (status, log) = answer(&database, &front, None).await;
    assert_eq!(status, 503, "{log}");
    assert!(log.contains("UnknownIssuer"), "{log}");
}
