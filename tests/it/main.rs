//! The endpoint, the reader and the writer, against an embedded DynamoDB over HTTP. Every test has its own database.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod admin;
mod auth;
mod by_sid;
mod connections;
mod contract;
mod dialect;
mod events;
mod faults;
mod import_files;
mod layout;
mod pages;
mod record;
mod routes;
mod runtime;
mod start;
mod support;
mod template;
