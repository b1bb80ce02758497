//! An HTTP proxy in front of the embedded DynamoDB, which counts the requests and lets them fail in every way that a
//! network and a server can fail.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// The treatment of a request.
#[derive(Debug, Clone)]
pub enum Fault {
    Pass,
    /// Passes it on after a while.
    Delay(Duration),
    /// Passes it on as soon as a permit is there.
    Hold(Arc<Semaphore>),
    /// Never answers.
    Stall,
    /// Answers with a DynamoDB error, without passing it on.
    Refuse(u16, &'static str),
    /// Cancels a transaction for these reasons, one for each of its first actions, without passing it
    /// on.
    Cancel(&'static [&'static str]),
    /// Answers with something that is not DynamoDB's.
    Garbage,
    /// Answers 200 without a body, without passing the request on.
    Empty,
    /// Passes the request on, and changes DynamoDB's answer.
    Edit(fn(&mut Value)),
    /// Leaves this number of keys of a `BatchGetItem` unprocessed, the last ones, and passes the rest on.
    LeaveUnprocessed(usize),
    /// Closes the connection before the request is passed on.
    CutBefore,
    /// Passes the request on, and closes the connection instead of answering.
    CutAfter,
    /// Passes the request on, and closes the connection in the middle of the answer.
    CutInside,
}

/// A running proxy.
pub struct Proxy {
    pub endpoint: String,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Counters {
    requests: AtomicUsize,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

type Body = BoxBody<Bytes, std::io::Error>;
type Upstream = Client<HttpConnector, Full<Bytes>>;

impl Proxy {
    /// Starts a proxy for `upstream`. `fault` decides by the request's number, counted from 0, and DynamoDB's name of
    /// the operation.
    pub async fn start(
        upstream: &str,
        fault: impl Fn(usize, &str) -> Fault + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let counters = Arc::new(Counters::default());
        let proxy = Proxy { endpoint, counters: Arc::clone(&counters) };
        let upstream = upstream.to_owned();
        let client: Upstream = Client::builder(TokioExecutor::new()).build_http();
        let fault = Arc::new(fault);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (upstream, client) = (upstream.clone(), client.clone());
                let (counters, fault) = (Arc::clone(&counters), Arc::clone(&fault));
                let service = service_fn(move |request| {
                    let (upstream, client) = (upstream.clone(), client.clone());
                    let (counters, fault) = (Arc::clone(&counters), Arc::clone(&fault));
                    async move {
                        let number = counters.requests.fetch_add(1, Ordering::SeqCst);
                        let in_flight = counters.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
                        counters.most_in_flight.fetch_max(in_flight, Ordering::SeqCst);
                        let fault = fault(number, operation(&request));
                        let answer = answer(request, fault, &upstream, &client).await;
                        counters.in_flight.fetch_sub(1, Ordering::SeqCst);
                        answer
                    }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        proxy
    }

    /// Requests that came, whatever became of them.
    pub fn requests(&self) -> usize {
        self.counters.requests.load(Ordering::SeqCst)
    }

    /// The most requests that were under way at one moment.
    pub fn most_in_flight(&self) -> usize {
        self.counters.most_in_flight.load(Ordering::SeqCst)
    }
}

/// The operation in `X-Amz-Target: DynamoDB_20120810.Query`.
fn operation(request: &Request<Incoming>) -> &str {
    let target = request.headers().get("x-amz-target");
    let target = target.and_then(|target| target.to_str().ok()).unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default()
}

/// The answer to a request; an error closes the connection without one.
async fn answer(
    request: Request<Incoming>,
    fault: Fault,
    upstream: &str,
    client: &Upstream,
) -> Result<Response<Body>, std::io::Error> {
    let cut = || std::io::Error::other("cut off");
    match &fault {
        Fault::Pass => {}
        Fault::Delay(time) => tokio::time::sleep(*time).await,
        Fault::Hold(until) => {
            until.acquire().await.map_err(std::io::Error::other)?.forget();
        }
        Fault::Stall => std::future::pending().await,
        Fault::Refuse(status, code) => {
            let body = format!(
                r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"refused"}}"#
            );
            return Ok(response(*status, JSON, body.into()));
        }
        Fault::Cancel(codes) => {
            let reasons = codes.iter().map(|code| json!({"Code": code, "Message": "cancelled"}));
            let body = json!({
                "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                "Message": format!("Transaction cancelled [{}]", codes.join(", ")),
                "CancellationReasons": reasons.collect::<Vec<_>>(),
            });
            return Ok(response(400, JSON, body.to_string().into()));
        }
        Fault::Empty => return Ok(response(200, JSON, Bytes::new())),
        Fault::Garbage => return Ok(response(200, "text/html", "<html>it works!</html>".into())),
        Fault::CutBefore => return Err(cut()),
        Fault::CutAfter | Fault::CutInside | Fault::Edit(_) | Fault::LeaveUnprocessed(_) => {}
    }
    let (parts, body) = request.into_parts();
    let mut body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let mut unprocessed = json!({});
    if let Fault::LeaveUnprocessed(keys) = fault {
        (body, unprocessed) = take_keys(&body, keys);
    }
    let path = parts.uri.path();
    let mut forwarded = Request::post(format!("{upstream}{path}"));
    for (name, value) in &parts.headers {
        if ![header::HOST, header::CONTENT_LENGTH].contains(name) {
            forwarded = forwarded.header(name, value);
        }
    }
    let forwarded = forwarded.body(Full::new(body)).map_err(std::io::Error::other)?;
    let answer = client.request(forwarded).await.map_err(std::io::Error::other)?;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut answer = serde_json::from_slice(&body).expect("JSON");
        edit(&mut answer);
        response(200, JSON, answer.to_string().into())
    };
    match fault {
        Fault::Edit(edit) => Ok(edited(&edit)),
        Fault::LeaveUnprocessed(_) => {
            Ok(edited(&|answer| answer["UnprocessedKeys"] = unprocessed.clone()))
        }
        Fault::CutAfter => Err(cut()),
        Fault::CutInside => {
            let half = body.slice(..body.len() / 2);
            let frames = [Ok(Frame::data(half)), Err(cut())];
            Ok(Response::from_parts(
                parts,
                BodyExt::boxed(StreamBody::new(futures_util::stream::iter(frames))),
            ))
        }
        _ => Ok(Response::from_parts(parts, full(body))),
    }
}

const JSON: &str = "application/x-amz-json-1.0";

/// A `BatchGetItem` without its last keys, and these as its answer names them. At least one key
/// stays, because DynamoDB takes no request without.
fn take_keys(body: &[u8], keys: usize) -> (Bytes, Value) {
    let mut request: Value = serde_json::from_slice(body).expect("JSON");
    let mut unprocessed = json!({});
    for (table, wanted) in request["RequestItems"].as_object_mut().expect("tables") {
        let all = wanted["Keys"].as_array_mut().expect("keys");
        let left = all.split_off(all.len().saturating_sub(keys).max(1));
        if !left.is_empty() {
            unprocessed[table] = json!({"Keys": left});
        }
    }
    (request.to_string().into(), unprocessed)
}

fn response(status: u16, content_type: &str, body: Bytes) -> Response<Body> {
    let mut response = Response::new(full(body));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    let content_type = content_type.parse().expect("a content type");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

fn full(body: Bytes) -> Body {
    Full::new(body).map_err(|never: Infallible| match never {}).boxed()
}
