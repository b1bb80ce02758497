//! The content of a webhook, read from its body.
//!
//! Names are protobuf's; 64-bit integers come as strings, and are taken as numbers, too. Other
//! fields, and other events than those of `KINDS`, are ignored.
//!
//! Source: plugnmeet-server 2.4.0 and plugnmeet-protocol 1.5.0, `CommonNotifyEvent`.

use serde::{Deserialize, Deserializer};

use crate::meeting::Notice;
use crate::meeting::state::{Details, Kind, MAX_SECONDS, Report};
use crate::table::rows::session::{InvalidSession, Session};
use crate::table::rows::time::EARLIEST;

/// The events that are needed.
const KINDS: [(&str, Kind); 7] = [
    ("room_created", Kind::RoomCreated),
    ("participant_joined", Kind::Participant),
    ("participant_left", Kind::Left),
    ("session_ended", Kind::SessionEnded),
    ("room_finished", Kind::RoomFinished),
    ("artifact_created", Kind::Analytics),
    ("analytics_proceeded", Kind::Analytics),
];

/// The type of the artifact that is a session's analytics.
const ANALYTICS: &str = "MEETING_ANALYTICS";

/// Maximum number of bytes of a title, a URL or a file's id; plugNmeet's database has 255 characters.
pub const MAX_TEXT_BYTES: usize = 4096;

/// Identities of helpers that join like people.
const HELPERS: [&str; 2] = ["RECORDER_BOT", "RTMP_BOT"];
const HELPER_PREFIXES: [&str; 3] = ["pnm_agent-", "pnm_tts_agent-", "ingres_"];

/// Why a body is no webhook: says what to look at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEvent {
    /// It is not JSON, or has a field of another type.
    #[error("the body is not a webhook of plugNmeet: {0}")]
    Json(#[from] serde_json::Error),
    /// A field that every such event has.
    #[error("the event {event} has no {field}")]
    Missing {
        /// The event.
        event: String,
        /// The field.
        field: &'static str,
    },
    /// A time that is invalid.
    #[error("{0} must be UNIX seconds up to {MAX_SECONDS} (year 9999)")]
    Time(&'static str),
    /// A text that is too long; its name and its bytes.
    #[error("{0} has {1} bytes; at most {MAX_TEXT_BYTES} are allowed")]
    Long(&'static str, usize),
    /// The room or the session cannot be stored.
    #[error(transparent)]
    Session(#[from] InvalidSession),
}

#[derive(Deserialize)]
struct Event {
    event: String,
    #[serde(default)]
    room: Option<Room>,
    #[serde(default)]
    participant: Option<Participant>,
    #[serde(default)]
    room_artifact: Option<Artifact>,
    #[serde(default)]
    analytics: Option<Analytics>,
    #[serde(default, deserialize_with = "integer")]
    created_at: Option<i64>,
}

#[derive(Deserialize)]
struct Room {
    #[serde(default)]
    sid: String,
    #[serde(default, alias = "roomId")]
    room_id: String,
    #[serde(default, alias = "creationTime", deserialize_with = "integer")]
    creation_time: Option<i64>,
    #[serde(default)]
    metadata: String,
}

#[derive(Deserialize)]
struct Participant {
    #[serde(default)]
    identity: String,
}

#[derive(Deserialize)]
struct Artifact {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    artifact_id: String,
}

#[derive(Deserialize)]
struct Analytics {
    #[serde(default)]
    file_id: String,
}

/// A room's settings, as far as they are needed.
#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default, alias = "roomTitle", deserialize_with = "string_or_nothing")]
    room_title: String,
    #[serde(default, alias = "webhookUrl", deserialize_with = "string_or_nothing")]
    webhook_url: String,
}

/// A string; empty for a value of another type, so that the other fields are kept.
fn string_or_nothing<'de, D: Deserializer<'de>>(value: D) -> Result<String, D::Error> {
    Ok(match serde_json::Value::deserialize(value)? {
        serde_json::Value::String(text) => text,
        _ => String::new(),
    })
}

/// A 64-bit integer as protobuf's JSON has it, or as a number. 0 is protobuf's "not set".
fn integer<'de, D: Deserializer<'de>>(value: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Integer {
        Number(i64),
        Text(String),
    }
    let integer = match Option::<Integer>::deserialize(value)? {
        None => None,
        Some(Integer::Number(number)) => Some(number),
        Some(Integer::Text(text)) => Some(text.parse().map_err(serde::de::Error::custom)?),
    };
    Ok(integer.filter(|integer| *integer != 0))
}

/// Reads a body's report of a meeting. `None`: it is about something else.
///
/// # Errors
/// [`InvalidEvent`] if it is no webhook, or one of `KINDS` lacks what it must have.
pub fn parse(body: &[u8]) -> Result<Option<Notice>, InvalidEvent> {
    let event: Event = serde_json::from_slice(body)?;
    let Some((_, kind)) = KINDS.into_iter().find(|(name, _)| *name == event.event) else {
        return Ok(None);
    };
    let missing = |field| InvalidEvent::Missing { event: event.event.clone(), field };
    let analytics = match (kind, &event.room_artifact, &event.analytics) {
        (Kind::Analytics, Some(artifact), _) if artifact.kind == ANALYTICS => {
            artifact.artifact_id.clone()
        }
        (Kind::Analytics, None, Some(analytics)) => analytics.file_id.clone(),
        // Another artifact.
        (Kind::Analytics, Some(_), _) => return Ok(None),
        _ => String::new(),
    };
    if kind == Kind::Analytics && analytics.is_empty() {
        return Err(missing("id of a file"));
    }
    let room = event.room.as_ref().ok_or_else(|| missing("room"))?;
    let at = time("created_at", event.created_at)?.ok_or_else(|| missing("created_at"))?;
    let created = time("creation_time", room.creation_time)?;
    // Metadata that is not JSON says nothing; the meeting is as real.
    let metadata: Metadata = serde_json::from_str(&room.metadata).unwrap_or_default();
    for (name, text) in [
        ("room_title", &metadata.room_title),
        ("webhook_url", &metadata.webhook_url),
        ("the analytics file's id", &analytics),
    ] {
        if text.len() > MAX_TEXT_BYTES {
            return Err(InvalidEvent::Long(name, text.len()));
        }
    }
    // An invalid key of a session is refused now, not at the meeting's end.
    Session::new(&*room.room_id, &*room.sid, EARLIEST).key()?;
    let identity = event.participant.map(|participant| participant.identity);
    let is_about_one = matches!(kind, Kind::Participant | Kind::Left);
    let details = Details {
        created,
        title: metadata.room_title,
        webhook_url: metadata.webhook_url,
        analytics,
    };
    Ok(Some(Notice {
        room_id: room.room_id.clone(),
        room_sid: room.sid.clone(),
        kind,
        report: Report { at, details },
        person: identity.filter(|identity| is_about_one && is_person(identity)),
    }))
}

/// Returns a time, or `None` if it is unknown.
fn time(name: &'static str, seconds: Option<i64>) -> Result<Option<i64>, InvalidEvent> {
    match seconds {
        Some(seconds) if seconds > MAX_SECONDS => Err(InvalidEvent::Time(name)),
        seconds => Ok(seconds.filter(|seconds| *seconds >= EARLIEST.as_second())),
    }
}

/// Returns whether a participant is a person. Recorders, agents and ingress are not; callers by
/// telephone (`sip_…`) are.
fn is_person(identity: &str) -> bool {
    !identity.is_empty()
        && !HELPERS.contains(&identity)
        && !HELPER_PREFIXES.iter().any(|prefix| identity.starts_with(prefix))
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
