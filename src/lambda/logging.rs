//! The log: one line an event, to standard output, where Lambda takes it up.

use tracing::level_filters::LevelFilter;

/// Lambda's own variables: `JSON` or `Text`, and the least level that is logged.
///
/// Source: AWS Lambda Developer Guide, "Configuring advanced logging controls for Lambda functions".
const FORMAT: &str = "AWS_LAMBDA_LOG_FORMAT";
const LEVEL: &str = "AWS_LAMBDA_LOG_LEVEL";

/// Starts logging as the environment says: readable text at level `INFO`, unless told otherwise.
pub fn start() {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level(&variable(LEVEL)))
        .with_ansi(false)
        .with_target(false);
    if variable(FORMAT).eq_ignore_ascii_case("json") {
        subscriber.json().flatten_event(true).with_current_span(true).with_span_list(false).init();
    } else {
        // CloudWatch stamps every line with its time.
        subscriber.without_time().init();
    }
}

fn level(name: &str) -> LevelFilter {
    match name.to_ascii_uppercase().as_str() {
        // At TRACE the runtime logs whole events, with clients' keys and signatures.
        "TRACE" | "DEBUG" => LevelFilter::DEBUG,
        "WARN" => LevelFilter::WARN,
        "ERROR" | "FATAL" => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    }
}
