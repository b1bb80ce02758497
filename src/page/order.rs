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
    pub(super) fn first_key(self, bucket: &Bucket) -> String {
        match self {
            Order::Asc => bucket.prefix().to_owned(),
            Order::Desc => bucket.last_key(),
        }
    }

    /// The key of a bucket that comes last.
    pub(super) fn last_key(self, bucket: &Bucket) -> String {
        match self {
            Order::Asc => bucket.last_key(),
            Order::Desc => bucket.prefix().to_owned(),
        }
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
