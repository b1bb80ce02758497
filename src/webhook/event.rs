//! The content of a webhook, read from its body.
//!
//! Names are protobuf's, in both spellings. 64-bit integers come as strings or numbers. Other fields, and
//! other events than those of `KINDS`, are ignored.
//!
//! Source: plugnmeet-server 2.4.0 and plugnmeet-protocol 1.5.0, `CommonNotifyEvent`.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::Error;
use serde_json::value::RawValue;

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
    /// It is not a JSON object, or names no event.
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

/// The fields of an object. A value of an unexpected type counts as missing, so that it loses neither the
/// other fields nor the event.
#[derive(Default, Deserialize)]
struct Fields<'a>(#[serde(borrow)] HashMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    /// Returns the value under the first of these names at which it has the type.
    fn value<T: Deserialize<'a>>(&self, names: &[&str]) -> Option<T> {
        let values = names.iter().filter_map(|name| self.0.get(*name).copied());
        values.filter_map(|value| serde_json::from_str(value.get()).ok()).next()
    }

    /// Returns the first text under these names that is not empty.
    fn text(&self, names: &[&str]) -> String {
        let texts = names.iter().map(|name| self.value::<String>(&[name]).unwrap_or_default());
        texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// Returns a 64-bit integer: text in protobuf's JSON, or a number.
    fn integer(&self, names: &[&str]) -> Option<i64> {
        let text = || self.value::<String>(names)?.parse().ok();
        self.value(names).or_else(text)
    }

    /// Returns the JSON text in a field, or the field's own JSON.
    fn json(&self, name: &str) -> String {
        let own = || self.0.get(name).map(|value| value.get().to_owned());
        self.value(&[name]).or_else(own).unwrap_or_default()
    }
}

/// Reads a body's report of a meeting. `None`: it is about something else.
///
/// # Errors
/// [`InvalidEvent`] if it is no webhook, or one of `KINDS` lacks what it must have.
pub fn parse(body: &[u8]) -> Result<Option<Notice>, InvalidEvent> {
    let event: Fields<'_> = serde_json::from_slice(body)?;
    let Some(name) = event.value::<String>(&["event"]) else {
        return Err(serde_json::Error::missing_field("event").into());
    };
    let Some((_, kind)) = KINDS.into_iter().find(|(known, _)| *known == name) else {
        return Ok(None);
    };
    let missing = |field| InvalidEvent::Missing { event: name.clone(), field };
    let artifact: Option<Fields<'_>> = event.value(&["room_artifact", "roomArtifact"]);
    let older: Option<Fields<'_>> = event.value(&["analytics"]);
    let analytics = match (kind, artifact, older) {
        (Kind::Analytics, Some(artifact), _) if artifact.text(&["type"]) == ANALYTICS => {
            artifact.text(&["artifact_id", "artifactId"])
        }
        (Kind::Analytics, None, Some(analytics)) => analytics.text(&["file_id", "fileId"]),
        // Another artifact.
        (Kind::Analytics, Some(_), _) => return Ok(None),
        _ => String::new(),
    };
    if kind == Kind::Analytics && analytics.is_empty() {
        return Err(missing("id of a file"));
    }
    let room: Fields<'_> = event.value(&["room"]).ok_or_else(|| missing("room"))?;
    let (room_id, room_sid) = (room.text(&["room_id", "roomId"]), room.text(&["sid"]));
    let at = time("created_at", event.integer(&["created_at", "createdAt"]))?;
    let at = at.ok_or_else(|| missing("created_at"))?;
    let created = time("creation_time", room.integer(&["creation_time", "creationTime"]))?;
    // Metadata that is not JSON says nothing; the meeting is as real.
    let metadata = room.json("metadata");
    let metadata: Fields<'_> = serde_json::from_str(&metadata).unwrap_or_default();
    let title = metadata.text(&["room_title", "roomTitle"]);
    let webhook_url = metadata.text(&["webhook_url", "webhookUrl"]);
    for (name, text) in [
        ("room_title", &title),
        ("webhook_url", &webhook_url),
        ("the analytics file's id", &analytics),
    ] {
        if text.len() > MAX_TEXT_BYTES {
            return Err(InvalidEvent::Long(name, text.len()));
        }
    }
    // An invalid key of a session is refused now, not at the meeting's end.
    Session::new(&*room_id, &*room_sid, EARLIEST).key()?;
    let is_about_one = matches!(kind, Kind::Participant | Kind::Left);
    let participant: Option<Fields<'_>> = event.value(&["participant"]);
    let identity = participant.map(|participant| participant.text(&["identity"]));
    let person = identity.filter(|identity| is_about_one && is_person(identity));
    let details = Details { created, title, webhook_url, analytics };
    Ok(Some(Notice { room_id, room_sid, kind, report: Report { at, details }, person }))
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
