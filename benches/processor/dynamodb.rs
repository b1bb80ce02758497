//! A DynamoDB that is not the bottleneck: a server that remembers the embedded one's answers, with
//! and without TLS, and counts connections and bytes.

#[path = "../../examples/local/embedded.rs"]
mod embedded;

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use past_rooms::table::Item;
use past_rooms::table::rows::tally;
use past_rooms::{PastRooms, RowKey, Session, dynamodb};
use rcgen::{CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::case;

/// The system's root certificates, by system.
const BUNDLES: [&str; 2] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// The server.
pub struct DynamoDb {
    pub plain: String,
    pub tls: String,
    /// The system's root certificates and that of `tls`: what a start reads that trusts the system.
    pub bundle: PathBuf,
    /// Amazon's five and that of `tls`: as many as a start of the function reads on Lambda.
    pub few: PathBuf,
    state: Arc<State>,
}

struct State {
    upstream: String,
    client: Client<HttpConnector, Full<Bytes>>,
    answers: Mutex<HashMap<String, Bytes>>,
    delay_micros: AtomicU64,
    connections: AtomicU64,
    requests: AtomicU64,
    bytes: AtomicU64,
}

/// What the function asked of DynamoDB since it was asked last.
#[derive(Debug, Clone, Copy)]
pub struct Traffic {
    pub connections: u64,
    pub requests: u64,
    /// Of the bodies that it received.
    pub bytes: u64,
}

impl DynamoDb {
    /// Starts it, with the histories of so many rooms each.
    pub async fn start(rooms: &[usize], folder: &Path) -> Result<Self, Box<dyn Error>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let upstream = embedded::start(&dynoxide::Database::memory()?, [listener])?;
        let client = dynamodb::client(&embedded::settings(&upstream));
        let past_rooms =
            embedded::create_table(client, embedded::TABLE_NAME, embedded::Stream::Off).await?;
        for rooms in rooms {
            fill(&past_rooms, &case::history(*rooms)).await?;
        }
        let state = Arc::new(State {
            upstream,
            client: Client::builder(TokioExecutor::new()).build_http(),
            answers: Mutex::default(),
            delay_micros: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        });
        let (bundle, few) = (folder.join("roots.pem"), folder.join("few.pem"));
        let (acceptor, authority) = certify()?;
        let system = BUNDLES.iter().find_map(|path| std::fs::read_to_string(path).ok());
        std::fs::write(&bundle, system.unwrap_or_default() + &authority)?;
        std::fs::write(&few, &authority)?;
        let plain = serve(&state, None).await?;
        let tls = serve(&state, Some(acceptor)).await?;
        Ok(DynamoDb { plain, tls, bundle, few, state })
    }

    /// Answers every request after this time.
    pub fn delay(&self, delay: Duration) {
        self.state.delay_micros.store(delay.as_micros() as u64, Ordering::Relaxed);
    }

    /// What was counted since the last call.
    pub fn take_traffic(&self) -> Traffic {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        Traffic {
            connections: take(&self.state.connections),
            requests: take(&self.state.requests),
            bytes: take(&self.state.bytes),
        }
    }
}

/// Puts sessions and their tallies as `record` would, in a fraction of its time.
async fn fill(past_rooms: &PastRooms, sessions: &[Session]) -> Result<(), Box<dyn Error>> {
    let mut rows: HashMap<RowKey, Item> = HashMap::new();
    for session in sessions {
        let key = session.key()?;
        let session_key = key.session_key().ok_or("no session's key")?;
        let (month, hour) = (session_key.month(), tally::attribute(session_key.hour()));
        let mut count = |key: RowKey, attribute: &str| {
            let row = rows.entry(key.clone()).or_insert_with(|| key.into_item());
            let count = row.get(attribute).and_then(|count| count.as_n().ok()?.parse().ok());
            let count = AttributeValue::N((count.unwrap_or(0_u64) + 1).to_string());
            row.insert(attribute.to_owned(), count);
        };
        count(RowKey::room_tally(&*session.room_id), &tally::attribute(month));
        count(RowKey::tally(&*session.room_id, month), &hour);
        count(RowKey::tally(&*session.room_id, month), tally::VERSION);
        let mut row: Item = serde_dynamo::to_item(session.to_past_room())?;
        row.insert("counted".to_owned(), AttributeValue::Bool(true));
        row.extend(key.clone().into_item());
        rows.insert(key, row);
    }
    let table = past_rooms.table();
    let rows: Vec<Item> = rows.into_values().collect();
    for some in rows.chunks(25) {
        let puts = some.iter().map(|row| {
            let put = PutRequest::builder().set_item(Some(row.clone())).build()?;
            Ok(WriteRequest::builder().put_request(put).build())
        });
        let puts = puts.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
        table.client().batch_write_item().request_items(table.name(), puts).send().await?;
    }
    Ok(())
}

/// A certificate for loopback, and that of the authority of its own that signed it.
fn certify() -> Result<(TlsAcceptor, String), Box<dyn Error>> {
    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::new(vec![])?;
    authority.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key)?;
    let key = KeyPair::generate()?;
    let issuer = Issuer::new(authority, authority_key);
    let certificate =
        CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok((TlsAcceptor::from(Arc::new(config)), authority_certificate.pem()))
}

/// Serves on a free port, and returns the URL.
async fn serve(
    state: &Arc<State>,
    acceptor: Option<TlsAcceptor>,
) -> Result<String, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let scheme = if acceptor.is_some() { "https" } else { "http" };
    let endpoint = format!("{scheme}://{}", listener.local_addr()?);
    let state = Arc::clone(state);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            state.connections.fetch_add(1, Ordering::Relaxed);
            let state = Arc::clone(&state);
            match acceptor.clone() {
                None => drop(tokio::spawn(serve_connection(state, stream))),
                Some(acceptor) => drop(tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve_connection(state, stream).await;
                    }
                })),
            }
        }
    });
    Ok(endpoint)
}

async fn serve_connection(
    state: Arc<State>,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) {
    let service = service_fn(|request| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(state.answer(request).await.unwrap_or_else(failed)) }
    });
    let connection = hyper::server::conn::http1::Builder::new();
    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
}

#[allow(clippy::needless_pass_by_value, reason = "what `unwrap_or_else` takes")]
fn failed(error: Box<dyn Error + Send + Sync>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(error.to_string()));
    *response.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
    response
}

impl State {
    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Box<dyn Error + Send + Sync>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let target = parts.headers.get("x-amz-target").ok_or("no target")?.to_str()?;
        // The SDK writes the attributes of a key in any order.
        let key = format!("{target} {}", sorted(serde_json::from_slice(&body)?));
        let known = self.answers.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let answer = match known {
            Some(answer) => answer,
            None => {
                let mut forwarded = Request::post(&self.upstream);
                for (name, value) in &parts.headers {
                    if name != "host" && name != "content-length" {
                        forwarded = forwarded.header(name, value);
                    }
                }
                let answer = self.client.request(forwarded.body(Full::new(body))?).await?;
                let answer = answer.into_body().collect().await?.to_bytes();
                let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
                answers.insert(key, answer.clone());
                answer
            }
        };
        let delay = self.delay_micros.load(Ordering::Relaxed);
        if delay > 0 {
            tokio::time::sleep(Duration::from_micros(delay)).await;
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(answer.len() as u64, Ordering::Relaxed);
        let response = Response::builder()
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amzn-requestid", "A2B3C4D5E6F7G8H9A2B3C4D5E6F7G8H9A2B3C4D5E6F7G8H9A2B3");
        Ok(response.body(Full::new(answer))?)
    }
}

/// JSON with the fields of every object in one order.
fn sorted(value: Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<String> = fields
                .into_iter()
                .map(|(name, value)| format!("{name}:{}", sorted(value)))
                .collect();
            fields.sort_unstable();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(values) => {
            format!("[{}]", values.into_iter().map(sorted).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}
