//! The endpoint, the reader and the writer, against an embedded DynamoDB over HTTP, or
//! [another](support::engine). Every test has a table of its own.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod admin;
mod admin_install;
mod admin_json;
mod admin_lists;
mod admin_stops;
mod admin_tally;
mod admin_words;
mod answers;
mod auth;
mod by_sid;
mod checks;
mod connections;
mod contract;
mod corpora;
mod dialect;
mod events;
mod export;
mod faults;
mod function_faults;
mod function_pages;
mod import_files;
mod import_history;
mod import_killed;
mod in_flight;
mod layout;
mod local_arguments;
mod logs;
mod meetings;
mod meetings_resumed;
mod metrics;

mod pages;
mod record;
mod retention;
mod routes;
mod runtime;
mod secrets;
mod start;
mod stream;
mod stream_events;
mod support;
mod template;
mod template_stream;
mod trust;
mod webhook;
mod whole_history;
