//! How the process of a Lambda function begins and ends.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper_util::client::legacy::Error as ClientError;
use lambda_runtime::Error;

use crate::lambda::logging;

/// Whether there was an invocation yet.
static INVOKED: AtomicBool = AtomicBool::new(false);

/// Notes that the function was invoked: from now on it is no failure if the runtime API goes away.
pub fn invoked() {
    INVOKED.store(true, Ordering::Relaxed);
}

/// Serves until the process ends, and says in the log why it cannot go on.
pub async fn run(serve: impl Future<Output = Result<(), Error>>) -> ExitCode {
    logging::start();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "start");
    match serve.await {
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
