//! The promise, as a check of one answer.
//!
//! Each open write is seen or not, whatever the others are. So each session by itself is certain to
//! be there, certain not to be there, or either; and a page is right if and only if
//!
//! - every row is a session in a state in which it may be seen, and they are in order;
//! - every certain session between the first and the last row is among the rows (the others may
//!   be unseen);
//! - `from` lies between the number of certain sessions before the first row and that of possible
//!   ones (each of the others may be chosen freely, so every number in between occurs);
//! - behind the last row of a page that is not full there is no certain session, and an empty page
//!   lies beyond all certain sessions.
//!
//! The total lies between the number of certain sessions and that of possible ones, and does not
//! contradict the rows.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use past_rooms::{Order, Page, PageQuery, RowKey};

use crate::content;
use crate::history::{History, Step, Visible};

/// Returns the problem of an answer. `None`: it has none. `sources`: the sessions that rows project, by the
/// rows' keys; other rows are sessions themselves.
pub fn violation(
    (history, sources): (&History, &BTreeMap<RowKey, RowKey>),
    room_ids: &[String],
    query: &PageQuery,
    page: &Page,
    (began, ended): (Step, Step),
) -> Option<String> {
    let rooms = room_ids.iter();
    let sessions = rooms.flat_map(|room_id| history.visible(room_id, began, ended));
    let mut sessions: Vec<(RowKey, Visible)> = sessions.collect();
    sessions.sort_by(|(one, _), (other, _)| compare(query.order, one, other));
    let certain = sessions.iter().filter(|(_, visible)| visible.is_certain()).count() as u64;
    let possible = sessions.iter().filter(|(_, visible)| visible.is_possible()).count() as u64;
    for (key, _) in &mut sessions {
        if let Some(source) = sources.get(key) {
            key.clone_from(source);
        }
    }
    rows(query, page, &sessions).and_then(|()| total(query, page, certain, possible)).err()
}

/// By `created`, then by `room_sid`, then by `room_id`.
pub fn compare(order: Order, one: &RowKey, other: &RowKey) -> Ordering {
    let ascending = (&one.sort_key, &one.room_id).cmp(&(&other.sort_key, &other.room_id));
    if order == Order::Asc { ascending } else { ascending.reverse() }
}

fn ensure(holds: bool, problem: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(problem()) }
}

fn rows(query: &PageQuery, page: &Page, sessions: &[(RowKey, Visible)]) -> Result<(), String> {
    let rows = &page.sessions;
    ensure(rows.len() <= query.limit, || format!("{} rows", rows.len()))?;
    // Where in `sessions` each row is.
    let mut places = Vec::with_capacity(rows.len());
    for row in rows {
        let key = RowKey::new(&*row.room_id, format!("{}#{}", row.created, row.room_sid));
        let place = sessions.iter().position(|(other, visible)| {
            let mut versions = visible.versions.iter();
            *other == key && versions.any(|version| content::past_room(&key, *version) == *row)
        });
        places.push(place.ok_or_else(|| format!("nobody may see {key} as {row:?}"))?);
    }
    ensure(places.is_sorted_by(|one, other| one < other), || "rows out of order".to_owned())?;
    let (Some(first), Some(last)) = (places.first(), places.last()) else {
        let certain = sessions.iter().filter(|(_, visible)| visible.is_certain()).count() as u64;
        return ensure(query.limit == 0 || certain <= query.from, || {
            format!("no rows, but {certain} certain sessions")
        });
    };
    let is_missing = |place: &usize| sessions[*place].1.is_certain() && !places.contains(place);
    if let Some(missing) = (*first..*last).find(is_missing) {
        return Err(format!("{} is missing between the rows", sessions[missing].0));
    }
    let before = &sessions[..*first];
    let certain = before.iter().filter(|(_, visible)| visible.is_certain()).count() as u64;
    let possible = before.iter().filter(|(_, visible)| visible.is_possible()).count() as u64;
    ensure(certain <= query.from && query.from <= possible, || {
        format!("the first row is at {certain} to {possible}, not at {}", query.from)
    })?;
    if rows.len() < query.limit
        && let Some(missing) = (last + 1..sessions.len()).find(is_missing)
    {
        return Err(format!("{} is missing behind the last row", sessions[missing].0));
    }
    Ok(())
}

fn total(query: &PageQuery, page: &Page, certain: u64, possible: u64) -> Result<(), String> {
    let total = page.total;
    ensure(certain <= total && total <= possible, || {
        format!("the total {total} is not between {certain} and {possible}")
    })?;
    let rows = page.sessions.len();
    let end = query.from.saturating_add(rows as u64);
    let fits = match rows {
        _ if query.limit == 0 => true,
        0 => total <= query.from,
        rows if rows < query.limit => total == end,
        _ => total >= end,
    };
    ensure(fits, || format!("the total {total} contradicts {rows} rows from {}", query.from))
}
