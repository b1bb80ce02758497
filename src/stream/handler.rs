//! How a batch of events flows: parse, recount its rooms, answer, and one line in the log.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::event::{Batch, BatchResponse, MalformedBatch};
use crate::past_rooms::PastRooms;
use crate::record::Recount;
use crate::table::Meter;
use crate::table::keys::SessionKey;

/// Rooms that are recounted at the same time.
const ROOMS_AT_ONCE: usize = 8;

/// Time reserved at the end of an invocation to answer and to log.
const TIME_TO_ANSWER: Duration = Duration::from_secs(1);

/// Recounts what a batch of events touched, in the `time` that is left. What is not done by then, or
/// fails, is in the answer, and Lambda tries it again.
///
/// # Errors
/// [`MalformedBatch`] if the event is no batch of a DynamoDB stream.
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
    let recounts = stream::iter(touched).map(|(room_id, keys)| {
        let room = Room { past_rooms: past_rooms.clone(), room_id, keys };
        room.recount(deadline)
    });
    let mut recounts = std::pin::pin!(recounts.buffer_unordered(ROOMS_AT_ONCE));
    let (mut hours, mut corrected, mut failed) = (0, 0, BTreeSet::new());
    while let Some(recount) = recounts.next().await {
        match recount {
            Ok(recount) => {
                hours += recount.hours;
                corrected += recount.corrected;
            }
            Err(Failed { room_id }) => drop(failed.insert(room_id)),
        }
    }
    let response = batch.response(&failed);
    tracing::info!(
        events = batch.events,
        rooms,
        hours,
        corrected,
        failed_events = response.failures.len(),
        dynamodb_requests = meter.requests(),
        dynamodb_units = meter.units(),
        milliseconds = start.elapsed().as_micros() as f64 / 1000.0,
        cold_start = !WARM.swap(true, Ordering::Relaxed),
        "stream"
    );
    Ok(response)
}

/// What was touched in a room.
struct Room {
    past_rooms: PastRooms,
    room_id: String,
    keys: BTreeSet<SessionKey>,
}

/// A room could not be recounted, and the log says why.
struct Failed {
    room_id: String,
}

impl Room {
    async fn recount(self, deadline: Instant) -> Result<Recount, Failed> {
        let Room { past_rooms, room_id, keys } = self;
        let keys: Vec<SessionKey> = keys.into_iter().collect();
        match timeout_at(deadline, past_rooms.recount(&room_id, &keys)).await {
            Ok(Ok(recount)) => {
                if let Some(key) = &recount.untimed {
                    tracing::warn!(
                        room_id,
                        created_sid = &*key.sort_key,
                        "this session cannot be tallied, so readers count the room: its sort key must \
                         begin with a time such as 2026-11-22T10:00:00.000Z"
                    );
                }
                return Ok(recount);
            }
            Ok(Err(error)) => {
                tracing::error!(room_id, cause = %error, "the room cannot be recounted");
            }
            Err(_) => tracing::warn!(room_id, "there is no time left to recount the room"),
        }
        Err(Failed { room_id })
    }
}
