//! Progress of the command: a bar on a terminal, elsewhere a line every two seconds.

use std::io::{self, IsTerminal};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Time between two lines.
const INTERVAL: Duration = Duration::from_secs(2);

/// Steps of the bar.
const STEPS: u64 = 1000;

static BAR: LazyLock<ProgressBar> = LazyLock::new(ProgressBar::hidden);

static PROGRESS: Mutex<Option<Progress>> = Mutex::new(None);

/// The current work of a command.
struct Progress {
    /// Its name, such as `sessions deleted`.
    name: &'static str,
    start: Instant,
    last_line: Instant,
    done: u64,
    total: Option<u64>,
}

impl Progress {
    fn done(&self) -> String {
        match self.total {
            Some(total) => format!("{} of {total} {}", self.done, self.name),
            None => format!("{} {}", self.done, self.name),
        }
    }

    /// Returns the part that is done, from 0 to 1.
    fn part(&self) -> Option<f64> {
        self.total.map(|total| self.done as f64 / total.max(1) as f64)
    }

    fn text(&self) -> String {
        let rate = self.done as f64 / self.start.elapsed().as_secs_f64().max(0.001);
        format!("{}, {rate:.0}/s", self.done())
    }
}

fn work() -> MutexGuard<'static, Option<Progress>> {
    PROGRESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins work that is called `name`, such as `sessions deleted`; `total` is its expected number.
pub fn begin(name: &'static str, total: Option<u64>) {
    let now = Instant::now();
    *work() = Some(Progress { name, start: now, last_line: now, done: 0, total });
}

/// Counts work that is done.
pub fn add(number: u64) {
    if let Some(work) = &mut *work() {
        work.done += number;
    }
}

/// Sets how much is done.
pub fn set(done: u64) {
    if let Some(work) = &mut *work() {
        work.done = done;
    }
}

/// Returns what is done so far, if work has begun.
pub fn done() -> Option<String> {
    work().as_ref().map(Progress::done)
}

/// Shows the progress on a terminal. Elsewhere, returns it if it is time for a line.
pub fn show() -> Option<String> {
    let mut work = work();
    let now = work.as_mut()?;
    let (text, part) = (now.text(), now.part());
    if io::stderr().is_terminal() {
        drop(work);
        show_bar(text, part);
        None
    } else if now.last_line.elapsed() >= INTERVAL {
        now.last_line = Instant::now();
        let percent = part.map(|part| format!(", {:.0} %", 100.0 * part));
        Some(format!("{text}{}", percent.unwrap_or_default()))
    } else {
        None
    }
}

fn show_bar(text: String, part: Option<f64>) {
    if BAR.is_hidden() {
        BAR.set_draw_target(ProgressDrawTarget::stderr());
    }
    let template = match part {
        Some(_) => "{bar:30} {percent}%  {msg}  {eta} left",
        None => "{spinner} {msg}",
    };
    if BAR.length() != part.map(|_| STEPS) || BAR.length().is_none() {
        if let Ok(style) = ProgressStyle::with_template(template) {
            BAR.set_style(style);
        }
        part.map_or_else(|| BAR.unset_length(), |_| BAR.set_length(STEPS));
    }
    BAR.set_message(text);
    match part {
        Some(part) => BAR.set_position((part * STEPS as f64) as u64),
        None => BAR.tick(),
    }
}

/// Runs `print`, which prints above the bar.
pub fn above<T>(print: impl FnOnce() -> T) -> T {
    BAR.suspend(print)
}

/// Ends the work, and takes the bar away.
pub fn end() {
    *work() = None;
    BAR.finish_and_clear();
}
