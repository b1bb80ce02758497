//! plugNmeet's `fetchPastRooms` on AWS Lambda and DynamoDB: pages of past sessions across rooms,
//! with an exact total, at a cost that does not depend on how deep a page is.
//!
//! The API's Lambda function is the binary `past-rooms`. As a library this crate reads and writes the same
//! history: [`PastRooms`] records sessions together with the counts that make pages cheap.
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/history.rs"));
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let past_rooms = sample_history().await?;
//! use past_rooms::{PageQuery, Session};
//!
//! // let past_rooms = PastRooms::new(aws_sdk_dynamodb::Client::new(&config), "past-rooms");
//! let session = Session::new("room01", "SID_x", "2026-11-22T10:00:00Z".parse()?);
//! past_rooms.record(&[session]).await?;
//!
//! let page = past_rooms.page(&PageQuery::new(["room01"]).limit(1)).await?;
//! assert_eq!(page.total, 3);
//! assert_eq!(page.sessions[0].room_sid, "SID_x");
//! # Ok(())
//! # }
//! ```
//!
//! # Map
//!
//! Each module uses only those below it:
//!
//! | module | what it is for |
//! | --- | --- |
//! | `webhook` | plugNmeet's webhooks: verification, parsing, answer (feature `webhook`) |
//! | `api` | HTTP: route, authentication, request, answer (feature `api`) |
//! | `stream` | the table's stream: counting external writes, projection, meetings' timers (feature `stream`) |
//! | `meeting` | meetings in progress, until they are sessions (feature `meetings`) |
//! | [`PastRooms`] | the handle |
//! | [`page`] | reading a page |
//! | `whole_history` | the projection of all rooms' sessions into one order (feature `history`) |
//! | `maintenance` | tallies and expiry of existing sessions: survey, repair, recount |
//! | [`record`] | writing sessions with their counts |
//! | `dynamodb` | the SDK's client: endpoint, credentials, time-outs, connections (feature `client`) |
//! | `lambda` | a function's surroundings: configuration, log, deadline |
//! | [`table`] | rows, keys, requests and errors of DynamoDB |
//!
//! # Features
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `api` (default) | the API's Lambda function: `lambda_http` and what it needs |
//! | `stream` (default) | the Lambda function on the table's stream, `past-rooms-stream` |
//! | `client` | a DynamoDB client with this project's time-outs: `aws-config` |
//! | `admin` | the operator's tool, `past-rooms-admin` |
//! | `history` | writing the history table, which has the sessions of all rooms in one order |
//! | `meetings` | recording sessions from reports of meetings in progress |
//! | `webhook` (default) | the function that takes plugNmeet's webhooks, `past-rooms-webhook` |
//!
//! To record sessions from a program of your own, depend on it with `default-features = false`:
//! then no HTTP framework comes with it.

#[cfg(feature = "api")]
pub mod api;
#[cfg(feature = "client")]
pub mod dynamodb;
#[cfg(any(feature = "api", feature = "stream", feature = "client"))]
pub mod lambda;
mod maintenance;
#[cfg(feature = "meetings")]
pub mod meeting;
pub mod page;
mod past_rooms;
pub mod record;
#[cfg(feature = "stream")]
pub mod stream;
pub mod table;
#[cfg(feature = "webhook")]
pub mod webhook;
#[cfg(feature = "history")]
mod whole_history;

pub use maintenance::{Difference, Expiries, Recount, Repeated, TallyReport};
pub use page::{Order, Page, PageQuery, ReadError};
pub use past_rooms::PastRooms;
pub use record::{
    Entry, Field, Fields, Importer, Marks, Misplaced, Recorded, Stopped, WriteError, Written,
};
pub use table::keys::{RowKey, SessionKey};
pub use table::rows::past_room::PastRoom;
pub use table::rows::session::{InvalidSession, Session};
pub use table::{Meter, TableError, TableErrorKind};
#[cfg(feature = "history")]
pub use whole_history::project::{Mode as ProjectionMode, Projected};
#[cfg(feature = "history")]
pub use whole_history::reconcile::{Reconciled, Reconciliation};
