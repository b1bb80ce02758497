//! The history table: the state in which a run begins with it, and what must hold at the end.

use std::collections::BTreeMap;

use fastrand::Rng;
use past_rooms::table::history::{ALL_ROOMS, COMPLETE, state_key};
use past_rooms::{Order, Page, PageQuery, PastRoom, PastRooms, ProjectionMode, RowKey};
use serde_json::{Value, json};

use crate::content::{self, Version};
use crate::history::History;
use crate::scheduler::Scheduler;
use crate::tallies::{self, Tallies};

/// The first state of a history table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// As the stream function leaves it.
    Complete,
    /// As before the first build, or as a build leaves it that is killed.
    Unbuilt,
    /// It is called complete, but some of its rows are missing, different, or without a session.
    Wrong,
}

impl Beginning {
    /// Draws one.
    pub fn draw(random: &mut Rng) -> Self {
        match random.u8(0..4) {
            0 => Beginning::Unbuilt,
            1 => Beginning::Wrong,
            _ => Beginning::Complete,
        }
    }

    /// Returns the rows of the history table of these sessions.
    pub fn rows(self, random: &mut Rng, sessions: &[(RowKey, Version)]) -> Vec<Value> {
        let mut sessions = sessions.to_vec();
        match self {
            Beginning::Complete => {}
            Beginning::Unbuilt => sessions.truncate(random.usize(0..=sessions.len())),
            Beginning::Wrong => {
                sessions.retain(|_| random.u8(0..8) > 0);
                for (key, version) in &mut sessions {
                    match random.u8(0..8) {
                        0 => *version += OTHER,
                        1 => *key = RowKey::new(&*key.room_id, key.sort_key.clone() + "x"),
                        _ => {}
                    }
                }
            }
        }
        let rows = sessions.iter().map(|(key, version)| content::projected_row(key, *version));
        let mut rows: Vec<Value> = rows.collect();
        let keys: Vec<RowKey> = rows.iter().map(content::key).collect();
        rows.extend(tallies::rows(ALL_ROOMS, &tallies::expected_of_history(&keys)));
        if self != Beginning::Unbuilt {
            let RowKey { room_id, sort_key, .. } = state_key();
            rows.push(json!({
                "room_id": {"S": room_id}, "created_sid": {"S": sort_key}, COMPLETE: {"BOOL": true},
            }));
        }
        rows
    }
}

/// Added to the version of rows that are different from the beginning. No other rows have such
/// versions.
const OTHER: Version = 3_000_000;

/// Checks the history table after the last event: it has the sessions of the table and no others, and
/// its tallies count them. One that is not complete, or was wrong at first, is reconciled before.
pub async fn check(scheduler: &Scheduler, past_rooms: &PastRooms, is_wrong: bool) {
    let is_complete = {
        let world = scheduler.world();
        world.projection.as_ref().is_some_and(|projection| projection.completion.is_some())
    };
    if !is_complete || is_wrong {
        run(past_rooms, ProjectionMode::Write).await;
    }
    check_rows(scheduler);
    let differences = run(past_rooms, ProjectionMode::Check).await;
    assert_eq!(differences, 0, "differences after the last event");
}

/// Runs a reconciliation to its end, and returns the number of differences.
async fn run(past_rooms: &PastRooms, mode: ProjectionMode) -> u64 {
    let mut reconciliation = past_rooms.reconciliation(mode).expect("a history table");
    let mut differences = 0;
    while let Some(step) = reconciliation.next().await.expect("a step") {
        let projected = step.differences;
        differences += projected.added + projected.changed + projected.deleted;
    }
    differences
}

fn check_rows(scheduler: &Scheduler) {
    let world = scheduler.world();
    let Some(projection) = &world.projection else { return };
    let (rows, others): (Vec<Value>, Vec<Value>) =
        projection.primary.rows().into_iter().partition(|row| content::source(row).is_some());
    let rows: BTreeMap<RowKey, Value> =
        rows.into_iter().map(|row| (content::key(&row), row)).collect();
    let expected: BTreeMap<RowKey, Value> = sessions(&world.cluster.history)
        .into_iter()
        .map(|(key, version)| (content::projected_key(&key), content::projected_row(&key, version)))
        .collect();
    let missing: Vec<_> = expected.keys().filter(|key| !rows.contains_key(*key)).collect();
    let superfluous: Vec<_> = rows.keys().filter(|key| !expected.contains_key(*key)).collect();
    assert!(
        missing.is_empty() && superfluous.is_empty(),
        "the history table lacks {missing:?}, and has {superfluous:?} without sessions"
    );
    for (key, row) in &rows {
        assert_eq!(*row, expected[key], "the history table");
    }
    let tallies = others.iter().filter(|row| content::key(row) != state_key());
    let found = tallies.map(|row| (content::key(row).sort_key, tallies::read(row)));
    let found: Tallies = found.filter(|(_, counts)| !counts.is_empty()).collect();
    assert_eq!(
        found,
        tallies::expected_of_history(expected.keys()),
        "the tallies of the history table"
    );
}

/// The sessions of all rooms in the end.
fn sessions(history: &History) -> BTreeMap<RowKey, Version> {
    let rooms = history.room_ids();
    rooms.iter().flat_map(|room_id| history.now(room_id)).collect()
}

/// Reads page after page of all rooms in both orders.
pub async fn read(scheduler: &Scheduler, past_rooms: &PastRooms) {
    let sessions = {
        let world = scheduler.world();
        sessions(&world.cluster.history)
    };
    let in_order: BTreeMap<RowKey, PastRoom> = sessions
        .iter()
        .map(|(key, version)| (content::projected_key(key), content::past_room(key, *version)))
        .collect();
    for order in [Order::Asc, Order::Desc] {
        let mut rows: Vec<PastRoom> = in_order.values().cloned().collect();
        if order == Order::Desc {
            rows.reverse();
        }
        let limit = rows.len() / scheduler.world().random.usize(1..=4) + 1;
        for from in (0..=rows.len()).step_by(limit) {
            let query = PageQuery::all_rooms().from(from as u64).limit(limit).order(order);
            let page = past_rooms.page(&query).await.expect("a page");
            let on_page = rows.iter().skip(from).take(limit).cloned().collect();
            assert_eq!(page, Page { total: rows.len() as u64, sessions: on_page }, "{query:?}");
            scheduler.world().counters.final_pages += 1;
        }
    }
}
