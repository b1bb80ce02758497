//! The attempts at a page: count, plan, merge, until counts and rows fit.

use super::attempts::Attempts;
use super::counts::{self, RoomCounts};
use super::cursor::RoomCursor;
use super::disagreement::{Disagreement, disagreements};
use super::error::ReadError;
use super::plan::{Plan, RoomPlan};
use super::prefetch::CountsCache;
use super::query::{Page, PageQuery};
use super::reader::Reader;
use super::{by_sid, merge, refine, total};
use crate::table::Table;

/// Reads one page.
///
/// # Errors
/// [`ReadError`]; never a page that is shorter than it should be.
pub(crate) async fn read_page(
    table: &Table,
    cache: &CountsCache,
    query: &PageQuery,
) -> Result<Page, ReadError> {
    if let Some(room_sid) = &query.room_sid {
        return by_sid::read_page(table, query, room_sid).await;
    }
    let cache = cache.for_rooms(query.room_ids.len());
    let mut attempts = Attempts::default();
    loop {
        let (consistency, distrusted) = (attempts.consistency(), &attempts.distrusted);
        let reader = Reader { table, cache, order: query.order, consistency, distrusted };
        let Reading { page, disagreements } = read_once(&reader, query).await?;
        if attempts.accept(table, &disagreements).await? {
            return Ok(page);
        }
    }
}

/// A page, and the rooms whose counts and rows disagree.
struct Reading {
    page: Page,
    disagreements: Vec<Disagreement>,
}

/// One attempt: count, plan, merge.
async fn read_once(reader: &Reader<'_>, query: &PageQuery) -> Result<Reading, ReadError> {
    let mut rooms = counts::count_rooms(reader, query).await?;
    let counted = rooms.iter().map(RoomCounts::sessions).sum();
    let plan = plan_page(reader, query, &mut rooms).await?;
    let mut cursors = match &plan {
        Some(plan) => cursors(reader, plan, &mut rooms),
        None => vec![],
    };
    let sessions = match &plan {
        Some(plan) => {
            merge::merge(reader, &mut cursors, plan, query.limit, query.max_bytes).await?
        }
        None => vec![],
    };
    let disagreements = disagreements(rooms, &cursors);
    let total = total::reconcile(counted, query.from, query.limit, sessions.len());
    Ok(Reading { page: Page { total, sessions }, disagreements })
}

/// Plans the page. If the months alone leave too much to skip, asks for the hours of one, and in the
/// history table then for the minutes of one of these.
/// `None`: by the counts the page is empty, or nothing but the total was asked for.
async fn plan_page(
    reader: &Reader<'_>,
    query: &PageQuery,
    rooms: &mut [RoomCounts],
) -> Result<Option<Plan>, ReadError> {
    let plan = |rooms: &[RoomCounts]| {
        let counts = rooms.iter().map(|room| &room.counts);
        Plan::new(query.order, counts, query.from, query.limit)
    };
    if query.limit == 0 {
        return Ok(None);
    }
    // If each room's first rows were read, they decide, whatever the counts say.
    if rooms.iter().all(|room| room.head.is_some()) {
        return Ok(Some(Plan::from_the_front(query.order, query.from)));
    }
    let finest = reader.table.finest();
    let mut refined = None;
    loop {
        let plan = plan(rooms);
        let counts = rooms.iter().map(|room| &room.counts);
        let bucket =
            plan.as_ref().and_then(|plan| plan.bucket_to_refine(counts, query.limit, finest));
        // One month, then one of its hours: a bucket that could not be divided is not tried again.
        let Some(bucket) = bucket.filter(|bucket| Some(bucket.level()) > refined) else {
            return Ok(plan);
        };
        refine::refine(reader, rooms, bucket).await?;
        refined = Some(bucket.level());
    }
}

/// The cursors of the rooms that can have a row on the page, sorted by room id. A room whose first
/// rows were read along continues there.
fn cursors(reader: &Reader<'_>, plan: &Plan, rooms: &mut [RoomCounts]) -> Vec<RoomCursor> {
    let mut cursors = Vec::with_capacity(rooms.len());
    for room in rooms {
        let RoomPlan { first_key, expected, in_window } =
            plan.of_room(std::mem::take(&mut room.counts));
        let head = room.head.take();
        let cursor = head.or_else(|| {
            let first_key = first_key?;
            Some(RoomCursor::new(room.room_id.clone(), reader.order, first_key))
        });
        if let Some(mut cursor) = cursor {
            cursor.expect(expected, in_window);
            cursors.push(cursor);
        }
    }
    cursors.sort_by(|one, other| one.room_id.cmp(&other.room_id));
    cursors
}
