//! The usual way to read a page from DynamoDB, which has neither `OFFSET` nor `COUNT`: read every
//! session, count, sort and cut. This is its best form: one pass for page and total, rooms side by side.

use std::sync::Arc;

use futures_util::future::try_join_all;
use lambda_http::{Body, Request, Response};
use past_rooms::api::error::ApiError;
use past_rooms::api::handler::App;
use past_rooms::api::{answer, auth, request};
use past_rooms::table::history::ALL_ROOMS;
use past_rooms::table::keys::KeyRange;
use past_rooms::table::rows::past_room::SessionRow;
use past_rooms::table::{Consistency, RowQuery, Table};
use past_rooms::{Meter, Order, Page, PageQuery, ReadError};

use crate::embedded::HISTORY_TABLE_NAME;

/// Path at which the local run answers this way. Request and answer are those of the API.
pub const PATH: &str = "/usual-way";

/// Answers a request in the usual way, and counts its cost with `meter`.
pub async fn handle(app: &App, request: &Request, meter: &Arc<Meter>) -> Response<Body> {
    let answered = answer_request(app, request, meter).await;
    answered.unwrap_or_else(|error| answer::error(app.dialect, &error))
}

async fn answer_request(
    app: &App,
    request: &Request,
    meter: &Arc<Meter>,
) -> Result<Response<Body>, ApiError> {
    let body = request.body().as_ref();
    auth::authenticate(&app.credentials.current(), request.headers(), body)?;
    let asked = request::parse(app.dialect, body)?;
    let mut query = asked.query.clone();
    let mut table = app.past_rooms.table().metered(meter);
    if query.room_ids.is_empty() && query.room_sid.is_none() {
        // The best form for all rooms is a table with one partition, which the history table is.
        query.room_ids = vec![ALL_ROOMS.to_owned()];
        table = Table::new(table.client().clone(), HISTORY_TABLE_NAME).metered(meter);
    }
    let page = read(&table, &query).await?;
    answer::page(app.dialect, &asked, &page)
}

async fn read(table: &Table, query: &PageQuery) -> Result<Page, ReadError> {
    let range = &KeyRange::sessions();
    let rooms = query.room_ids.iter().map(|room_id| async move {
        let mut rows = Vec::new();
        let all = RowQuery::rows(room_id, range, Consistency::Eventual);
        table.walk(all, |item| rows.extend(SessionRow::from_item(item))).await?;
        Ok::<_, ReadError>(rows.into_iter().map(move |row| (row.key.clone(), room_id, row)))
    });
    let mut rows: Vec<_> = try_join_all(rooms).await?.into_iter().flatten().collect();
    if let Some(room_sid) = &query.room_sid {
        rows.retain(|(key, ..)| key.room_sid() == room_sid);
    }
    rows.sort_by(|(one, room, _), (other, other_room, _)| (one, room).cmp(&(other, other_room)));
    if query.order == Order::Desc {
        rows.reverse();
    }
    let total = rows.len() as u64;
    let from = usize::try_from(query.from).unwrap_or(usize::MAX);
    let rows = rows.into_iter().skip(from).take(query.limit);
    let sessions = rows.map(|(.., row)| row.into_past_room()).collect::<Result<_, _>>()?;
    Ok(Page { total, sessions })
}
