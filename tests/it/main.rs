//! The endpoint, the reader and the writer, against an embedded DynamoDB over HTTP. Every test has its own database.

mod admin;
mod auth;
mod contract;
mod events;
mod faults;
mod import_files;
mod pages;
mod record;
mod routes;
mod runtime;
mod start;
mod support;
mod template;
