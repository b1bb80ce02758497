//! The checks when all actors are done and every replica has everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use past_rooms::table::schema::COUNTED;
use past_rooms::{Order, Page, PageQuery, PastRoom, PastRooms, RowKey};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::actors::{self, Actor};
use crate::content::{self, Version};
use crate::network;
use crate::plan::IMPORTER;
use crate::projection;
use crate::promise;
use crate::run;
use crate::scheduler::Scheduler;
use crate::stream::{SHARDS, Stream};
use crate::tallies::{self, Tallies};

/// Nothing lost, nothing twice, every tally right, every page that of the model.
pub async fn check(scheduler: &Arc<Scheduler>, room_ids: &[String], is_projection_wrong: bool) {
    scheduler.world().calm_down();
    drain_stream(scheduler).await;
    check_rows(scheduler);
    let mut work = JoinSet::new();
    let has_history = scheduler.world().projection.is_some();
    let past_rooms = actors::process(&network::client(scheduler), has_history);
    let rooms = room_ids.to_vec();
    let counting = Arc::clone(scheduler);
    work.spawn_local(network::ACTOR.scope(0, async move {
        build(&counting, &past_rooms, &rooms).await;
        read(&counting, &past_rooms, &rooms).await;
        if has_history {
            projection::check(&counting, &past_rooms, is_projection_wrong).await;
            projection::read(&counting, &past_rooms).await;
        }
    }));
    run::drive(scheduler, work).await;
}

/// Hands the pending events to the function on the stream, so that nothing is uncounted.
async fn drain_stream(scheduler: &Arc<Scheduler>) {
    let has_stream = scheduler.world().cluster.stream.is_some();
    if !has_stream {
        return;
    }
    let has_history = scheduler.world().projection.is_some();
    let past_rooms = actors::process(&network::client(scheduler), has_history);
    let mut work = JoinSet::new();
    let function = Actor { number: 0, scheduler: Arc::clone(scheduler), past_rooms };
    work.spawn_local(network::ACTOR.scope(0, async move {
        let is_drained = || {
            let world = function.scheduler.world();
            world.cluster.stream.as_ref().is_none_or(Stream::is_drained)
        };
        while !is_drained() {
            for shard in 0..SHARDS {
                let began = function.scheduler.turn(function.number).await;
                function.deliver(shard, began).await;
            }
        }
    }));
    run::drive(scheduler, work).await;
    let world = scheduler.world();
    let history = &world.cluster.history;
    for room_id in history.room_ids() {
        assert!(history.is_counted(&room_id), "{room_id} was written to and not counted");
    }
}

/// The sessions in the table are those of the model, and what counts them says so.
fn check_rows(scheduler: &Scheduler) {
    let world = scheduler.world();
    let mut sessions: BTreeMap<String, BTreeMap<RowKey, Value>> = BTreeMap::new();
    let mut tallies: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for mut row in world.cluster.primary.rows() {
        // The list does not say who put a session.
        row.as_object_mut().expect("a row").remove(COUNTED);
        let key = content::key(&row);
        if content::is_session(&key) {
            sessions.entry(key.room_id.clone()).or_default().insert(key, row);
        } else {
            tallies.entry(key.room_id).or_default().push(row);
        }
    }
    for (room_id, rows) in &sessions {
        let sids = rows.keys().filter_map(|key| key.sort_key.split_once('#'));
        let mut sids = sids.map(|(_, sid)| sid).filter(|sid| sid.starts_with(IMPORTER));
        let mut seen = BTreeSet::new();
        let twice = sids.find(|sid| !seen.insert(*sid));
        assert_eq!(twice, None, "{room_id} has this session twice: {rows:?}");
    }
    let history = &world.cluster.history;
    for (room_id, rows) in &sessions {
        let expected = history.now(room_id);
        let expected = expected.iter().map(|(key, version)| (key, content::row(key, *version)));
        assert!(
            rows.iter().map(|(key, row)| (key, row.clone())).eq(expected),
            "{room_id}: {rows:?}"
        );
    }
    for (room_id, rows) in tallies {
        if history.has_tally(&room_id) && history.is_counted(&room_id) {
            let found = rows.iter().map(|row| (content::key(row).sort_key, tallies::read(row)));
            let found: Tallies = found.filter(|(_, counts)| !counts.is_empty()).collect();
            let expected = tallies::expected(history.now(&room_id).keys());
            assert_eq!(found, expected, "the tallies of {room_id}");
        }
    }
}

/// Builds tallies that lack a write of an external writer, and those of some rooms without a tally.
async fn build(scheduler: &Scheduler, past_rooms: &PastRooms, room_ids: &[String]) {
    for room_id in room_ids {
        let (has_tally, is_counted, chosen) = {
            let mut world = scheduler.world();
            let history = &world.cluster.history;
            let found = (history.has_tally(room_id), history.is_counted(room_id));
            (found.0, found.1, world.random.bool())
        };
        if (has_tally && !is_counted) || (!has_tally && chosen) {
            past_rooms.tally(room_id).await.expect("a tally");
            let report = past_rooms.check_tally(room_id).await.expect("a check");
            assert!(report.is_consistent(), "{report:?}");
        }
    }
}

/// Reads page after page of all rooms together, and of one, in both orders. That is half the work
/// of a run, so each run does a third of it.
async fn read(scheduler: &Scheduler, past_rooms: &PastRooms, room_ids: &[String]) {
    let one = scheduler.world().random.usize(0..room_ids.len());
    for room_ids in [room_ids, &room_ids[one..=one]] {
        let sessions: BTreeMap<RowKey, Version> = {
            let world = scheduler.world();
            room_ids.iter().flat_map(|room_id| world.cluster.history.now(room_id)).collect()
        };
        for order in [Order::Asc, Order::Desc] {
            if scheduler.world().random.u8(0..3) > 0 {
                continue;
            }
            let mut keys: Vec<&RowKey> = sessions.keys().collect();
            keys.sort_by(|one, other| promise::compare(order, one, other));
            let rows: Vec<PastRoom> =
                keys.into_iter().map(|key| content::past_room(key, sessions[key])).collect();
            let limit = rows.len() / scheduler.world().random.usize(1..=4) + 1;
            for from in (0..=rows.len()).step_by(limit) {
                let query = PageQuery::new(room_ids).from(from as u64).limit(limit).order(order);
                let page = past_rooms.page(&query).await.expect("a page");
                let on_page = rows.iter().skip(from).take(limit).cloned().collect();
                let expected = Page { total: rows.len() as u64, sessions: on_page };
                assert_eq!(page, expected, "{query:?}");
                scheduler.world().counters.final_pages += 1;
            }
        }
    }
}
