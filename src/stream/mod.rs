//! What other writers do to the table, heard of by its stream: the hours that they touched are
//! counted again.
//!
//! The function on the stream is called for sessions that are put without the mark of this
//! project's own writers, and for sessions that are deleted, by whomever. It [reduces](event) a batch
//! of such events to its rooms and sessions, and [recounts](handler) what they touched.
//!
//! It is called, too, for the timers of [meetings](crate::meeting) that DynamoDB deletes as they
//! expire, and sees to it that a meeting whose end was never reported becomes a session.

pub mod event;
pub mod handler;
