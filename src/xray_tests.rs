//! What is traced, where the daemon is, and what tracing costs where nothing is traced.

use allocation_counter::{AllocationInfo, measure};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;

use super::*;

#[test]
fn only_sampled_invocations_are_traced() {
    let traced = Some(Trace { id: "1-a-b".to_owned(), parent: "c".to_owned() });
    let parsed = [
        ("Root=1-a-b;Parent=c;Sampled=1", traced.clone()),
        ("Root=1-a-b; Parent=c; Sampled=1; Lineage=1:2:3", traced),
        ("Root=1-a-b;Parent=c;Sampled=0", None),
        ("Root=1-a-b;Parent=c;Sampled=?", None),
        ("Root=1-a-b;Parent=c", None),
        ("Root=1-a-b;Sampled=1", None),
        ("Root=;Parent=c;Sampled=1", None),
        ("", None),
    ];
    for (header, trace) in parsed {
        assert_eq!(Trace::parse(header), trace, "{header}");
    }
}

#[test]
fn the_daemon_is_told_in_two_ways() {
    let address = |text| daemon_address(text).map(|address| address.to_string());
    assert_eq!(address("169.254.100.1:2000").as_deref(), Some("169.254.100.1:2000"));
    let both = "tcp:127.0.0.1:2000 udp:127.0.0.2:2001";
    assert_eq!(address(both).as_deref(), Some("127.0.0.2:2001"));
    assert_eq!(address("[::1]:2000").as_deref(), Some("[::1]:2000"));
    assert_eq!(address("a daemon"), None);
}

/// Answers every request at once, so that nothing depends on the time.
#[derive(Debug)]
struct NoItem;

impl HttpConnector for NoItem {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let status = 200.try_into().expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from("{}"))))
    }
}

fn client() -> Builder {
    Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "the test"))
        .http_client(http_client_fn(|_, _| SharedHttpConnector::new(NoItem)))
}

/// What is allocated for the second request of a client: the first fills its caches.
fn allocated(client: Builder, header: Option<&str>) -> AllocationInfo {
    let client = Client::from_conf(client.build());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let request = || {
        // Boxed, because otherwise tokio boxes what it runs, and how large that is tells nothing.
        let request = Box::pin(client.get_item().table_name("past-rooms").send());
        let answer = match header {
            Some(header) => runtime.block_on(traced(Trace::parse(header), request)),
            None => runtime.block_on(request),
        };
        answer.expect("an answer");
    };
    request();
    measure(request)
}

#[test]
fn a_request_that_is_not_traced_allocates_nothing_for_it() {
    let receiver = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = receiver.local_addr().expect("an address");
    let daemon = Arc::new(Daemon { address, socket: OnceLock::new() });
    let with_header = |header| {
        let tracer = Tracer { daemon: Arc::clone(&daemon), region: None, table_name: None };
        allocated(client().interceptor(tracer), Some(header))
    };
    let without = allocated(client(), None);
    assert!(without.count_total > 0, "{without:?}");
    for header in ["Root=1-a-b;Parent=c;Sampled=0", "Root=1-a-b;Parent=c", ""] {
        assert_eq!(with_header(header), without, "{header}");
    }
    assert!(daemon.socket.get().is_none(), "no socket is made");
    let sampled = with_header("Root=1-a-b;Parent=c;Sampled=1");
    assert!(sampled.count_total > without.count_total, "{sampled:?}, {without:?}");
}

#[test]
fn a_field_without_a_value_is_left_out() {
    let receiver = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = receiver.local_addr().expect("an address");
    let daemon = Arc::new(Daemon { address, socket: OnceLock::new() });
    let tracer = Tracer { daemon, region: None, table_name: None };
    allocated(client().interceptor(tracer), Some("Root=1-a-b;Parent=c;Sampled=1"));
    let mut buffer = [0; 1000];
    let length = receiver.recv(&mut buffer).expect("a datagram");
    let document = buffer[..length].strip_prefix(PREAMBLE.as_bytes()).expect("the preamble");
    let document: Value = serde_json::from_slice(document).expect("JSON");
    assert_eq!(document["aws"], json!({"operation": "GetItem", "retries": 0}));
}
