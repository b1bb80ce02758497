//! The planner against a model: the sessions in a plain list, sorted and cut. No database.
//!
//! `cargo test` tries 100 000 histories, and docs/internals/testing.md says how to try as many as you like. A
//! failure names the seed that repeats it: `PLAN_SEED=…`.

use super::order::Order;
use super::plan::{Plan, RoomPlan};
use crate::table::bucket::{self, Bucket, Counts, Level};
use crate::table::keys::{KeyRange, SessionKey};

const CASES: u64 = 100_000;

/// A history and a page of it, made from a seed.
struct Case {
    order: Order,
    from: u64,
    limit: usize,
    /// Each room's sessions, ascending.
    rooms: Vec<Vec<SessionKey>>,
    /// Each room's counts, some months of all rooms divided into hours, and some hours into minutes.
    counts: Vec<Counts>,
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let rooms: Vec<Vec<SessionKey>> = (0..random.usize(0..6))
            .map(|_| {
                let mut keys: Vec<SessionKey> =
                    (0..random.usize(0..12)).map(|_| key(&mut random)).collect();
                keys.sort();
                keys.dedup();
                keys
            })
            .collect();
        let mut refined = |level, most| -> Vec<Bucket> {
            let keys = (0..random.usize(0..most)).map(|_| key(&mut random));
            keys.filter_map(|key| key.bucket(level)).collect()
        };
        let (months, hours) = (refined(Level::Month, 4), refined(Level::Hour, 12));
        let bucket_of = |key: &SessionKey| {
            let level = match months.contains(&key.month()) {
                false => Level::Month,
                true if !hours.contains(&key.hour()) => Level::Hour,
                true => Level::Minute,
            };
            key.bucket(level).expect("every key has a minute")
        };
        let counts = rooms.iter().map(|keys| {
            let mut counts = Counts::new();
            keys.iter().for_each(|key| bucket::count(&mut counts, bucket_of(key)));
            counts
        });
        Case {
            order: if random.bool() { Order::Asc } else { Order::Desc },
            from: random.u64(0..40),
            limit: random.usize(1..15),
            counts: counts.collect(),
            rooms,
        }
    }

    /// All rows in order, each with its room.
    fn rows(&self) -> Vec<(&SessionKey, usize)> {
        let keys = self.rooms.iter().enumerate();
        let mut rows: Vec<_> =
            keys.flat_map(|(room, keys)| keys.iter().map(move |key| (key, room))).collect();
        rows.sort_by(|one, other| self.order.compare(one, other));
        rows
    }

    fn page(&self) -> Vec<(&SessionKey, usize)> {
        self.rows().into_iter().skip(self.from as usize).take(self.limit).collect()
    }

    fn plan(&self) -> Option<Plan> {
        Plan::new(self.order, &self.counts, self.from, self.limit)
    }
}

/// A key in one of few months, days, hours and minutes.
fn key(random: &mut fastrand::Rng) -> SessionKey {
    let text = format!(
        "202{}-0{}-1{}T0{}:0{}:00.000Z#{}",
        random.u8(5..7),
        random.u8(1..4),
        random.u8(0..2),
        random.u8(0..2),
        random.u8(0..3),
        random.u8(0..9)
    );
    SessionKey::parse(text).expect("a session's key")
}

fn for_every_case(property: impl Fn(&Case)) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("PLAN_SEED") {
        return property(&Case::new(seed));
    }
    for seed in 0..number("PLAN_CASES").unwrap_or(CASES) {
        let case = Case::new(seed);
        let check = std::panic::AssertUnwindSafe(|| property(&case));
        if std::panic::catch_unwind(check).is_err() {
            panic!("repeat it with PLAN_SEED={seed}");
        }
    }
}

#[test]
fn plan_gives_the_rows_of_the_model() {
    for_every_case(|case| {
        let Some(plan) = case.plan() else {
            assert!(case.page().is_empty());
            return;
        };
        // The rows that are read: each room from its first key on, merged, the plan's rows skipped.
        let first: Vec<Option<String>> =
            case.counts.iter().map(|counts| plan.of_room(counts.clone()).first_key).collect();
        let is_read = |key: &SessionKey, room: usize| {
            let first = first[room].as_deref();
            first.is_some_and(|first| case.order.compare(key.as_str(), first).is_ge())
        };
        let read = case.rows().into_iter().filter(|(key, room)| is_read(key, *room));
        let page: Vec<_> = read.skip(plan.skip as usize).take(case.limit).collect();
        assert_eq!(page, case.page());
    });
}

#[test]
fn plan_skips_as_little_as_counts_allow() {
    for_every_case(|case| {
        let Some(plan) = case.plan() else { return };
        // The page begins in the first bucket, so a later boundary would be behind its first row.
        let first_row = case.page()[0].0;
        let mut in_bucket = 0;
        let mut skipped = None;
        for counts in &case.counts {
            for (bucket, count) in counts {
                if KeyRange::of_bucket(*bucket).contains(first_row.as_str()) {
                    in_bucket += count;
                    skipped = Some(bucket);
                }
            }
        }
        let bucket = skipped.expect("the row is counted");
        let before = case.rows().into_iter().take(case.from as usize);
        let expected =
            before.filter(|(key, _)| KeyRange::of_bucket(*bucket).contains(key.as_str())).count();
        assert_eq!(plan.skip, expected as u64);
        assert!(plan.skip < in_bucket);
    });
}

#[test]
fn plan_reads_only_rooms_with_rows() {
    for_every_case(|case| {
        let Some(plan) = case.plan() else { return };
        let page = case.page();
        let (first, last) = (page[0].0, page[page.len() - 1].0);
        let bucket_of = |key: &SessionKey| {
            let buckets = case.counts.iter().flat_map(Counts::keys);
            buckets
                .clone()
                .find(|bucket| KeyRange::of_bucket(**bucket).contains(key.as_str()))
                .expect("counted")
        };
        let (first, last) = (bucket_of(first), bucket_of(last));
        for counts in &case.counts {
            // By the counts, a room can have a row between the first bucket of the page and the last.
            let can_have_row = counts.keys().any(|bucket| {
                case.order.compare(bucket, first).is_ge()
                    && case.order.compare(bucket, last).is_le()
            });
            let RoomPlan { first_key, in_window, expected } = plan.of_room(counts.clone());
            let is_read = first_key.is_some_and(|first| !plan.is_beyond(&first));
            assert_eq!(is_read, can_have_row);
            assert_eq!(in_window > 0, can_have_row);
            let from_first =
                counts.iter().filter(|(bucket, _)| case.order.compare(*bucket, first).is_ge());
            assert!(expected.iter().eq(from_first));
        }
    });
}
