//! The stream function: recounts the hours in which external writers changed sessions.
//!
//! The table's stream calls it for sessions that are put without the mark of this project's own
//! writers, and for all deleted sessions. It [reduces](event) a batch of such events to its rooms and
//! sessions, and [recounts](handler) what they touched.
//!
//! The stream also calls it for the timers of [meetings](crate::meeting), which DynamoDB deletes as they
//! expire. The function then turns a meeting whose end was never reported into a session.

pub mod event;
pub mod handler;
