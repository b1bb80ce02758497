//! Traces for AWS X-Ray: each request to DynamoDB is a subsegment of its invocation.
//!
//! Only where [`TRACING`] is on. Lambda, or who calls it, decides which invocations are traced, and
//! Lambda says so in the trace header of each. For those, a [`Tracer`] in the client of DynamoDB
//! sends one datagram for each request to the daemon that Lambda runs beside the function. All
//! others cost a look at that header. A datagram is sent without waiting, and nobody asks whether it
//! arrived: a trace never fails or delays a request.
//!
//! Source: AWS X-Ray Developer Guide, "Segment documents" and "Sending trace data to X-Ray".

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef as Before, FinalizerInterceptorContextRef as After,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use serde_json::{Map, Value, json};

use crate::config::{REGION, TABLE_NAME, TRACING, variable};

/// Lambda's variable for the daemon's address.
const DAEMON_ADDRESS: &str = "AWS_XRAY_DAEMON_ADDRESS";
/// What precedes each document.
const PREAMBLE: &str = "{\"format\":\"json\",\"version\":1}\n";

tokio::task_local! {
    /// The trace of the invocation that the current task answers, if it is traced.
    static TRACE: Option<Trace>;
}

/// An invocation that is traced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    id: String,
    /// The segment that Lambda makes for the function.
    parent: String,
}

impl Trace {
    /// The trace that a header tells of (`Root=1-…;Parent=…;Sampled=1`), if it is sampled.
    pub fn parse(header: &str) -> Option<Self> {
        // Most invocations are not traced, and for them nothing is copied.
        let field = |name: &str| {
            let fields = header.split(';').filter_map(|field| field.trim().split_once('='));
            let mut values = fields.filter(|(key, value)| *key == name && !value.is_empty());
            values.next().map(|(_, value)| value)
        };
        if field("Sampled")? != "1" {
            return None;
        }
        Some(Trace { id: field("Root")?.to_owned(), parent: field("Parent")?.to_owned() })
    }
}

/// Does the work of an invocation; its requests to DynamoDB belong to the trace, if there is one.
pub fn traced<F: Future>(trace: Option<Trace>, work: F) -> impl Future<Output = F::Output> {
    TRACE.scope(trace, work)
}

/// Sends a subsegment for each request of a client that it is an interceptor of.
#[derive(Debug)]
pub struct Tracer {
    daemon: Arc<Daemon>,
    region: Option<String>,
    table_name: Option<String>,
}

impl Tracer {
    /// The tracer for the daemon that the environment names, if it names one and says that there
    /// is to be one. Lambda names the daemon in any case, and a trace that began elsewhere may be
    /// sampled although this function may not send anything.
    pub fn from_env() -> Option<Self> {
        if variable(TRACING).ok()? != "on" {
            return None;
        }
        let address = daemon_address(&variable(DAEMON_ADDRESS).ok()?)?;
        let daemon = Arc::new(Daemon { address, socket: OnceLock::new() });
        let (region, table_name) = (variable(REGION).ok(), variable(TABLE_NAME).ok());
        Some(Tracer { daemon, region, table_name })
    }
}

/// The address in `127.0.0.1:2000` or `tcp:127.0.0.1:2000 udp:127.0.0.2:2001`.
fn daemon_address(text: &str) -> Option<SocketAddr> {
    text.split_whitespace().find_map(|part| part.strip_prefix("udp:").unwrap_or(part).parse().ok())
}

impl Intercept for Tracer {
    fn name(&self) -> &'static str {
        "Tracer"
    }

    // The first hook that a client's interceptor learns the operation in.
    fn read_before_serialization(
        &self,
        _: &Before<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Ok(Some(trace)) = TRACE.try_with(Option::clone) {
            let subsegment = Subsegment {
                daemon: Arc::clone(&self.daemon),
                trace,
                start: SystemTime::now(),
                aws: with_value([
                    ("operation", cfg.load::<Metadata>().map(Metadata::name)),
                    ("region", self.region.as_deref()),
                    ("table_name", self.table_name.as_deref()),
                ]),
                outcome: Mutex::default(),
            };
            cfg.interceptor_state().store_put(subsegment);
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &After<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(subsegment) = cfg.load::<Subsegment>() {
            let attempts = cfg.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts);
            let outcome = Outcome {
                retries: attempts.saturating_sub(1),
                failed: !matches!(context.output_or_error(), Some(Ok(_))),
                ..context.response().map(Outcome::of).unwrap_or_default()
            };
            *subsegment.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        }
        Ok(())
    }
}

/// How a request ended.
#[derive(Debug, Default)]
struct Outcome {
    failed: bool,
    status: Option<u16>,
    request_id: Option<String>,
    throttled: bool,
    retries: u32,
}

impl Outcome {
    fn of(response: &HttpResponse) -> Self {
        // DynamoDB names an exception in the body, with the status 400.
        let body = String::from_utf8_lossy(response.body().bytes().unwrap_or_default());
        let status = response.status().as_u16();
        let names = ["ProvisionedThroughputExceeded", "Throttling", "RequestLimitExceeded"];
        Outcome {
            status: Some(status),
            request_id: response.headers().get("x-amzn-requestid").map(str::to_owned),
            throttled: status == 429
                || status == 400 && names.iter().any(|name| body.contains(name)),
            ..Outcome::default()
        }
    }
}

/// A request of a traced invocation. It is sent when it is dropped, so also where the invocation no
/// longer waits for the answer.
#[derive(Debug)]
struct Subsegment {
    daemon: Arc<Daemon>,
    trace: Trace,
    start: SystemTime,
    aws: Map<String, Value>,
    outcome: Mutex<Option<Outcome>>,
}

impl Storable for Subsegment {
    type Storer = StoreReplace<Self>;
}

impl Drop for Subsegment {
    fn drop(&mut self) {
        let outcome = self.outcome.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        self.daemon.send(&self.document(outcome));
    }
}

impl Subsegment {
    fn document(&self, outcome: Option<Outcome>) -> Value {
        let mut document = json!({
            "type": "subsegment",
            "name": "DynamoDB",
            "namespace": "aws",
            "id": format!("{:016x}", fastrand::u64(..)),
            "trace_id": self.trace.id,
            "parent_id": self.trace.parent,
            "start_time": seconds(self.start),
            "end_time": seconds(SystemTime::now()),
            "aws": self.aws,
        });
        let Some(outcome) = outcome else {
            // DynamoDB is not to blame for what nobody waited for.
            document["annotations"] = json!({"given_up": true});
            return document;
        };
        document["aws"]["retries"] = outcome.retries.into();
        if let Some(request_id) = outcome.request_id {
            document["aws"]["request_id"] = request_id.into();
        }
        if let Some(status) = outcome.status {
            document["http"] = json!({"response": {"status": status}});
        }
        if outcome.failed {
            let is_refusal = outcome.status.is_some_and(|status| (400..500).contains(&status));
            document[if is_refusal { "error" } else { "fault" }] = true.into();
            document["throttle"] = outcome.throttled.into();
        }
        document
    }
}

/// Those fields that have a value: X-Ray's schema has no null.
fn with_value<const N: usize>(fields: [(&str, Option<&str>); N]) -> Map<String, Value> {
    let fields = fields.into_iter();
    fields.filter_map(|(name, value)| Some((name.to_owned(), value?.into()))).collect()
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Lambda's X-Ray daemon.
#[derive(Debug)]
struct Daemon {
    address: SocketAddr,
    /// Made for the first invocation that is traced; none if it cannot be made.
    socket: OnceLock<Option<UdpSocket>>,
}

impl Daemon {
    fn send(&self, document: &Value) {
        let Some(socket) = self.socket.get_or_init(|| self.connect().ok()) else { return };
        let mut datagram = String::from(PREAMBLE);
        if write!(datagram, "{document}").is_ok() {
            // What the daemon does not get is not traced.
            let _ = socket.send_to(datagram.as_bytes(), self.address);
        }
    }

    fn connect(&self) -> std::io::Result<UdpSocket> {
        let any: SocketAddr = match self.address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

#[cfg(test)]
#[path = "xray_tests.rs"]
mod tests;
