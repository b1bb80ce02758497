//! plugNmeet's webhooks: what HTTP says. How a request flows: [`handler`] → [`verify`] → [`event`] →
//! [`meeting`](crate::meeting); whatever goes wrong is an [`error`].

pub mod error;
pub mod event;
pub mod handler;
pub mod verify;
