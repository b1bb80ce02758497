//! Meetings in progress: the table keeps what is reported of a meeting until it is over. Then its session
//! is recorded.
//!
//! - Reports may come in any order, twice, late, and concurrently; some may never come. The session
//!   depends only on which came. [`state`] computes it from them, without a database.
//! - A join is written before the meeting is read, and an end before the people are counted. So if both
//!   come at the same time, the later one sees the other.
//! - A session is recorded in a transaction that also changes the meeting's row, on condition that the row
//!   was not changed since it was read. So a session has one row, and an older state never replaces a
//!   newer one.

mod people;
pub mod state;
mod store;

use crate::past_rooms::PastRooms;
use crate::record::{self, ATTEMPTS, Premature, Settlement, WriteError};
use crate::table::keys::RowKey;
use crate::table::requests::retry::Backoff;
use crate::table::rows::meeting::{meeting_key, sid_of_timer};
use crate::table::rows::session::Session;
use crate::table::rows::time::EARLIEST;
pub use state::SILENCE;
use state::{Details, Draft, Kind, Report};
use store::StoredMeeting;

/// Seconds for which rows of a meeting are kept after they were last written.
const KEPT: i64 = 14 * 86_400;

/// A report of a meeting, with its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The room.
    pub room_id: String,
    /// The session that the meeting will be.
    pub room_sid: String,
    /// Its kind.
    pub kind: Kind,
    /// The report's time and the room's values.
    pub report: Report,
    /// The person who joined or left, if it is about one.
    pub person: Option<String>,
}

/// The state of a meeting after a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MeetingOutcome {
    /// No end is known or presumed.
    InProgress,
    /// It goes on although its session was recorded; that session is deleted.
    Withdrawn,
    /// It is over, and its session is recorded.
    Recorded,
    /// It is over, and its session was recorded before, with the same values.
    Unchanged,
}

/// Takes a notice of a meeting, at the time `now` in UNIX seconds, and records the session if the
/// meeting is over. Also presumes meetings of the room to be over that began before another one.
///
/// # Errors
/// [`WriteError`]. The same notice can be taken again, whatever was done of it.
pub async fn take(
    past_rooms: &PastRooms,
    notice: &Notice,
    now: i64,
) -> Result<MeetingOutcome, WriteError> {
    let table = past_rooms.table();
    let id = (&*notice.room_id, &*notice.room_sid);
    let expires = now.saturating_add(KEPT);
    if let Some(person) = &notice.person {
        people::add(table, id, person, expires).await?;
    }
    let stored = store::add_report(table, id, (notice.kind, &notice.report), expires).await?;
    // Analytics alone begin no meeting.
    let is_first = !stored.begun && stored.meeting.is_seen();
    let goes_on_after_all = stored.meeting.goes_on_after_all();
    // A meeting that has ended has a timer, too: its session may fail to be recorded now.
    if is_first || goes_on_after_all {
        store::set_timer(table, id.0, id.1, now.saturating_add(SILENCE)).await?;
    }
    if goes_on_after_all && stored.recorded_key.is_some() {
        people::keep(table, id.0, id.1, expires).await?;
    }
    let outcome = settle(past_rooms, stored).await?;
    // Reports before room_created only guess when the meeting began.
    if is_first || notice.kind == Kind::RoomCreated {
        end_predecessors(past_rooms, id.0, now).await?;
    }
    if is_first {
        // Last, so that the next event makes up for this one wherever it failed.
        store::set_begun(table, id.0, id.1).await?;
    }
    Ok(outcome)
}

/// Handles the expiry of a meeting's timer: presumes the meeting to be over if it had no report for
/// [`SILENCE`], and otherwise sets the timer again. Also does what a failed report left undone.
/// Ignores rows other than timers of meetings.
///
/// # Errors
/// [`WriteError`]. It can be called again, whatever was done.
pub async fn timer_expired(
    past_rooms: &PastRooms,
    timer: &RowKey,
    now: i64,
) -> Result<(), WriteError> {
    let table = past_rooms.table();
    let Some(room_sid) = sid_of_timer(timer) else {
        return Ok(());
    };
    let room_id = &*timer.room_id;
    if Session::new(room_id, room_sid, EARLIEST).key().is_err() {
        return Ok(());
    }
    let stored = store::read(table, room_id, room_sid).await?;
    if stored.version.is_none() {
        return Ok(());
    }
    if stored.meeting.has_ended() {
        settle(past_rooms, stored).await?;
        return Ok(());
    }
    let quiet_at = stored.meeting.last_seen().unwrap_or(0).saturating_add(SILENCE);
    if quiet_at > now {
        people::keep(table, room_id, room_sid, now.saturating_add(KEPT)).await?;
        // Not later than in a day, whatever the server's clock says: the other rows must outlive it.
        let next = quiet_at.min(now.saturating_add(SILENCE));
        store::set_timer(table, room_id, room_sid, next).await?;
        settle(past_rooms, stored).await?;
        return Ok(());
    }
    let report = Report { at: now, details: Details::default() };
    presume_over(past_rooms, &stored, (Kind::PresumedOver, &report), now).await
}

/// Presumes those meetings of a room to be over that have no end and began before another one.
async fn end_predecessors(
    past_rooms: &PastRooms,
    room_id: &str,
    now: i64,
) -> Result<(), WriteError> {
    let meetings = store::of_room(past_rooms.table(), room_id).await?;
    // Analytics alone may be of a session that was over long ago.
    let meetings: Vec<&StoredMeeting> =
        meetings.iter().filter(|stored| stored.meeting.is_seen()).collect();
    for stored in meetings.iter().filter(|stored| !stored.meeting.has_ended()) {
        let own = stored.meeting.created().map(|(created, _)| created);
        // A server that crashed goes on with the creation time of the session before. When room_created
        // was reported breaks such a tie.
        let reported = stored.meeting.reported_created();
        // Without a creation time, the other meeting may have begun earlier than it seems.
        let later = meetings.iter().filter_map(|other| match other.meeting.creation_time() {
            Some(created) if Some(created) > own => Some(created),
            Some(created) if Some(created) == own && reported.is_some() => {
                other.meeting.reported_created().filter(|other| Some(*other) > reported)
            }
            _ => None,
        });
        if let Some(next) = later.min() {
            let report = Report::of_next_meeting(next);
            presume_over(past_rooms, stored, (Kind::NextMeeting, &report), now).await?;
        }
    }
    Ok(())
}

async fn presume_over(
    past_rooms: &PastRooms,
    stored: &StoredMeeting,
    report: (Kind, &Report),
    now: i64,
) -> Result<(), WriteError> {
    let id = (&*stored.room_id, &*stored.room_sid);
    let expires = now.saturating_add(KEPT);
    let stored = store::add_report(past_rooms.table(), id, report, expires).await?;
    settle(past_rooms, stored).await?;
    Ok(())
}

/// Records the session of a meeting that is over, unless it is recorded as it is. Withdraws that of a
/// meeting that goes on.
async fn settle(
    past_rooms: &PastRooms,
    mut stored: StoredMeeting,
) -> Result<MeetingOutcome, WriteError> {
    let mut backoff = Backoff::new(ATTEMPTS);
    loop {
        let outcome = match stored.meeting.draft(&stored.room_id, &stored.room_sid) {
            Some(draft) => settle_once(past_rooms, &stored, draft).await,
            None => withdraw_once(past_rooms, &stored).await,
        };
        match outcome {
            Err(error) if error.is_transient() => {
                if !backoff.wait().await {
                    return Err(error);
                }
                stored = store::read(past_rooms.table(), &stored.room_id, &stored.room_sid).await?;
            }
            outcome => return outcome,
        }
    }
}

async fn settle_once(
    past_rooms: &PastRooms,
    stored: &StoredMeeting,
    mut draft: Draft,
) -> Result<MeetingOutcome, WriteError> {
    let table = past_rooms.table();
    let people = people::count(table, &stored.room_id, &stored.room_sid).await?;
    draft.session.joined_participants = people;
    let content = draft.encode();
    if stored.recorded.as_deref() == Some(&*content) {
        return Ok(MeetingOutcome::Unchanged);
    }
    let before = stored.recorded.as_deref().and_then(Draft::decode_session);
    let settlement = Settlement {
        session: &draft.session,
        retention: past_rooms.retention(),
        created_is_certain: draft.created_is_certain,
        ended_is_certain: draft.ended_is_certain,
        recorded: stored.recorded_key.clone(),
        before: before.as_ref(),
        withdrawn: stored.withdrawn.as_ref(),
    };
    let row = meeting_key(&stored.room_id, &stored.room_sid);
    let claim = |update, key: &RowKey| stored.claim(update, key, &content);
    record::settle(table, &settlement, claim, &row).await?;
    Ok(MeetingOutcome::Recorded)
}

async fn withdraw_once(
    past_rooms: &PastRooms,
    stored: &StoredMeeting,
) -> Result<MeetingOutcome, WriteError> {
    // The meeting's rows may have expired while its room was empty; then its session may be recorded
    // nevertheless. A meeting with a report of its creation is younger than that.
    let is_forgotten = !stored.begun && stored.meeting.reported_created().is_none();
    let Some(last_seen) = stored.meeting.last_seen() else {
        return Ok(MeetingOutcome::InProgress);
    };
    if stored.recorded_key.is_none() && !is_forgotten {
        return Ok(MeetingOutcome::InProgress);
    }
    let premature = Premature {
        room_id: &stored.room_id,
        room_sid: &stored.room_sid,
        recorded: stored.recorded_key.clone(),
        last_seen,
    };
    let row = meeting_key(&stored.room_id, &stored.room_sid);
    let release = |update, withdrawn: &_| stored.release(update, withdrawn);
    let is_withdrawn = record::withdraw(past_rooms.table(), &premature, release, &row).await?;
    Ok(if is_withdrawn { MeetingOutcome::Withdrawn } else { MeetingOutcome::InProgress })
}
