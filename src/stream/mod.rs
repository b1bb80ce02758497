//! The stream function: recounts the months in which external writers changed sessions, and projects
//! sessions into the history table.
//!
//! The table's stream calls it for sessions that are put without the mark of this project's own
//! writers, and for all deleted sessions; with a history table, for every change of a session. It [reduces](event) a batch of such events to its rooms and
//! sessions, and [recounts](handler) what they touched.
//!
//! The stream also calls it for the timers of [meetings](crate::meeting), which DynamoDB deletes as they
//! expire. The function then turns a meeting whose end was never reported into a session.

pub mod event;
pub mod handler;
