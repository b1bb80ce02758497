//! A function's process, and what it used of the processor.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::case::{KEY, SECRET};
use crate::dynamodb::DynamoDb;
use crate::runtime::Runtime;

/// A function that runs.
pub struct Function {
    process: Child,
    pub runtime: Runtime,
    /// From its start until it asked for its first event.
    pub initialisation: Duration,
}

impl Function {
    /// Starts the program at a path, and waits until it is ready. It trusts the certificates of
    /// `bundle`.
    pub async fn start(
        program: &Path,
        dynamodb: &DynamoDb,
        bundle: &Path,
        tls: bool,
        callgrind: Option<&Path>,
    ) -> Result<Self, Box<dyn Error>> {
        let mut runtime = Runtime::start()?;
        let mut command = match callgrind {
            None => Command::new(program),
            Some(file) => {
                let mut command = Command::new("valgrind");
                command.arg("--tool=callgrind");
                command.arg(format!("--callgrind-out-file={}", file.display())).arg(program);
                command
            }
        };
        let endpoint = if tls { &dynamodb.tls } else { &dynamodb.plain };
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs([
                ("API_KEY", KEY),
                ("API_SECRET", SECRET),
                ("TABLE_NAME", "past-rooms"),
                ("AWS_ENDPOINT_URL_DYNAMODB", endpoint),
                ("AWS_REGION", "us-east-1"),
                ("AWS_ACCESS_KEY_ID", "local"),
                ("AWS_SECRET_ACCESS_KEY", "local"),
                ("AWS_SESSION_TOKEN", &"t".repeat(800)),
                ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
                ("AWS_LAMBDA_FUNCTION_NAME", "f"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
                ("AWS_LAMBDA_RUNTIME_API", &runtime.address),
            ])
            .env("SSL_CERT_FILE", bundle)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let start = Instant::now();
        let process = command.spawn()?;
        let initialisation = runtime.ready().await? - start;
        Ok(Function { process, runtime, initialisation })
    }

    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// The processor time that its threads used so far.
    pub fn processor_time(&self) -> Result<Duration, Box<dyn Error>> {
        let mut nanoseconds = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            // Source: the kernel's Documentation/scheduler/sched-stats.rst.
            let schedstat = fs::read_to_string(thread?.path().join("schedstat"))?;
            let running = schedstat.split_ascii_whitespace().next().ok_or("an empty schedstat")?;
            nanoseconds += running.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Ends it as Lambda's end does, and waits for it.
    pub fn end(self) -> Result<(), Box<dyn Error>> {
        let Function { mut process, runtime, .. } = self;
        drop(runtime);
        let deadline = Instant::now() + Duration::from_secs(20);
        while process.try_wait()?.is_none() {
            if Instant::now() > deadline {
                process.kill()?;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}
