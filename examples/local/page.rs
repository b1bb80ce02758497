//! The page for people at `/`: the rooms, their history page by page, and what each page cost beside
//! what it costs in the usual way.

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use past_rooms::api::handler::App;
use past_rooms::api::{auth, route};
use past_rooms::{PastRooms, TableError};
use serde_json::json;

use crate::{sample, usual};

/// The API secret of the local run, unless it is started with another.
pub const DEMO_SECRET: &str = "local-demo-secret";

/// The page, without what it has to know of this run.
const PAGE: &str = include_str!("page.html");

/// What stands in [`PAGE`] for what it has to know.
const PLACEHOLDER: &str = "\"THIS RUN\"";

const HEADERS: [(HeaderName, &str); 3] = [
    (CONTENT_TYPE, "text/html; charset=utf-8"),
    (CACHE_CONTROL, "no-store"),
    // One file that loads nothing from elsewhere, and cannot be made to.
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
];

/// The page, for a table as it is now.
pub async fn page(app: &App) -> Response {
    let rooms = match rooms(&app.past_rooms).await {
        Ok(rooms) => rooms,
        Err(error) => {
            return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
        }
    };
    // A secret of somebody's own is not handed to whoever can reach this address.
    let pair = app.credentials.current();
    let secret = Some(&*pair.secret).filter(|secret| *secret == DEMO_SECRET);
    let this_run = json!({
        "rooms": rooms,
        "key": pair.key,
        "secret": secret,
        "keyHeader": auth::API_KEY_HEADER,
        "signatureHeader": auth::SIGNATURE_HEADER,
        "path": route::PATHS[0],
        "usualPath": usual::PATH,
    });
    // In a script, no text may end the script.
    let this_run = this_run.to_string().replace('<', "\\u003c");
    (HEADERS, PAGE.replacen(PLACEHOLDER, &this_run, 1)).into_response()
}

/// Returns the rooms of the sample if the table has any of them, then all others.
async fn rooms(past_rooms: &PastRooms) -> Result<Vec<String>, TableError> {
    let is_sample = |id: &String| sample::rooms().any(|(room, _)| room == id);
    let (mut has_sample, mut others) = (false, Vec::new());
    let mut ids = past_rooms.room_ids();
    while let Some(more) = ids.next().await? {
        let (of_sample, more): (Vec<_>, Vec<_>) = more.into_iter().partition(is_sample);
        has_sample |= !of_sample.is_empty();
        others.extend(more);
    }
    let sample = sample::rooms().filter(|_| has_sample).map(|(room, _)| room.to_owned());
    Ok(sample.chain(others).collect())
}
