//! Rooms whose rows are read already, merged. No database is asked.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config};
use proptest::prelude::*;

use super::*;
use crate::page::reader::DistrustedRooms;
use crate::table::bucket::{Bucket, Counts};
use crate::table::keys::RowKey;
use crate::table::{Consistency, Table};

fn key(minute: u8) -> String {
    format!("2026-11-22T10:{minute:02}:00.000Z#s")
}

/// Returns the cursor of a room with these sessions read; `is_at_end`: the room has no others.
fn cursor(room: usize, minutes: &[u8], order: Order, is_at_end: bool) -> RoomCursor {
    let mut items: Vec<_> = minutes
        .iter()
        .map(|minute| {
            let mut item = RowKey::new(format!("room{room}"), key(*minute)).into_item();
            let title = aws_sdk_dynamodb::types::AttributeValue::S(minute.to_string());
            item.insert("room_title".to_owned(), title);
            item
        })
        .collect();
    if order == Order::Desc {
        items.reverse();
    }
    let last = items.last().and_then(RowKey::of_item).map(|key| key.sort_key);
    let first = if order == Order::Asc { "0" } else { ":" };
    let mut cursor = RoomCursor::new(format!("room{room}"), order, first.to_owned());
    cursor.push_page(items.into_iter(), last.filter(|_| !is_at_end));
    cursor
}

/// The rows of a page of these rooms, each with sessions at these minutes, as `room minute`.
fn page(rooms: &[Vec<u8>], order: Order, from: u64, limit: usize) -> Vec<String> {
    let config = Config::builder().behavior_version(BehaviorVersion::latest()).build();
    let table = Table::new(Client::from_conf(config), "nobody is asked");
    let distrusted = DistrustedRooms::default();
    let consistency = Consistency::Eventual;
    let reader = Reader { table: &table, cache: None, order, consistency, distrusted: &distrusted };
    let cursors = rooms.iter().enumerate();
    let cursors = cursors.map(|(room, minutes)| cursor(room, minutes, order, true));
    let mut cursors: Vec<RoomCursor> = cursors.collect();
    let plan = Plan::from_the_front(order, from);
    let merged = merge(&reader, &mut cursors, &plan, limit, None);
    let page = futures_util::FutureExt::now_or_never(merged).expect("nothing to wait for");
    let page = page.expect("a page").into_iter();
    page.map(|row| format!("{} {:0>2}", row.room_id, row.room_title)).collect()
}

#[test]
fn simultaneous_sessions_are_sorted_by_room() {
    let rooms = [vec![7], vec![7], vec![6, 8]];
    let ascending = ["room2 06", "room0 07", "room1 07", "room2 08"];
    assert_eq!(page(&rooms, Order::Asc, 0, 9), ascending);
    let descending: Vec<&str> = ascending.into_iter().rev().collect();
    assert_eq!(page(&rooms, Order::Desc, 0, 9), descending);
    assert!(page(&[], Order::Asc, 0, 9).is_empty());
    // A limit without end.
    assert_eq!(page(&rooms, Order::Asc, 3, usize::MAX), ascending[3..]);
}

#[test]
fn unread_row_precedes_a_known_equal_key() {
    let row = RowKey::new("r", key(0)).into_item();
    let row = SessionRow::from_item(row).expect("a row");
    let bound = row.key.as_str().to_owned();
    let order = Order::Asc;
    let known = HeapEntry { order, head: Head::Row(row), cursor: 0 };
    let unread = HeapEntry { order, head: Head::Unread(bound.clone()), cursor: 1 };
    let twin = HeapEntry { order, head: Head::Unread(bound), cursor: 1 };
    // They are the same only if they come at the same place.
    assert!(unread == twin && unread != known);
    let heap = BinaryHeap::from([known, unread]);
    assert_eq!(heap.peek().map(|first| first.cursor), Some(1));
}

/// A plan of a page that ends within minute 20 by the counts.
fn plan_up_to_minute_20() -> Plan {
    let bucket =
        |minute: u8| Bucket::parse(&format!("2026-11-22T10:{minute:02}")).expect("a minute");
    let counts = Counts::from([(bucket(0), 1), (bucket(20), 1), (bucket(40), 1)]);
    Plan::new(Order::Asc, [&counts], 0, 2).expect("a plan")
}

/// Which rooms are read together with one that is read from minute 0 on: of these, each unread from a
/// minute on or with a known row there, in a plan whose page ends within minute 20 by the counts.
fn read_together(rooms: &[(u8, bool)], first: u8, needed: u64) -> Vec<usize> {
    let plan = plan_up_to_minute_20();
    let mut heap = BinaryHeap::new();
    for (cursor, (minute, is_known)) in rooms.iter().enumerate() {
        let row = RowKey::new("r", key(*minute)).into_item();
        let head = match is_known {
            true => Head::Row(SessionRow::from_item(row).expect("a row")),
            false => Head::Unread(key(*minute)),
        };
        heap.push(HeapEntry { order: Order::Asc, head, cursor });
    }
    let mut unread = vec![];
    pop_unread(&mut heap, &plan, &key(first), needed, &mut unread);
    assert_eq!(heap.len() + unread.len(), rooms.len());
    unread
}

#[test]
fn rooms_on_the_page_are_read_together() {
    let unread = |minute| (minute, false);
    assert_eq!(read_together(&[unread(0), unread(20), unread(40)], 0, 1), [0, 1]);
    // The known rows decide whether the others are needed.
    let known = |minute| (minute, true);
    assert_eq!(read_together(&[unread(0), known(10), unread(20)], 0, 1), [0]);
    assert!(read_together(&[known(0), unread(20)], 0, 1).is_empty());
    assert!(read_together(&[], 0, 1).is_empty());
}

#[test]
fn rooms_beyond_the_page_are_read_when_needed() {
    let rooms = [(30, false), (30, false), (31, false), (32, false)];
    // As early as the first, however few are needed.
    assert_eq!(read_together(&rooms, 30, 1), [0, 1]);
    assert_eq!(read_together(&rooms, 30, 2), [0, 1]);
    assert_eq!(read_together(&rooms, 30, 3), [0, 1, 2]);
    assert_eq!(read_together(&rooms, 30, 9), [0, 1, 2, 3]);
}

/// Returns the rows requested of each room when another has run dry, and `needed` are needed.
fn needs(rooms: &[(&[u8], bool)], order: Order, needed: u64) -> Vec<Option<u64>> {
    needs_of(&Plan::from_the_front(order, 0), 0, rooms, order, needed)
}

/// The same for a plan, where the room that has run dry is read from a minute on.
fn needs_of(
    plan: &Plan,
    first: u8,
    rooms: &[(&[u8], bool)],
    order: Order,
    needed: u64,
) -> Vec<Option<u64>> {
    let rooms = rooms.iter().enumerate();
    let mut cursors: Vec<RoomCursor> =
        rooms.map(|(room, (minutes, at_end))| cursor(room, minutes, order, *at_end)).collect();
    let mut heap = BinaryHeap::new();
    for cursor in 0..cursors.len() {
        heap.extend(HeapEntry::of(&mut cursors, cursor, order));
    }
    let mut needs = vec![None; cursors.len()];
    refill_exhausted(&mut needs, &cursors, &heap, plan, &key(first), needed);
    needs
}

#[test]
fn partly_read_rooms_continue_together() {
    // Rows after row 12 of the first come behind rows 10 to 12, and so on.
    let rooms: [(&[u8], bool); 4] =
        [(&[10, 12], false), (&[11, 20], false), (&[13, 14], true), (&[30, 31], false)];
    assert_eq!(needs(&rooms, Order::Asc, 9), [Some(9 - 3), Some(9 - 6), None, Some(9 - 8)]);
    assert_eq!(needs(&rooms, Order::Asc, 6), [Some(6 - 3), None, None, None]);
    assert_eq!(needs(&rooms, Order::Asc, 3), [None; 4]);
    assert_eq!(needs(&rooms, Order::Desc, 9), [Some(1), Some(2), None, Some(7)]);
    assert_eq!(needs(&rooms, Order::Desc, 7), [None, None, None, Some(5)]);
    assert_eq!(needs(&rooms, Order::Desc, 2), [None; 4]);
}

#[test]
fn rooms_known_to_the_pages_end_are_not_read() {
    let rooms: [(&[u8], bool); 3] = [(&[10, 12], false), (&[11, 20], false), (&[13, 21], false)];
    let plan = plan_up_to_minute_20();
    let needs = |first| needs_of(&plan, first, &rooms, Order::Asc, 999);
    assert_eq!(needs(9), [Some(996), Some(994), None]);
    // Behind the plan's end the counts tell nothing.
    assert_eq!(needs(30), [Some(996), Some(994), Some(993)]);
}

proptest! {
    #[test]
    fn page_is_a_slice_of_the_sorted_rooms(
        rooms in proptest::collection::vec(proptest::collection::btree_set(0_u8..60, 0..12), 1..6),
        from in 0_u64..30,
        limit in 0_usize..30,
        ascending: bool,
    ) {
        let rooms: Vec<Vec<u8>> = rooms.into_iter().map(|it| it.into_iter().collect()).collect();
        let order = if ascending { Order::Asc } else { Order::Desc };
        let mut all: Vec<(u8, usize)> = Vec::new();
        for (room, minutes) in rooms.iter().enumerate() {
            all.extend(minutes.iter().map(|minute| (*minute, room)));
        }
        all.sort_unstable();
        if !ascending {
            all.reverse();
        }
        let expected = all.iter().skip(from as usize).take(limit);
        let expected: Vec<String> =
            expected.map(|(minute, room)| format!("room{room} {minute:02}")).collect();
        prop_assert_eq!(page(&rooms, order, from, limit), expected);
    }
}
