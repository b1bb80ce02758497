//! What is measured, in which order.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::Arguments;
use crate::case::Case;
use crate::dynamodb::DynamoDb;
use crate::function::Function;
use crate::share::{MEGABYTES_PER_PROCESSOR, Share};

/// Memory sizes that are compared.
pub const MEGABYTES: [u64; 5] = [128, 256, 512, 1024, MEGABYTES_PER_PROCESSOR];
/// What DynamoDB takes for a request, where wall time is measured.
pub const DELAY: Duration = Duration::from_millis(4);
/// Requests whose wall time is measured, and whose instructions are counted (and twice as many).
const FEW: u32 = 20;
/// Requests before anything is measured: they open connections and fill caches.
const WARM_UP: u32 = 5;

/// What a warm request costs.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Warm {
    pub processor_milliseconds: f64,
    pub processor_milliseconds_tls: f64,
    pub requests: f64,
    pub kilobytes: f64,
    /// Opened over TLS since the function started.
    pub connections: u64,
    /// `None`: not counted.
    pub instructions: Option<u64>,
    /// By megabytes of memory, over TLS.
    pub milliseconds: BTreeMap<u64, f64>,
}

/// What a start costs, and the first request after it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Cold {
    pub initialisation_milliseconds: f64,
    pub initialisation_processor_milliseconds: f64,
    pub first_processor_milliseconds: f64,
    /// Connections that the first request opened, and bytes that it received.
    pub connections: u64,
    pub kilobytes: f64,
    /// At the share of 256 MB.
    pub first_milliseconds_at_256: Option<f64>,
}

#[derive(Debug, Serialize)]
pub struct Figures {
    /// The one query of `smallest`, and nothing of `bare`.
    pub baselines: BTreeMap<String, Warm>,
    pub warm: Vec<(Case, Warm)>,
    /// The same of another build, where there is one to compare with.
    pub against: Vec<(Case, Warm)>,
    /// By function and protocol; for past-rooms by case, too.
    pub cold: Vec<(String, Cold)>,
}

/// Measures everything.
pub async fn all(arguments: &Arguments) -> Result<Figures, Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("past-rooms-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let measured = in_folder(arguments, &folder).await;
    std::fs::remove_dir_all(&folder)?;
    measured
}

async fn in_folder(arguments: &Arguments, folder: &Path) -> Result<Figures, Box<dyn Error>> {
    let mut rooms = arguments.rooms.clone();
    rooms.extend((!rooms.contains(&1)).then_some(1));
    let dynamodb = DynamoDb::start(&rooms, folder).await?;
    let measure = Measure { arguments, dynamodb: &dynamodb, folder };
    let reference = Case::reference();
    let mut baselines = BTreeMap::new();
    for (name, program) in [("bare", &arguments.bare), ("smallest", &arguments.smallest)] {
        baselines.insert(name.to_owned(), measure.warm(program, reference).await?);
    }
    let (mut warm, mut against) = (Vec::new(), Vec::new());
    for case in rooms.iter().flat_map(|rooms| Case::of(*rooms)) {
        warm.push((case, measure.warm(&arguments.past_rooms, case).await?));
        if let Some(other) = &arguments.against {
            against.push((case, measure.warm(other, case).await?));
        }
    }
    let mut cold = Vec::new();
    for tls in [false, true] {
        let protocol = if tls { "TLS" } else { "plain" };
        let mut starts = vec![
            ("bare".to_owned(), &arguments.bare, reference),
            ("smallest".to_owned(), &arguments.smallest, reference),
        ];
        let first_pages = rooms.iter().flat_map(|rooms| Case::of(*rooms).take(1));
        starts.extend(first_pages.map(|case| (case.name(), &arguments.past_rooms, case)));
        for (name, program, case) in starts {
            let figures = measure.cold(program, case, tls).await?;
            cold.push((format!("{name}, {protocol}"), figures));
        }
    }
    eprint!("\r\x1b[K");
    Ok(Figures { baselines, warm, against, cold })
}

struct Measure<'a> {
    arguments: &'a Arguments,
    dynamodb: &'a DynamoDb,
    folder: &'a Path,
}

impl Measure<'_> {
    /// The baselines read the system's certificates, as they would on Lambda.
    fn bundle(&self, program: &Path) -> &Path {
        let is_baseline = program == self.arguments.bare || program == self.arguments.smallest;
        if is_baseline { &self.dynamodb.bundle } else { &self.dynamodb.few }
    }

    async fn warm(&self, program: &Path, case: Case) -> Result<Warm, Box<dyn Error>> {
        eprint!("\r\x1b[K{}: {}", program.display(), case.name());
        let event = case.event();
        let mut warm = Warm::default();
        for tls in [false, true] {
            self.dynamodb.take_traffic();
            let mut function =
                Function::start(program, self.dynamodb, self.bundle(program), tls, None).await?;
            for _ in 0..WARM_UP {
                function.runtime.invoke(&event).await?;
            }
            let opened = self.dynamodb.take_traffic().connections;
            let before = function.processor_time()?;
            for _ in 0..self.arguments.requests {
                function.runtime.invoke(&event).await?;
            }
            let used = function.processor_time()? - before;
            let traffic = self.dynamodb.take_traffic();
            let each = |sum: f64| sum / f64::from(self.arguments.requests);
            let milliseconds = each(used.as_secs_f64() * 1000.0);
            if tls {
                warm.processor_milliseconds_tls = milliseconds;
                warm.connections = opened + traffic.connections;
                if self.arguments.shares {
                    warm.milliseconds = self.at_shares(&mut function, &event).await?;
                }
            } else {
                warm.processor_milliseconds = milliseconds;
            }
            warm.requests = each(traffic.requests as f64);
            warm.kilobytes = each(traffic.bytes as f64 / 1000.0);
            function.end()?;
        }
        if self.arguments.instructions {
            let few = self.instructions(program, &event, FEW).await?;
            let twice = self.instructions(program, &event, 2 * FEW).await?;
            warm.instructions = Some(twice.saturating_sub(few) / u64::from(FEW));
        }
        Ok(warm)
    }

    /// Mean wall time of requests one after the other, by megabytes of memory.
    async fn at_shares(
        &self,
        function: &mut Function,
        event: &str,
    ) -> Result<BTreeMap<u64, f64>, Box<dyn Error>> {
        self.dynamodb.delay(DELAY);
        let mut milliseconds = BTreeMap::new();
        // Shares stay as long as the function is in one of them.
        let mut shares = Vec::new();
        for megabytes in MEGABYTES {
            let share = Share::of_memory(megabytes)?;
            share.take(function.process_id())?;
            let mut sum = Duration::ZERO;
            for _ in 0..FEW {
                sum += function.runtime.invoke(event).await?;
            }
            milliseconds.insert(megabytes, (sum / FEW).as_secs_f64() * 1000.0);
            shares.push(share);
        }
        Share::leave(function.process_id())?;
        self.dynamodb.delay(Duration::ZERO);
        Ok(milliseconds)
    }

    /// All instructions from the start to the end of a function that is asked so often.
    async fn instructions(
        &self,
        program: &Path,
        event: &str,
        requests: u32,
    ) -> Result<u64, Box<dyn Error>> {
        let file = self.folder.join("callgrind.out");
        let mut function =
            Function::start(program, self.dynamodb, self.bundle(program), false, Some(&file))
                .await?;
        for _ in 0..WARM_UP + requests {
            function.runtime.invoke(event).await?;
        }
        function.end()?;
        let output = std::fs::read_to_string(&file)?;
        // Source: Valgrind's "Callgrind Format Specification".
        let totals = output.lines().rev().find_map(|line| line.strip_prefix("totals: "));
        Ok(totals.ok_or("callgrind wrote no totals")?.trim().parse()?)
    }

    async fn cold(&self, program: &Path, case: Case, tls: bool) -> Result<Cold, Box<dyn Error>> {
        eprint!("\r\x1b[K{}: cold starts", program.display());
        let event = case.event();
        let mut all = Vec::new();
        for _ in 0..self.arguments.starts {
            let mut function =
                Function::start(program, self.dynamodb, self.bundle(program), tls, None).await?;
            let initialisation = function.processor_time()?;
            self.dynamodb.take_traffic();
            function.runtime.invoke(&event).await?;
            let traffic = self.dynamodb.take_traffic();
            all.push(Cold {
                initialisation_milliseconds: milliseconds(function.initialisation),
                initialisation_processor_milliseconds: milliseconds(initialisation),
                first_processor_milliseconds: milliseconds(
                    function.processor_time()? - initialisation,
                ),
                connections: traffic.connections,
                kilobytes: traffic.bytes as f64 / 1000.0,
                first_milliseconds_at_256: None,
            });
            function.end()?;
        }
        let middle = |figure: fn(&Cold) -> f64| median(all.iter().map(figure).collect());
        let mut cold = Cold {
            initialisation_milliseconds: middle(|cold| cold.initialisation_milliseconds),
            initialisation_processor_milliseconds: middle(|cold| {
                cold.initialisation_processor_milliseconds
            }),
            first_processor_milliseconds: middle(|cold| cold.first_processor_milliseconds),
            connections: all.iter().map(|cold| cold.connections).max().unwrap_or_default(),
            kilobytes: middle(|cold| cold.kilobytes),
            first_milliseconds_at_256: None,
        };
        if self.arguments.shares {
            let mut times = Vec::new();
            self.dynamodb.delay(DELAY);
            for _ in 0..self.arguments.starts.min(9) {
                let share = Share::of_memory(256)?;
                let mut function =
                    Function::start(program, self.dynamodb, self.bundle(program), tls, None)
                        .await?;
                share.take(function.process_id())?;
                times.push(milliseconds(function.runtime.invoke(&event).await?));
                function.end()?;
            }
            self.dynamodb.delay(Duration::ZERO);
            cold.first_milliseconds_at_256 = Some(median(times));
        }
        Ok(cold)
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
