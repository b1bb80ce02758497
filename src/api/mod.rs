//! What HTTP says. How a request flows: [`event`] → [`handler`] → [`route`] → [`auth`] →
//! [`request`] → [`page`](crate::page) → [`answer`]; whatever goes wrong is an [`error`]. Two
//! [dialects](dialect) of the answers differ.

pub mod answer;
pub mod auth;
pub mod credentials;
pub mod dialect;
pub mod error;
pub mod event;
pub mod handler;
pub mod request;
pub mod route;
