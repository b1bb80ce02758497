//! plugNmeet's webhooks over HTTP. The steps of a request: [`handler`] → [`verify`] → [`event`] →
//! [`meeting`](crate::meeting); every failure is an [`error`].

pub mod error;
pub mod event;
pub mod handler;
pub mod verify;
