//! Running a command on the table, and reporting how it ended.

use std::error::Error;

use serde_json::Value;

use crate::stop::{Reason, Stop};
use crate::{Outcome, advice, output, progress};

/// A command on the table.
pub trait Work {
    /// Does the work. What is done is kept in `self`, also if an error or a signal ends it.
    async fn run(&mut self, stop: &Stop) -> Result<(), Box<dyn Error>>;

    /// Returns what is done so far.
    fn summary(&self) -> Summary;

    /// Returns how far a stopped command came, and how to go on. `done` is the work that DynamoDB has confirmed.
    fn reached(&mut self, done: &str) -> String {
        format!("{done}. Running the same command again is safe.")
    }
}

/// The outcome of a command.
pub struct Summary {
    pub fields: Value,
    pub text: String,
    /// The outcome if the command was not stopped.
    pub outcome: Outcome,
}

/// Runs a command, and reports the reason if it was stopped, and its summary.
pub async fn execute(mut work: impl Work, stop: &Stop, table: &str) -> Outcome {
    let ended = stop.unless(work.run(stop)).await;
    let reached = progress::done().map(|done| work.reached(&stop.at_least(done)));
    progress::end();
    let Summary { mut fields, mut text, mut outcome } = work.summary();
    if let Err(error) = ended {
        let is_interrupted = matches!(error.downcast_ref(), Some(Reason::Interrupted));
        outcome = if is_interrupted { Outcome::Interrupted } else { Outcome::Incomplete };
        let advice = advice::on(&*error, table);
        output::error(&error.to_string(), advice.as_deref(), reached.as_deref(), None);
        fields["unconfirmed"] = stop.requests().writing.into();
        if reached.is_none() {
            text.clear();
        }
    }
    let is_complete = matches!(outcome, Outcome::Success | Outcome::Differences);
    if !is_complete && !text.is_empty() {
        text += "; incomplete, see the errors";
    }
    fields["complete"] = is_complete.into();
    output::summary(fields, text);
    outcome
}
