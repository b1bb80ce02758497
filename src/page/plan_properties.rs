//! The planner against a model: the sessions in a plain list, sorted and cut. No database.
//!
//! `cargo test` tries 100 000 histories, and docs/internals/testing.md says how to try as many as you like. A
//! failure names the seed that repeats it: `PLAN_SEED=…`.

use super::order::Order;
use super::plan::Plan;
use crate::table::bucket::{self, Bucket, Counts};
use crate::table::keys::SessionKey;

const CASES: u64 = 100_000;

/// A history and a page of it, made from a seed.
struct Case {
    order: Order,
    from: u64,
    limit: usize,
    /// Each room's sessions, ascending.
    rooms: Vec<Vec<SessionKey>>,
    /// Each room's counts, some months of all rooms divided into hours.
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
        let refined: Vec<Bucket> =
            (0..random.usize(0..3)).map(|_| Bucket::month_of(&key(&mut random))).collect();
        let bucket_of = |key: &SessionKey| {
            let month = Bucket::month_of(key);
            if refined.contains(&month) { Bucket::hour_of(key) } else { month }
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

/// A key in one of few months, days and hours, now and then one of another form.
fn key(random: &mut fastrand::Rng) -> SessionKey {
    let text = match random.u8(0..20) {
        0 => format!(
            "20{}",
            ["", "25", "25-0", "25-01", "25-01-0", "25-01-01 10", "üü"][random.usize(0..7)]
        ),
        1 => format!("1ü{}", "ü".repeat(random.usize(0..8))),
        _ => format!(
            "202{}-0{}-1{}T0{}:00:00.000Z#{}",
            random.u8(5..7),
            random.u8(1..4),
            random.u8(0..3),
            random.u8(0..3),
            random.u8(0..9)
        ),
    };
    SessionKey::parse(text).expect("it starts with a digit")
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
fn a_plan_gives_exactly_the_rows_of_the_model() {
    for_every_case(|case| {
        let Some(plan) = case.plan() else {
            assert!(case.page().is_empty());
            return;
        };
        // What is read: each room from its first key on, merged, the plan's rows skipped.
        let first: Vec<Option<String>> =
            case.counts.iter().map(|counts| plan.first_key(counts)).collect();
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
fn a_plan_skips_as_little_as_the_counts_allow() {
    for_every_case(|case| {
        let Some(plan) = case.plan() else { return };
        // The page begins in the first bucket, so a later boundary would be behind its first row.
        let first_row = case.page()[0].0;
        let mut in_bucket = 0;
        let mut skipped = None;
        for counts in &case.counts {
            for (bucket, count) in counts {
                if bucket.range().contains(first_row.as_str()) {
                    in_bucket += count;
                    skipped = Some(bucket);
                }
            }
        }
        let bucket = skipped.expect("the row is counted");
        let before = case.rows().into_iter().take(case.from as usize);
        let expected = before.filter(|(key, _)| bucket.range().contains(key.as_str())).count();
        assert_eq!(plan.skip, expected as u64);
        assert!(plan.skip < in_bucket);
    });
}

#[test]
fn a_plan_reads_no_room_that_cannot_have_a_row() {
    for_every_case(|case| {
        let Some(plan) = case.plan() else { return };
        let page = case.page();
        let (first, last) = (page[0].0, page[page.len() - 1].0);
        let bucket_of = |key: &SessionKey| {
            let buckets = case.counts.iter().flat_map(Counts::keys);
            buckets.clone().find(|bucket| bucket.range().contains(key.as_str())).expect("counted")
        };
        let (first, last) = (bucket_of(first), bucket_of(last));
        for counts in &case.counts {
            // By the counts, a room can have a row between the first bucket of the page and the last.
            let can_have_row = counts.keys().any(|bucket| {
                case.order.compare(bucket, first).is_ge()
                    && case.order.compare(bucket, last).is_le()
            });
            let is_read = plan.first_key(counts).is_some_and(|first| !plan.is_beyond(&first));
            assert_eq!(is_read, can_have_row);
            assert_eq!(plan.sessions_in_window(counts) > 0, can_have_row);
        }
    });
}
