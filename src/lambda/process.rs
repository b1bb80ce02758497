//! Start and end of a Lambda function's process.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper_util::client::legacy::Error as ClientError;
use lambda_runtime::Error;

use crate::lambda::config::LOCAL_RUN;
use crate::lambda::logging;

/// Address of the runtime API, which Lambda sets.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// True after the first invocation.
static INVOKED: AtomicBool = AtomicBool::new(false);

/// Notes that the function was invoked. From then on the end of the runtime API is a normal end.
pub fn invoked() {
    INVOKED.store(true, Ordering::Relaxed);
}

/// Serves until the process ends, and logs why it ends.
pub async fn run(serve: impl Future<Output = Result<(), Error>>) -> ExitCode {
    logging::start();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "start");
    let served = if std::env::var_os(RUNTIME_API).is_some() {
        serve.await
    } else {
        Err(format!("{RUNTIME_API} is missing: this program runs on AWS Lambda; {LOCAL_RUN}")
            .into())
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        // `sam local invoke` ends this way: it stops the runtime API after the answer.
        Err(error) if INVOKED.load(Ordering::Relaxed) && error.is::<ClientError>() => {
            tracing::info!(cause = %error, "the runtime API is gone, so the function ends");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!(cause = %error, "the function cannot run");
            ExitCode::FAILURE
        }
    }
}
