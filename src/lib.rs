//! plugNmeet's `fetchPastRooms` on AWS Lambda and DynamoDB.
//!
//! The way of a request: [`handler`] → [`route`] → [`auth`] → [`request`] → [`page`] → [`answer`], or [`error`].
//! Under it lies the [`table`], which [`record`] fills.

pub mod answer;
pub mod auth;
pub mod config;
pub mod dynamodb;
pub mod error;
pub mod handler;
pub mod logging;
pub mod page;
pub mod record;
pub mod request;
pub mod route;
pub mod table;
