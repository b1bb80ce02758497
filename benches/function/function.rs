//! A function's process, and what it used of the processor and of memory.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Child;

use crate::support::lambda::{Lambda, end, program};
use crate::support::{Database, SECRET_ARN};

/// Time for an invocation: under callgrind everything takes fifty times as long.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Number of requests whose instructions are counted; a second run has twice as many.
const COUNTED: u32 = 20;
/// Requests before anything is measured: they open connections and fill caches.
pub const WARM_UP: u32 = 5;

/// The source of a function's key pair.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pair {
    Variables,
    Secret,
}

/// A running function.
pub struct Function {
    process: Child,
    lambda: Lambda,
    invocations: usize,
}

impl Function {
    /// Starts the program, under `valgrind` if there is a file for its counts, and waits until it asks for
    /// its first event.
    pub async fn start(
        path: &Path,
        database: &Database,
        pair: Pair,
        counts: Option<&Path>,
    ) -> Result<Self, Box<dyn Error>> {
        let mut lambda = Lambda::start(TIMEOUT);
        let path = path.to_str().ok_or("the program's path is not UTF-8")?;
        let runs = if counts.is_some() { "valgrind" } else { path };
        let mut command = program(runs, database, &database.front.endpoint, &lambda.address, 1);
        if let Some(counts) = counts {
            let counts = format!("--callgrind-out-file={}", counts.display());
            command.args(["--tool=callgrind", &counts, path]);
        }
        if pair == Pair::Secret {
            command.env_remove("API_KEY").env_remove("API_SECRET");
            command.env("CREDENTIALS_SECRET_ARN", SECRET_ARN);
            command.env("AWS_ENDPOINT_URL_SECRETS_MANAGER", &database.secrets.endpoint);
        }
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        lambda.asked(1).await;
        Ok(Function { process, lambda, invocations: 0 })
    }

    /// Invokes it with requests of this body, one after the other.
    pub async fn invoke(&mut self, body: &str, times: u32) -> Result<(), Box<dyn Error>> {
        for _ in 0..times {
            self.lambda.invoke(body);
            let answer = self.lambda.answer().await;
            if answer["statusCode"] != 200 {
                return Err(format!("the function answered {answer}").into());
            }
            self.invocations += 1;
            self.lambda.asked(self.invocations + 1).await;
        }
        Ok(())
    }

    /// Returns the milliseconds of processor time that its threads have used.
    pub fn processor_time(&self) -> Result<f64, Box<dyn Error>> {
        let mut nanoseconds = 0;
        for thread in fs::read_dir(format!("{}/task", self.folder()?))? {
            // Source: the kernel's Documentation/scheduler/sched-stats.rst.
            let schedstat = fs::read_to_string(thread?.path().join("schedstat"))?;
            let running = schedstat.split_ascii_whitespace().next().ok_or("an empty schedstat")?;
            nanoseconds += running.parse::<u64>()?;
        }
        Ok(nanoseconds as f64 / 1e6)
    }

    /// Returns the most megabytes of memory that it has had.
    pub fn peak_memory(&self) -> Result<f64, Box<dyn Error>> {
        let status = fs::read_to_string(format!("{}/status", self.folder()?))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = peak.and_then(|peak| peak.trim().strip_suffix("kB")).ok_or("no peak")?;
        Ok(kilobytes.trim().parse::<f64>()? / 1000.0)
    }

    fn folder(&self) -> Result<String, Box<dyn Error>> {
        Ok(format!("/proc/{}", self.process.id().ok_or("the function has ended")?))
    }
}

/// Returns the instructions of a warm request: those of a process with some requests, subtracted from
/// those of one with twice as many.
pub async fn instructions(
    path: &Path,
    database: &Database,
    body: &str,
    folder: &Path,
) -> Result<u64, Box<dyn Error>> {
    let mut totals = [0; 2];
    for (total, requests) in totals.iter_mut().zip([COUNTED, 2 * COUNTED]) {
        let file = folder.join("callgrind.out");
        let mut function = Function::start(path, database, Pair::Variables, Some(&file)).await?;
        function.invoke(body, WARM_UP + requests).await?;
        let Function { process, lambda, .. } = function;
        // The function ends when its runtime API does.
        drop(lambda);
        end(process).await;
        // Source: Valgrind's "Callgrind Format Specification".
        let counts = fs::read_to_string(&file)?;
        let counted = counts.lines().rev().find_map(|line| line.strip_prefix("totals: "));
        *total = counted.ok_or("callgrind wrote no totals")?.trim().parse()?;
    }
    let [some, twice]: [u64; 2] = totals;
    Ok(twice.saturating_sub(some) / u64::from(COUNTED))
}
