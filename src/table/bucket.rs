//! Buckets: the stretches of sort keys by which sessions are counted.

use std::collections::BTreeMap;

use crate::table::calendar::{HOUR_BYTES, MONTH_BYTES};
use crate::table::keys::{KeyRange, SessionKey, last_with_prefix};

/// Sessions by bucket, in byte order, which is time order. Buckets in one map do not overlap.
pub type Counts = BTreeMap<Bucket, u64>;

/// A month or an hour of a room's sessions: all sort keys with one prefix.
///
/// A key of another writer may be too short to have the prefix; it is a bucket of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket {
    prefix: String,
    /// Whether the bucket is the one key `prefix`, and not every key that starts with it.
    single: bool,
}

impl Bucket {
    /// Every key that starts with `prefix`.
    pub fn new(prefix: impl Into<String>) -> Self {
        Bucket { prefix: prefix.into(), single: false }
    }

    /// The month of a session, or of a key of another form as many of its first bytes.
    pub fn month_of(key: &SessionKey) -> Self {
        Bucket::of(key, MONTH_BYTES)
    }

    /// The hour of a session, or of a key of another form as many of its first bytes.
    pub fn hour_of(key: &SessionKey) -> Self {
        Bucket::of(key, HOUR_BYTES)
    }

    /// A prefix may not end inside a character, so it is extended to the character's end. Cut short
    /// instead, one bucket's prefix could begin another's, and they would not follow one another.
    fn of(key: &SessionKey, bytes: usize) -> Self {
        let key = key.as_str();
        match (bytes..=key.len()).find_map(|end| key.get(..end)) {
            Some(prefix) => Bucket::new(prefix),
            None => Bucket { prefix: key.to_owned(), single: true },
        }
    }

    /// What all its keys start with; for a month `2026-11`, for an hour `2026-11-22T10`.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Its keys.
    pub fn range(&self) -> KeyRange {
        KeyRange { low: self.prefix.clone(), high: self.last_key() }
    }

    /// The last key that can be in it.
    pub fn last_key(&self) -> String {
        if self.single { self.prefix.clone() } else { last_with_prefix(&self.prefix) }
    }

    /// Whether it can be divided into hours: it is a month, not an hour.
    pub fn is_refinable(&self) -> bool {
        !self.single && self.prefix.len() < HOUR_BYTES
    }

    /// Whether `other` is this bucket or lies in it, as an hour lies in its month.
    pub fn contains(&self, other: &Bucket) -> bool {
        self == other || (!self.single && other.prefix.starts_with(&self.prefix))
    }
}

/// Counts one session more in a bucket.
pub fn count(counts: &mut Counts, bucket: Bucket) {
    *counts.entry(bucket).or_default() += 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(text: &str) -> SessionKey {
        SessionKey::parse(text).expect("a session's key")
    }

    proptest! {
        #[test]
        fn buckets_are_in_the_order_of_their_keys(
            mut keys in proptest::collection::vec("[0-9][0-9ü~-]{0,15}", 2..30)
        ) {
            keys.sort();
            for bytes in [MONTH_BYTES, HOUR_BYTES] {
                let buckets: Vec<Bucket> =
                    keys.iter().map(|text| Bucket::of(&key(text), bytes)).collect();
                prop_assert!(buckets.is_sorted());
                for (text, bucket) in keys.iter().zip(&buckets) {
                    prop_assert!(bucket.range().contains(text));
                }
                for pair in buckets.windows(2) {
                    prop_assert!(pair[0] == pair[1] || pair[0].last_key() < pair[1].prefix);
                }
            }
        }
    }

    #[test]
    fn a_month_contains_its_hours() {
        let month = Bucket::new("2026-11");
        let hour = Bucket::hour_of(&key("2026-11-22T10:00:00.000Z#x"));
        assert!(month.contains(&hour) && month.contains(&month) && !hour.contains(&month));
    }

    #[test]
    fn only_a_month_can_be_divided() {
        assert!(Bucket::new("2026-11").is_refinable());
        assert!(!Bucket::new("2026-11-22T10").is_refinable());
        // A key that is too short for a month is a bucket of its own.
        let single = Bucket::month_of(&key("2026"));
        assert!(!single.is_refinable() && single.contains(&single));
        assert!(!single.contains(&Bucket::new("2026-11")));
        assert_eq!((single.prefix(), &*single.last_key()), ("2026", "2026"));
        let mut counts = Counts::new();
        count(&mut counts, single.clone());
        count(&mut counts, single.clone());
        assert_eq!(counts[&single], 2);
    }
}
