//! Keeping an existing history in order: tallies that agree with the sessions, and expiry.
//!
//! - A *survey* walks a room and counts its sessions; an *audit* compares the counts with the tallies.
//! - A *repair* writes what an audit found, and a *recount* does that for one month after an external
//!   writer changed it.
//! - Every write is conditional on the version of the tally that was compared, so a writer that
//!   changes the month in between is never overwritten.

mod audit;
mod duplicates;
mod expiry;
mod recount;
mod repair;
mod room_tallies;
mod survey;

pub use audit::{Difference, TallyReport};
pub use duplicates::Repeated;
pub(crate) use duplicates::repeated;
pub use expiry::Expiries;
pub(crate) use expiry::{Mode, apply};
pub use recount::Recount;
pub(crate) use recount::recount;
pub(crate) use room_tallies::{build, check, exists};
