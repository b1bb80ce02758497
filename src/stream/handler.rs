//! Handling a batch of events: parse, process its rooms, answer, and write one line in the log.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::event::{Batch, BatchResponse, MalformedBatch, Touched};
use crate::maintenance::Recount;
use crate::meeting;
use crate::past_rooms::PastRooms;
use crate::record::WriteError;
use crate::table::Meter;
use crate::table::keys::{RowKey, SessionKey};
use crate::whole_history::project::Projected;

/// Maximum rooms processed at the same time.
const ROOMS_AT_ONCE: usize = 8;

/// Time reserved at the end of an invocation to answer and to log.
const TIME_TO_ANSWER: Duration = Duration::from_secs(1);

/// Recounts the sessions that a batch of events touched, and settles the meetings whose timers have
/// expired, in the `time` that is left. The answer names the events whose rooms failed or are not done by
/// then, and Lambda retries them.
///
/// # Errors
/// [`MalformedBatch`] if the event is not a batch of a DynamoDB stream.
pub async fn handle(
    past_rooms: &PastRooms,
    event: Value,
    time: Duration,
) -> Result<BatchResponse, MalformedBatch> {
    static WARM: AtomicBool = AtomicBool::new(false);
    let start = Instant::now();
    let meter = Arc::new(Meter::default());
    let past_rooms = past_rooms.metered(&meter);
    let mut batch = Batch::parse(event)?;
    for record in &batch.malformed {
        let (sequence_number, cause) = (&*record.sequence_number, &*record.reason);
        tracing::error!(sequence_number, cause, "an event cannot be understood");
    }
    let deadline = Instant::now() + time.saturating_sub(TIME_TO_ANSWER);
    let touched = std::mem::take(&mut batch.touched);
    let rooms = touched.len();
    let timers: usize = touched.values().map(|room| room.timers.len()).sum();
    let stray: usize = touched.values().map(|room| room.stray.len()).sum();
    let keys: Vec<RowKey> = match past_rooms.has_history() {
        true => touched.values().flat_map(|room| &room.keys).cloned().collect(),
        false => vec![],
    };
    let done = stream::iter(touched).map(|(room_id, touched)| {
        let room = Room { past_rooms: past_rooms.clone(), room_id, touched };
        room.process(deadline)
    });
    let mut done = std::pin::pin!(done.buffer_unordered(ROOMS_AT_ONCE));
    let (mut hours, mut corrected, mut failed) = (0, 0, BTreeSet::new());
    while let Some(room) = done.next().await {
        match room {
            Ok(recount) => {
                hours += recount.hours;
                corrected += recount.corrected;
            }
            Err(Failed { room_id }) => drop(failed.insert(room_id)),
        }
    }
    let projected = match timeout_at(deadline, Box::pin(past_rooms.project(keys.clone()))).await {
        Ok(Ok(projected)) => projected,
        Ok(Err(error)) => {
            tracing::error!(cause = %error, "sessions cannot be projected into the history table");
            failed.extend(keys.into_iter().map(|key| key.room_id));
            Projected::default()
        }
        Err(_) => {
            tracing::warn!("no time is left to project sessions into the history table");
            failed.extend(keys.into_iter().map(|key| key.room_id));
            Projected::default()
        }
    };
    // Events of counted sessions show that the stream calls the function for all sessions: from now on
    // none is missed, and those that existed before can be completed.
    if batch.has_counted {
        let half = Instant::now() + deadline.saturating_duration_since(Instant::now()) / 2;
        match timeout_at(deadline, Box::pin(past_rooms.complete_history(half))).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(cause = %error, "the history table cannot be completed at the moment");
            }
            Err(_) => tracing::warn!("no time is left to complete the history table"),
        }
    }
    let response = batch.response(&failed);
    tracing::info!(
        events = batch.events,
        rooms,
        hours,
        corrected,
        timers,
        stray,
        projected = past_rooms
            .has_history()
            .then_some(projected.added + projected.changed + projected.deleted),
        failed_events = response.failures.len(),
        dynamodb_requests = meter.requests(),
        dynamodb_units = meter.units(),
        milliseconds = start.elapsed().as_micros() as f64 / 1000.0,
        cold_start = !WARM.swap(true, Ordering::Relaxed),
        "stream"
    );
    Ok(response)
}

/// A room with its puts and deletes.
struct Room {
    past_rooms: PastRooms,
    room_id: String,
    touched: Touched,
}

/// A room whose processing failed; the log says why.
struct Failed {
    room_id: String,
}

impl Room {
    /// Processes the room's events until `deadline`. Returns what it counted. After a failure, the retried
    /// events repeat all of it.
    async fn process(self, deadline: Instant) -> Result<Recount, Failed> {
        let room_id = &*self.room_id;
        match timeout_at(deadline, self.attempt()).await {
            Ok(Ok(recount)) => return Ok(recount),
            Ok(Err(error)) => {
                tracing::error!(room_id, cause = %error, "the room cannot be processed");
            }
            Err(_) => tracing::warn!(room_id, "there is no time left to process the room"),
        }
        Err(Failed { room_id: self.room_id })
    }

    async fn attempt(&self) -> Result<Recount, WriteError> {
        let Room { past_rooms, room_id, touched } = self;
        let mut recount = Recount::default();
        if !touched.sessions.is_empty() {
            let keys: Vec<SessionKey> = touched.sessions.iter().cloned().collect();
            recount = past_rooms.recount(room_id, &keys).await?;
        }
        for key in &touched.stray {
            tracing::warn!(
                room_id,
                created_sid = &*key.sort_key,
                "this row is not a session, so no page has it: its sort key must begin with a time and \
                 have a #, such as 2026-11-22T10:00:00.000Z#SID"
            );
        }
        for timer in &touched.timers {
            meeting::timer_expired(past_rooms, timer, Timestamp::now().as_second()).await?;
        }
        Ok(recount)
    }
}
