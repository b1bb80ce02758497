//! The two orders of a page, and what they make of keys and buckets.

use std::cmp::Ordering;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::table::bucket::Bucket;
use crate::table::keys::KeyRange;

/// The order of a page: by `created`, then by `room_sid`, then by `room_id`. One is exactly the
/// other reversed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Oldest first.
    Asc,
    /// Newest first.
    #[default]
    Desc,
}

impl Order {
    /// Whether keys rise.
    pub fn is_ascending(self) -> bool {
        self == Order::Asc
    }

    /// Which of two keys (or other things in ascending order) comes first.
    pub(super) fn compare<T: Ord + ?Sized>(self, one: &T, other: &T) -> Ordering {
        match self {
            Order::Asc => one.cmp(other),
            Order::Desc => other.cmp(one),
        }
    }

    /// The entries of something in ascending order, in this order.
    pub(super) fn iterate<'a, T>(
        self,
        mut ascending: impl DoubleEndedIterator<Item = T> + 'a,
    ) -> impl Iterator<Item = T> + 'a {
        std::iter::from_fn(move || match self {
            Order::Asc => ascending.next(),
            Order::Desc => ascending.next_back(),
        })
    }

    /// The key of a bucket that comes first.
    pub(super) fn first_key(self, bucket: Bucket) -> String {
        let KeyRange { low, high } = KeyRange::of_bucket(bucket);
        if self.is_ascending() { low } else { high }
    }

    /// The key of a bucket that comes last.
    pub(super) fn last_key(self, bucket: Bucket) -> String {
        let KeyRange { low, high } = KeyRange::of_bucket(bucket);
        if self.is_ascending() { high } else { low }
    }

    /// The sessions from `first` on.
    pub(super) fn sessions_from(self, first: String) -> KeyRange {
        match self {
            Order::Asc => KeyRange { low: first, ..KeyRange::sessions() },
            Order::Desc => KeyRange { high: first, ..KeyRange::sessions() },
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Order::Asc => "ASC",
            Order::Desc => "DESC",
        })
    }
}

impl Serialize for Order {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_order_is_the_other_reversed() {
        assert!(Order::Asc.is_ascending() && !Order::Desc.is_ascending());
        assert_eq!(Order::Asc.compare("a", "b"), Ordering::Less);
        assert_eq!(Order::Desc.compare("a", "b"), Ordering::Greater);
        assert_eq!(Order::Asc.iterate([1, 2, 3].into_iter()).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(Order::Desc.iterate([1, 2, 3].into_iter()).collect::<Vec<_>>(), [3, 2, 1]);
        assert_eq!(
            (Order::Asc.to_string(), Order::Desc.to_string()),
            ("ASC".into(), "DESC".into())
        );
    }

    #[test]
    fn bucket_starts_on_the_orders_side() {
        let month = Bucket::parse("2026-11").expect("a month");
        let (low, high) = ("2026-11".to_owned(), "2026-11\u{10FFFF}".to_owned());
        assert_eq!(Order::Asc.first_key(month), low);
        assert_eq!(Order::Asc.last_key(month), high);
        assert_eq!(Order::Desc.first_key(month), high);
        assert_eq!(Order::Desc.last_key(month), low);
    }

    #[test]
    fn range_from_a_key_ends_with_the_sessions() {
        let key = "2026-11".to_owned();
        let ascending = Order::Asc.sessions_from(key.clone());
        assert_eq!((&*ascending.low, &*ascending.high), ("2026-11", "9\u{10FFFF}"));
        let descending = Order::Desc.sessions_from(key);
        assert_eq!((&*descending.low, &*descending.high), ("0", "2026-11"));
    }

    #[test]
    fn order_is_answered_in_upper_case() {
        assert_eq!(serde_json::to_value(Order::Asc).ok(), Some("ASC".into()));
        assert_eq!(serde_json::to_value(Order::default()).ok(), Some("DESC".into()));
    }
}
