//! The state of a meeting, computed from its reports. Pure: no request, no clock.
//!
//! A meeting keeps one report of each [`Kind`], the greatest (by time, then by content). Taking the
//! greater of two is commutative and idempotent. So the same reports make the same meeting, in any order
//! and however often they arrive.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::table::rows::past_room::PastRoom;
use crate::table::rows::session::Session;

/// Seconds without a report after which a meeting is presumed to be over.
pub const SILENCE: i64 = 86_400;

/// Seconds for which departures are still reported after the room's next meeting has begun.
const LATE_DEPARTURES: i64 = 60;

/// Seconds by which the clock of a join may be behind. Less than it takes to start a crashed server again,
/// so that joins shortly before the crash rarely count as later ones.
const JOIN_TOLERANCE: i64 = 10;

/// The subject of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The room was created. Its creation time is the one in plugNmeet's database.
    RoomCreated,
    /// A participant joined. The creation time is the media server's.
    Participant,
    /// A participant left. The creation time is the media server's.
    Left,
    /// The session ended.
    SessionEnded,
    /// The media server closed the room.
    RoomFinished,
    /// The session's analytics exist.
    Analytics,
    /// The room's next meeting began. See [`Report::of_next_meeting`].
    NextMeeting,
    /// The end was not reported, but there was no report for [`SILENCE`] until this time.
    PresumedOver,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 8] = [
        Kind::RoomCreated,
        Kind::Participant,
        Kind::Left,
        Kind::SessionEnded,
        Kind::RoomFinished,
        Kind::Analytics,
        Kind::NextMeeting,
        Kind::PresumedOver,
    ];

    /// Presumptions, which no server reported.
    const PRESUMED: [Kind; 2] = [Kind::NextMeeting, Kind::PresumedOver];

    /// The attribute that holds the report in the table.
    pub fn attribute(self) -> &'static str {
        match self {
            Kind::RoomCreated => "room_created",
            Kind::Participant => "participant",
            Kind::Left => "participant_left",
            Kind::SessionEnded => "session_ended",
            Kind::RoomFinished => "room_finished",
            Kind::Analytics => "analytics",
            Kind::NextMeeting => "next_meeting",
            Kind::PresumedOver => "presumed_over",
        }
    }
}

/// The room's values in a report. Empty or `None`: it has no value.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Details {
    /// When the session began, in UNIX seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    /// The room's title.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// URL to which the room's webhooks are sent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub webhook_url: String,
    /// The analytics file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub analytics: String,
}

/// A report: its time, in UNIX seconds from 0 to [`MAX_SECONDS`], and its values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Report {
    /// UNIX seconds.
    pub at: i64,
    /// The reported values.
    pub details: Details,
}

/// The last second that a session can begin or end at: 9999-12-30T22:00:00Z.
pub const MAX_SECONDS: i64 = 253_402_207_200;

/// Digits of [`MAX_SECONDS`].
const DIGITS: usize = 12;

impl Report {
    /// Returns the report that the room's next meeting began at `next`. The earliest of these must be the
    /// greatest, so its time is counted back from [`MAX_SECONDS`].
    pub fn of_next_meeting(next: i64) -> Self {
        Report { at: MAX_SECONDS.saturating_sub(next), details: Details::default() }
    }

    /// Returns the report as text, which sorts by time. Of two texts the table keeps the greater.
    pub fn encode(&self) -> String {
        // Strings and numbers can always be written as JSON.
        let details = serde_json::to_string(&self.details).unwrap_or_default();
        format!("{:0DIGITS$}{details}", self.at)
    }

    /// Reads a report from its text. `None`: the text is malformed.
    pub fn decode(text: &str) -> Option<Self> {
        let (at, details) = text.split_at_checked(DIGITS)?;
        Some(Report { at: at.parse().ok()?, details: serde_json::from_str(details).ok()? })
    }
}

/// The known state of a meeting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meeting {
    reports: BTreeMap<Kind, String>,
}

/// A session as its meeting's reports have it, without its participants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The session.
    pub session: Session,
    /// Whether `created` is that of plugNmeet's database, not another clock's.
    pub created_is_certain: bool,
    /// Whether `ended` was reported, not presumed.
    pub ended_is_certain: bool,
}

impl Draft {
    /// Returns the draft as the meeting's row has it.
    pub fn encode(&self) -> String {
        let session = self.session.to_past_room();
        let draft = (session, self.created_is_certain, self.ended_is_certain);
        // Strings and numbers can always be written as JSON.
        serde_json::to_string(&draft).unwrap_or_default()
    }

    /// Reads the session of a stored draft. `None`: an earlier release wrote the draft.
    pub fn decode_session(text: &str) -> Option<PastRoom> {
        let (session, _, _): (PastRoom, bool, bool) = serde_json::from_str(text).ok()?;
        Some(session)
    }
}

impl Meeting {
    /// Adds a report.
    pub fn add(&mut self, kind: Kind, report: &Report) {
        self.add_encoded(kind, report.encode());
    }

    /// Adds a report in the table's form.
    pub fn add_encoded(&mut self, kind: Kind, report: String) {
        let known = self.reports.entry(kind).or_default();
        if *known < report {
            *known = report;
        }
    }

    fn report(&self, kind: Kind) -> Option<Report> {
        Report::decode(self.reports.get(&kind)?)
    }

    /// Returns when the meeting was last known to go on. `None`: no report says so.
    pub fn last_seen(&self) -> Option<i64> {
        [Kind::RoomCreated, Kind::Participant, Kind::Left]
            .into_iter()
            .filter_map(|kind| Some(self.report(kind)?.at))
            .max()
    }

    /// Returns when the meeting began, and whether that is what plugNmeet's database has.
    pub fn created(&self) -> Option<(i64, bool)> {
        let first = || {
            let reports = Kind::ALL.into_iter().filter(|kind| !Kind::PRESUMED.contains(kind));
            reports.filter_map(|kind| Some(self.report(kind)?.at)).min()
        };
        let is_certain =
            self.report(Kind::RoomCreated).is_some_and(|report| report.details.created.is_some());
        Some((self.creation_time().or_else(first)?, is_certain))
    }

    /// Returns its creation time, from the report nearest to the database. `None`: no report has one.
    pub fn creation_time(&self) -> Option<i64> {
        [Kind::RoomCreated, Kind::SessionEnded, Kind::Participant, Kind::Left, Kind::RoomFinished]
            .into_iter()
            .find_map(|kind| self.report(kind)?.details.created)
    }

    /// Returns whether any report is about more than analytics.
    pub fn is_seen(&self) -> bool {
        self.last_seen().is_some() || self.has_ended()
    }

    /// Returns when the creation of its room was reported. The creation time in that report may be older,
    /// because the server reuses the row of a session that crashed.
    pub fn reported_created(&self) -> Option<i64> {
        Some(self.report(Kind::RoomCreated)?.at)
    }

    /// Returns whether its end was reported.
    pub fn has_ended(&self) -> bool {
        self.reports.contains_key(&Kind::SessionEnded)
            || self.reports.contains_key(&Kind::RoomFinished)
    }

    /// Returns whether it was presumed to be over, and then seen again.
    pub fn goes_on_after_all(&self) -> bool {
        Kind::PRESUMED.iter().any(|kind| self.reports.contains_key(kind))
            && self.last_seen().is_some()
            && self.ended().is_none()
    }

    /// Returns when it ended, and whether that was reported. A meeting that is presumed to be over ended
    /// when it was last seen.
    ///
    /// A report of the end is final. Later reports disprove a presumption, in whatever order they come:
    ///
    /// - The room's next meeting: a join at most [`JOIN_TOLERANCE`] before that meeting began, or later; or a
    ///   departure more than [`LATE_DEPARTURES`] after. The media server reports the last departures by its
    ///   own clock.
    /// - A day of silence: any report within that day or later.
    fn ended(&self) -> Option<(i64, bool)> {
        let reported = self.report(Kind::SessionEnded).or_else(|| self.report(Kind::RoomFinished));
        if let Some(report) = reported {
            return Some((report.at, true));
        }
        // If only analytics were reported, neither the beginning nor the end is known.
        let last = self.last_seen()?;
        let is_followed = self.report(Kind::NextMeeting).is_some_and(|report| {
            let next = MAX_SECONDS.saturating_sub(report.at);
            let joined = self.report(Kind::Participant);
            let has_joined = joined.is_some_and(|joined| joined.at >= next - JOIN_TOLERANCE);
            !has_joined && last <= next.saturating_add(LATE_DEPARTURES)
        });
        let presumed = self.report(Kind::PresumedOver);
        let is_silent = presumed.is_some_and(|presumed| presumed.at - last >= SILENCE);
        (is_followed || is_silent).then_some((last, false))
    }

    /// Returns the session, if the meeting is over.
    pub fn draft(&self, room_id: &str, room_sid: &str) -> Option<Draft> {
        let (ended, ended_is_certain) = self.ended()?;
        let (created, created_is_certain) = self.created()?;
        let mut session = Session::new(room_id, room_sid, Timestamp::from_second(created).ok()?);
        // Clocks may differ; a session does not end before it begins.
        session.ended = Timestamp::from_second(ended.max(created)).ok();
        session.room_title = self.text(|details| &details.title);
        session.webhook_url = self.text(|details| &details.webhook_url);
        let analytics = self.report(Kind::Analytics).map(|report| report.details.analytics);
        session.analytics_file_id = analytics.filter(|id| !id.is_empty());
        Some(Draft { session, created_is_certain, ended_is_certain })
    }

    /// Returns a text of the room, which all reports repeat, from the report nearest to the database.
    fn text(&self, of: impl Fn(&Details) -> &String) -> String {
        [Kind::RoomCreated, Kind::SessionEnded, Kind::Participant, Kind::Left, Kind::RoomFinished]
            .into_iter()
            .filter_map(|kind| Some(of(&self.report(kind)?.details).clone()))
            .find(|text| !text.is_empty())
            .unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
