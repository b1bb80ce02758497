//! The HTTP side. The steps of a request: [`event`] → [`handler`] → [`route`] → [`auth`] →
//! [`request`] → [`page`](crate::page) → [`answer`]; every failure is an [`error`]. Two
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
