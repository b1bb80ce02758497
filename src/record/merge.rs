//! Merging: the one rule for what two rows of a session say.

use crate::table::rows::past_room::PastRoom;

/// Fills the gaps of a session with the values of another row of the same session. `created` stays.
///
/// - A value that is not empty is never replaced by an empty one.
/// - The greater number of participants stays: a server's own count goes down when people leave.
pub(crate) fn fill(room: &mut PastRoom, other: &PastRoom) {
    for (value, known) in [
        (&mut room.room_title, &other.room_title),
        (&mut room.webhook_url, &other.webhook_url),
        (&mut room.ended, &other.ended),
    ] {
        if value.is_empty() {
            known.clone_into(value);
        }
    }
    if room.analytics_file_id.as_ref().is_none_or(String::is_empty) {
        room.analytics_file_id.clone_from(&other.analytics_file_id);
    }
    room.joined_participants = room.joined_participants.max(other.joined_participants);
}
