//! Buckets: the months, hours and minutes (UTC) by which sessions are counted.
//!
//! A bucket has all sort keys with one prefix, such as `2026-11` or `2026-11-22T10`. It is stored as a
//! number, so that maps of buckets are fast. Every month has 31 days here: the days that a month lacks
//! have no sessions.

use std::collections::BTreeMap;
use std::fmt;

/// Sessions by bucket, in the order of time. Buckets in one map do not overlap.
pub type Counts = BTreeMap<Bucket, u64>;

/// The length of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// A month, `2026-11`.
    Month,
    /// An hour, `2026-11-22T10`.
    Hour,
    /// A minute, `2026-11-22T10:07`.
    Minute,
}

impl Level {
    /// Returns the length in minutes.
    fn minutes(self) -> u64 {
        match self {
            Level::Month => 31 * 24 * 60,
            Level::Hour => 60,
            Level::Minute => 1,
        }
    }

    /// Returns the bytes of the prefix that all keys of such a bucket share.
    fn bytes(self) -> usize {
        match self {
            Level::Month => 7,
            Level::Hour => 13,
            Level::Minute => 16,
        }
    }

    /// Returns the next shorter level.
    pub fn finer(self) -> Option<Level> {
        match self {
            Level::Month => Some(Level::Hour),
            Level::Hour => Some(Level::Minute),
            Level::Minute => None,
        }
    }

    /// Returns the next longer level.
    fn coarser(self) -> Option<Level> {
        match self {
            Level::Month => None,
            Level::Hour => Some(Level::Month),
            Level::Minute => Some(Level::Hour),
        }
    }
}

/// A month, an hour or a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket {
    /// Minutes from the year 0 to its first one.
    start: u64,
    level: Level,
}

impl Bucket {
    /// Returns the bucket with this prefix, `2026-11` or `2026-11-22T10` or `2026-11-22T10:07`.
    /// `None`: the prefix has another form. A bucket has one spelling.
    pub fn parse(prefix: &str) -> Option<Self> {
        let levels = [Level::Month, Level::Hour, Level::Minute];
        let level = levels.into_iter().find(|level| level.bytes() == prefix.len())?;
        Bucket::of(level, prefix)
    }

    /// Returns the bucket of a level that a key begins with. `None`: the key does not begin with one.
    pub fn of(level: Level, key: &str) -> Option<Self> {
        let text = key.as_bytes().get(..level.bytes())?;
        let number = |from: usize, digits: usize| {
            text[from..from + digits].iter().try_fold(0, |number, byte| {
                byte.is_ascii_digit().then(|| number * 10 + u64::from(byte - b'0'))
            })
        };
        let has = |at: usize, separator: u8| (text[at] == separator).then_some(());
        // A part of a bucket, counted from `first`.
        let part = |from, first, last| {
            number(from, 2).filter(|part| (first..=last).contains(part)).map(|part| part - first)
        };
        has(4, b'-')?;
        let mut start = (number(0, 4)? * 12 + part(5, 1, 12)?) * 31;
        if level == Level::Month {
            return Some(Bucket { start: start * 24 * 60, level });
        }
        has(7, b'-')?;
        has(10, b'T')?;
        start = ((start + part(8, 1, 31)?) * 24 + part(11, 0, 23)?) * 60;
        if level == Level::Minute {
            has(13, b':')?;
            start += part(14, 0, 59)?;
        }
        Some(Bucket { start, level })
    }

    /// Returns its level.
    pub fn level(self) -> Level {
        self.level
    }

    /// Returns what all its keys begin with.
    pub fn prefix(self) -> String {
        self.to_string()
    }

    /// Returns the bucket of the next longer level that it lies in. `None`: it is a month.
    pub fn parent(self) -> Option<Bucket> {
        self.level.coarser().map(|level| self.within(level))
    }

    /// Returns the bucket of a level that it begins in.
    pub fn within(self, level: Level) -> Bucket {
        Bucket { start: self.start - self.start % level.minutes(), level }
    }

    /// Returns its number among those of its parent, counted from 0: the hour of a month, the minute of
    /// an hour. For a month: its number from the year 0 on.
    pub fn number(self) -> u64 {
        let start = self.parent().map_or(0, |parent| parent.start);
        (self.start - start) / self.level.minutes()
    }

    /// Returns the hour of a month or the minute of an hour with this [number](Self::number). `None`:
    /// no such hour or minute exists.
    pub fn part(self, number: u64) -> Option<Bucket> {
        let level = self.level.finer()?;
        let parts = self.level.minutes() / level.minutes();
        (number < parts).then(|| Bucket { start: self.start + number * level.minutes(), level })
    }

    /// Returns the month with this [number](Self::number).
    pub fn month(number: u64) -> Bucket {
        Bucket { start: number * Level::Month.minutes(), level: Level::Month }
    }

    /// Returns whether `other` is this bucket or lies in it.
    pub fn contains(self, other: Bucket) -> bool {
        self.level <= other.level && other.within(self.level) == self
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hours, minute) = (self.start / 60, self.start % 60);
        let (days, hour) = (hours / 24, hours % 24);
        let (months, day) = (days / 31, days % 31 + 1);
        write!(formatter, "{:04}-{:02}", months / 12, months % 12 + 1)?;
        if self.level >= Level::Hour {
            write!(formatter, "-{day:02}T{hour:02}")?;
        }
        if self.level >= Level::Minute {
            write!(formatter, ":{minute:02}")?;
        }
        Ok(())
    }
}

/// Counts one session more in a bucket.
pub fn count(counts: &mut Counts, bucket: Bucket) {
    *counts.entry(bucket).or_default() += 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(prefix: &str) -> Bucket {
        Bucket::parse(prefix).expect("a bucket")
    }

    #[test]
    fn every_bucket_has_one_spelling() {
        let month = bucket("2026-12");
        for hour in (0..31 * 24).map(|number| month.part(number).expect("an hour")) {
            assert_eq!(Bucket::parse(&hour.prefix()), Some(hour));
            assert_eq!((hour.parent(), month.part(hour.number())), (Some(month), Some(hour)));
        }
        assert_eq!(month.part(31 * 24), None);
        let hour = bucket("2026-11-22T10");
        assert_eq!(hour.number(), 514);
        for minute in (0..60).map(|number| hour.part(number).expect("a minute")) {
            assert_eq!(Bucket::parse(&minute.prefix()), Some(minute));
            assert_eq!((minute.parent(), hour.part(minute.number())), (Some(hour), Some(minute)));
            assert_eq!(minute.within(Level::Month), bucket("2026-11"));
        }
        assert_eq!((hour.part(60), bucket("2026-11-22T10:59").part(0)), (None, None));
    }

    #[test]
    fn months_have_numbers() {
        for (month, number) in
            [("0000-01", 0), ("0001-12", 23), ("2026-11", 24_322), ("9999-12", 119_999)]
        {
            assert_eq!((bucket(month).number(), Bucket::month(number)), (number, bucket(month)));
            assert_eq!(bucket(month).parent(), None);
        }
    }

    #[test]
    fn other_texts_are_not_buckets() {
        for other in [
            "",
            "2026",
            "2026-00",
            "2026-13",
            "2026-1",
            "2026-1x",
            "20261-1",
            "1ü26-1",
            "+026-11",
            "2026-12-32T00",
            "2026-12-00T00",
            "2026-12-01T24",
            "2026-13-01T00",
            "2026-11-22 10",
            "2026-11-22t10",
            "2026-11-+2T10",
            "2026-11-22T+1",
            "2026x11-22T10",
            "2026-11-22T1",
            "2026-11-22T10:60",
            "2026-11-22T10:0x",
            "2026-11-22T10.07",
            "2026-11-22T10:07:00",
        ] {
            assert_eq!(Bucket::parse(other), None, "{other}");
        }
    }

    #[test]
    fn buckets_sort_by_their_prefixes() {
        let prefixes = [
            "0000-01",
            "0000-12-31T23",
            "2025-12-31T23:59",
            "2026-01-01T00",
            "2026-01-01T01:00",
            "2026-01-31T23",
            "2026-02",
            "9999-12-31T23:59",
        ];
        assert!(prefixes.map(bucket).is_sorted());
    }

    #[test]
    fn bucket_contains_its_parts() {
        let (month, hour, minute) =
            (bucket("2026-11"), bucket("2026-11-22T10"), bucket("2026-11-22T10:07"));
        for (one, other, is_in) in [
            (month, month, true),
            (month, hour, true),
            (month, minute, true),
            (hour, minute, true),
            (hour, month, false),
            (minute, hour, false),
            (month, bucket("2026-12-01T00"), false),
        ] {
            assert_eq!(one.contains(other), is_in, "{one} {other}");
        }
    }
}
