//! The page for browsers at `/`: the rooms, their history page by page, and the cost of each page beside
//! the cost of [reading everything](crate::usual).

use axum::Json;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use past_rooms::api::handler::App;
use past_rooms::api::{auth, route};
use past_rooms::{PastRooms, TableError};
use serde_json::{Value, json};

use crate::arguments::DEMO_SECRET;
use crate::{sample, usual};

/// Path of the rooms that the page lists.
pub const ROOMS_PATH: &str = "/room-ids";

/// Maximum number of rooms that the page lists.
const MAX_LISTED_ROOMS: usize = 1000;

/// The page, with [`PLACEHOLDER`] for the settings of this run.
const PAGE: &str = include_str!("page.html");

/// Placeholder in [`PAGE`].
const PLACEHOLDER: &str = "\"THIS RUN\"";

const HEADERS: [(HeaderName, &str); 3] = [
    (CONTENT_TYPE, "text/html; charset=utf-8"),
    (CACHE_CONTROL, "no-store"),
    // The page is one file and loads nothing from elsewhere.
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
];

/// Returns the page.
pub fn page(app: &App) -> Response {
    // Only the default secret, which is public, is part of the page.
    let pair = app.credentials.current();
    let secret = Some(&*pair.secret).filter(|secret| *secret == DEMO_SECRET);
    let this_run = json!({
        "key": pair.key,
        "secret": secret,
        "wholeHistory": app.past_rooms.has_history(),
        "keyHeader": auth::API_KEY_HEADER,
        "signatureHeader": auth::SIGNATURE_HEADER,
        "path": route::PATHS[0],
        "usualPath": usual::PATH,
        "roomsPath": ROOMS_PATH,
    });
    // No text in a script may end the script.
    let this_run = this_run.to_string().replace('<', "\\u003c");
    (HEADERS, PAGE.replacen(PLACEHOLDER, &this_run, 1)).into_response()
}

/// Answers with the ids of the rooms that the page lists.
pub async fn room_ids(app: &App) -> Response {
    match listed_rooms(&app.past_rooms).await {
        Ok(rooms) => Json(rooms).into_response(),
        Err(error) => {
            let msg = json!({"status": false, "msg": error.to_string()});
            (StatusCode::INTERNAL_SERVER_ERROR, Json(msg)).into_response()
        }
    }
}

/// Returns the rooms of the sample if the table has any of them, then others.
async fn listed_rooms(past_rooms: &PastRooms) -> Result<Value, TableError> {
    let is_sample = |id: &String| sample::rooms().any(|(room, _)| room == id);
    let (mut has_sample, mut others) = (false, Vec::new());
    let mut ids = past_rooms.room_ids();
    while others.len() <= MAX_LISTED_ROOMS
        && let Some(ids) = ids.next().await?
    {
        let (of_sample, ids): (Vec<_>, Vec<_>) = ids.into_iter().partition(is_sample);
        has_sample |= !of_sample.is_empty();
        others.extend(ids);
    }
    let more = others.len() > MAX_LISTED_ROOMS;
    others.truncate(MAX_LISTED_ROOMS);
    let sample = sample::rooms().filter(|_| has_sample).map(|(room, _)| room.to_owned());
    Ok(json!({"rooms": sample.chain(others).collect::<Vec<_>>(), "more": more}))
}
