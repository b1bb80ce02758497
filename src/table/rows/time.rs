//! Which times are known.

use jiff::Timestamp;

/// The first known time: the beginning of 2000.
pub const EARLIEST: Timestamp = Timestamp::constant(946_684_800, 0);

/// Returns a session's time, or `None` if it is before [`EARLIEST`], which means that it is unknown.
///
/// plugNmeet is younger. Programs write an earlier time for "unknown": the year 1 (Go, .NET), MySQL's zero
/// date, or 1970 (0 in UNIX seconds). Time zones shift these by some hours.
pub fn known_time(time: Timestamp) -> Option<Timestamp> {
    (time >= EARLIEST).then_some(time)
}

/// Reads a stored time. `None`: it is unknown, or no time.
pub(crate) fn parse_known(text: &str) -> Option<Timestamp> {
    text.parse().ok().and_then(known_time)
}
