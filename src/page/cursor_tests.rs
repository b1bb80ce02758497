//! Tests of cursors over given rows, without a database.

use proptest::prelude::*;

use super::*;

const MONTH: &str = "2026-11";

fn month() -> Bucket {
    Bucket::parse(MONTH).expect("a month")
}

/// A session on this day of November.
fn key(day: u8) -> String {
    format!("{MONTH}-{day:02}T10:00:00.000Z#s{day}")
}

fn items(days: &[u8]) -> std::vec::IntoIter<Item> {
    let items: Vec<Item> = days.iter().map(|day| RowKey::new("r", key(*day)).into_item()).collect();
    items.into_iter()
}

/// Returns a cursor from the beginning of November on that expects `expected` sessions there.
fn november(order: Order, expected: u64) -> RoomCursor {
    let month = month();
    let first = order.first_key(month);
    let mut cursor = RoomCursor::new("r".to_owned(), order, first);
    cursor.expect(Counts::from([(month, expected)]), expected);
    cursor
}

/// Gives it these rows as the next page, as [`RoomCursor::fetch_more`] does.
fn read(cursor: &mut RoomCursor, days: &[u8], is_last: bool) {
    let held = cursor.rows.len();
    let next = days.last().filter(|_| !is_last).map(|day| key(*day));
    cursor.push_page(items(days), next);
    for row in cursor.rows.iter().skip(held) {
        bucket::count(&mut cursor.read, bucket_of(&cursor.expected, &row.key));
    }
}

fn counted_and_read(cursor: &RoomCursor) -> Option<(u64, u64)> {
    cursor.contradiction().map(|it| (it.counted, it.read))
}

#[test]
fn unread_cursor_is_bounded_by_its_start() {
    assert_eq!(november(Order::Asc, 3).lower_bound().as_deref(), Some(MONTH));
    let last = KeyRange::of_bucket(month()).high;
    assert_eq!(november(Order::Desc, 3).lower_bound(), Some(last));
}

#[test]
fn bound_is_the_last_key_until_the_end() {
    let mut cursor = november(Order::Asc, 3);
    read(&mut cursor, &[1, 2], false);
    assert_eq!((cursor.lower_bound(), cursor.is_at_end()), (Some(key(2)), false));
    assert_eq!(cursor.unread_in_window(), 1);
    read(&mut cursor, &[3], true);
    assert_eq!((cursor.lower_bound(), cursor.is_at_end()), (None, true));
    assert_eq!(cursor.unread_in_window(), 0);
    let taken: Vec<String> =
        std::iter::from_fn(|| cursor.take_row()).map(|row| row.key.as_str().to_owned()).collect();
    assert_eq!(taken, [key(1), key(2), key(3)]);
}

#[test]
fn counted_rows_are_not_the_end() {
    let mut cursor = november(Order::Asc, 2);
    read(&mut cursor, &[1, 2], false);
    assert!(!cursor.is_at_end());
    assert_eq!(cursor.contradiction(), None);
}

#[test]
fn contradiction_is_reported_once_certain() {
    // One too many, at once.
    let mut cursor = november(Order::Asc, 2);
    read(&mut cursor, &[1, 2, 3], false);
    assert_eq!(counted_and_read(&cursor), Some((2, 3)));
    // Too few, only when the month is over.
    let mut cursor = november(Order::Asc, 3);
    read(&mut cursor, &[1, 2], false);
    assert_eq!(cursor.contradiction(), None);
    read(&mut cursor, &[], true);
    assert_eq!(counted_and_read(&cursor), Some((3, 2)));
    // The month is over, too, when a row of the next one is read.
    let mut cursor = november(Order::Asc, 3);
    cursor.push_page(items(&[1]), Some("2026-12-01T00:00:00.000Z#x".to_owned()));
    bucket::count(&mut cursor.read, month());
    assert_eq!(counted_and_read(&cursor), Some((3, 1)));
}

#[test]
fn uncounted_rows_contradict() {
    let mut cursor = november(Order::Asc, 0);
    cursor.expect(Counts::new(), 0);
    read(&mut cursor, &[1], false);
    let contradiction = cursor.contradiction().expect("a contradiction");
    assert_eq!((contradiction.counted, contradiction.read), (0, 1));
    assert_eq!(Some(contradiction.bucket), Bucket::parse("2026-11-01T10"));
    let text = contradiction.to_string();
    assert!(text.contains("2026-11-01T10 has 0 sessions by the tally, 1 by its rows"), "{text}");
}

#[test]
fn key_outside_the_range_keeps_the_bound() {
    let mut cursor = RoomCursor::with_range("r".to_owned(), Order::Desc, KeyRange::sessions());
    cursor.push_page(items(&[]), Some(ROOM_TALLY.to_owned()));
    assert!(!cursor.is_at_end());
    assert_eq!(cursor.lower_bound(), Some(KeyRange::sessions().high));
    cursor.push_page(items(&[3]), Some(key(3)));
    assert_eq!(cursor.lower_bound(), Some(key(3)));
    cursor.push_page(items(&[]), Some(ROOM_TALLY.to_owned()));
    assert_eq!(cursor.lower_bound(), Some(key(3)));
}

#[test]
fn query_asks_for_its_likely_share() {
    // All needed rows, if no other room has a row there, up to a maximum.
    assert_eq!(november(Order::Asc, 100).rows_to_ask_for(20, 100), 20);
    assert_eq!(november(Order::Asc, 9000).rows_to_ask_for(9000, 9000), MAX_READ_AHEAD);
    // A half more than its share, and no less than costs the same.
    assert_eq!(november(Order::Asc, 40).rows_to_ask_for(20, 100), 8 + 4 + 5);
    assert_eq!(november(Order::Asc, 9).rows_to_ask_for(100, 1000), ROWS_PER_UNIT);
    assert_eq!(november(Order::Asc, 9).rows_to_ask_for(3, 1000), 3);
    // But of what the counts place on the page, two more: the next, and one recorded meanwhile.
    assert_eq!(november(Order::Asc, 40).rows_to_ask_for(100, 100), 40 + 2);
    assert_eq!(november(Order::Asc, 1).rows_to_ask_for(100, 100), 1 + 2);
    // Where the counts expect nothing they do not help.
    assert_eq!(november(Order::Asc, 0).rows_to_ask_for(7, 0), 7);
    assert_eq!(november(Order::Asc, 0).rows_to_ask_for(0, 0), 1);
}

#[test]
fn query_continues_behind_the_last_key() {
    let range = KeyRange::sessions();
    for order in [Order::Asc, Order::Desc] {
        let mut cursor = november(order, 40);
        let query = cursor.query(&range, 7, Consistency::Strong);
        assert_eq!(query.ascending, order == Order::Asc);
        assert_eq!((query.limit, query.after), (Some(7), None));
        read(&mut cursor, &[3], false);
        let after = cursor.query(&range, 7, Consistency::Strong).after.map(str::to_owned);
        assert!(after.is_some_and(|after| after.starts_with("2026-11-03")));
    }
}

#[test]
fn second_query_asks_for_all_counted_rows() {
    let mut cursor = november(Order::Asc, 40);
    read(&mut cursor, &[1], false);
    assert_eq!(cursor.rows_to_ask_for(100, 1000), 39 + 2);
    assert_eq!(cursor.rows_to_ask_for(7, 1000), 7);
    // Whether there is one more after the last costs as much as some rows.
    let mut cursor = november(Order::Asc, 2);
    read(&mut cursor, &[1, 2], false);
    assert_eq!(cursor.rows_to_ask_for(100, 0), ROWS_PER_UNIT);
    // There was one more: the counts do not help.
    read(&mut cursor, &[3], false);
    assert_eq!(cursor.rows_to_ask_for(100, 0), 100);
}

proptest! {
    /// Rows in pages of any size are taken in order, and the counts are contradicted if and only if
    /// they are wrong.
    #[test]
    fn query_pages_add_up(days in proptest::collection::btree_set(1_u8..=28, 0..28),
                    cuts in proptest::collection::vec(1_usize..6, 28),
                    ascending: bool, wrong_by in -2_i64..=2) {
        let order = if ascending { Order::Asc } else { Order::Desc };
        let mut days: Vec<u8> = days.into_iter().collect();
        if !ascending {
            days.reverse();
        }
        let counted = (days.len() as i64 + wrong_by).max(0) as u64;
        let mut cursor = november(order, counted);
        let (mut rest, mut cuts) = (&days[..], cuts.into_iter());
        while !rest.is_empty() {
            let (page, later) = rest.split_at(cuts.next().unwrap_or(1).min(rest.len()));
            read(&mut cursor, page, false);
            prop_assert_eq!(cursor.lower_bound(), page.last().map(|day| key(*day)));
            rest = later;
        }
        read(&mut cursor, &[], true);
        prop_assert!(cursor.is_at_end());
        let expected = (counted != days.len() as u64).then_some((counted, days.len() as u64));
        prop_assert_eq!(counted_and_read(&cursor), expected);
        let keys: Vec<String> = cursor.rows().map(|row| row.key.as_str().to_owned()).collect();
        let all: Vec<String> = days.iter().map(|day| key(*day)).collect();
        prop_assert_eq!(keys, all);
    }
}

#[test]
fn rows_are_counted_in_their_buckets() {
    let counts = |prefixes: &[&str]| -> Counts {
        prefixes.iter().map(|prefix| (Bucket::parse(prefix).expect("a bucket"), 1)).collect()
    };
    let key = |text: &str| SessionKey::parse(text).expect("a session's key");
    let refined = counts(&["2026-10", "2026-11-01T09", "2026-11-01T10:07", "2026-11-01T11"]);
    for (text, bucket) in [
        ("2026-10-05T10:00#a", "2026-10"),
        ("2026-11-01T09:00#a", "2026-11-01T09"),
        ("2026-11-01T10:07#a", "2026-11-01T10:07"),
        // Not counted, in a refined hour and in other months.
        ("2026-11-01T10:08#a", "2026-11-01T10:08"),
        ("2026-11-01T10:06#a", "2026-11-01T10:06"),
        ("2026-11-01T12:00#a", "2026-11-01T12"),
        ("2026-12-01T12:00#a", "2026-12-01T12"),
    ] {
        assert_eq!(bucket_of(&refined, &key(text)).prefix(), bucket, "{text}");
    }
}
