//! The reports of a meeting in any order, any number of times, and with losses.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const CREATED: i64 = 1_795_341_600;

fn report(at: i64, created: Option<i64>, title: &str) -> Report {
    let webhook_url = if title.is_empty() { String::new() } else { format!("https://{title}") };
    let details = Details { created, title: title.to_owned(), webhook_url, ..Details::default() };
    Report { at, details }
}

fn analytics(at: i64) -> Report {
    let details = Details { analytics: "file-1".to_owned(), ..Details::default() };
    Report { at, details }
}

/// A whole meeting: created, three comings and goings, both ends, analytics.
fn reports() -> Vec<(Kind, Report)> {
    vec![
        (Kind::RoomCreated, report(CREATED + 1, Some(CREATED), "Title")),
        (Kind::Participant, report(CREATED + 5, Some(CREATED + 2), "Title")),
        (Kind::Participant, report(CREATED + 60, Some(CREATED + 2), "Title")),
        (Kind::Participant, report(CREATED + 600, Some(CREATED + 2), "Title")),
        (Kind::SessionEnded, report(CREATED + 610, Some(CREATED + 1), "Title")),
        (Kind::RoomFinished, report(CREATED + 612, Some(CREATED + 2), "")),
        (Kind::Analytics, analytics(CREATED + 670)),
    ]
}

fn meeting<'a>(reports: impl IntoIterator<Item = &'a (Kind, Report)>) -> Meeting {
    let mut meeting = Meeting::default();
    for (kind, report) in reports {
        meeting.add(*kind, report);
    }
    meeting
}

fn seconds(time: Timestamp) -> i64 {
    time.as_second()
}

proptest! {
    /// The set of reports decides, neither their order nor their number. The expected session is made
    /// here independently, from the kinds that arrived.
    #[test]
    fn order_and_repetition_make_no_difference(
        picks in vec(0..7_usize, 1..40),
        ending in 4..6_usize,
    ) {
        let all = reports();
        let mut picks = picks;
        picks.push(ending);
        let came = meeting(picks.iter().map(|index| &all[*index]));
        let mut once = picks.clone();
        once.sort_unstable();
        once.dedup();
        prop_assert_eq!(&came, &meeting(once.iter().map(|index| &all[*index])));

        let has = |index: usize| once.contains(&index);
        let draft = came.draft("room", "sid").expect("it has ended");
        let participant = has(1) || has(2) || has(3);
        let created = match (has(0), has(4)) {
            (true, _) => CREATED,
            (false, true) => CREATED + 1,
            (false, false) => CREATED + 2,
        };
        prop_assert_eq!(seconds(draft.session.created), created);
        prop_assert_eq!(draft.created_is_certain, has(0));
        let ended = if has(4) { CREATED + 610 } else { CREATED + 612 };
        prop_assert_eq!(draft.session.ended.map(seconds), Some(ended));
        prop_assert!(draft.ended_is_certain);
        let title = if has(0) || has(4) || participant { "Title" } else { "" };
        prop_assert_eq!(&draft.session.room_title, title);
        prop_assert_eq!(draft.session.webhook_url.is_empty(), title.is_empty());
        prop_assert_eq!(draft.session.analytics_file_id.is_some(), has(6));
    }

    #[test]
    fn reports_round_trip_and_sort_by_time(at in 0..=MAX_SECONDS, other in 0..=MAX_SECONDS, title: String) {
        let one = report(at, Some(at), &title);
        prop_assert_eq!(Report::decode(&one.encode()), Some(one.clone()));
        let two = report(other, None, "");
        prop_assert_eq!(at < other, at != other && one.encode() < two.encode());
    }
}

#[test]
fn meeting_without_an_end_is_not_over() {
    let all = reports();
    assert_eq!(meeting(&all[..4]).draft("room", "sid"), None);
    assert_eq!(meeting(&all[6..]).draft("room", "sid"), None);
    assert_eq!(Meeting::default().draft("room", "sid"), None);
}

#[test]
fn presumed_end_is_the_last_report() {
    let next = Report::of_next_meeting(CREATED + 9_000);
    let silent = report(CREATED + 600 + SILENCE, None, "");
    for (kind, presumption) in [(Kind::NextMeeting, &next), (Kind::PresumedOver, &silent)] {
        let mut presumed = meeting(&reports()[..4]);
        presumed.add(kind, presumption);
        let draft = presumed.draft("room", "sid").expect("over");
        assert_eq!(draft.session.ended.map(seconds), Some(CREATED + 600), "{kind:?}");
        assert!(!draft.ended_is_certain);
        // A reported end is better, and no join disproves it.
        presumed.add(Kind::RoomFinished, &report(CREATED + 612, None, ""));
        presumed.add(Kind::Participant, &report(CREATED + 9_000, None, ""));
        let draft = presumed.draft("room", "sid").expect("over");
        assert_eq!(draft.session.ended.map(seconds), Some(CREATED + 612), "{kind:?}");
        assert!(draft.ended_is_certain);
    }
}

#[test]
fn later_reports_disprove_a_presumption() {
    let (next, silent) = (CREATED + 9_000, CREATED + 600 + SILENCE);
    for (over, kind, at, goes_on) in [
        (Kind::NextMeeting, Kind::Participant, next - 11, false),
        (Kind::NextMeeting, Kind::Participant, next - 10, true),
        (Kind::NextMeeting, Kind::Participant, next, true),
        (Kind::NextMeeting, Kind::Left, next + 60, false),
        (Kind::NextMeeting, Kind::Left, next + 61, true),
        (Kind::PresumedOver, Kind::Participant, CREATED + 600, false),
        (Kind::PresumedOver, Kind::Participant, CREATED + 601, true),
        (Kind::PresumedOver, Kind::Left, silent - 60, true),
        (Kind::PresumedOver, Kind::Participant, silent + 9_000, true),
    ] {
        let mut presumed = meeting(&reports()[..4]);
        match over {
            Kind::NextMeeting => presumed.add(over, &Report::of_next_meeting(next)),
            _ => presumed.add(over, &report(silent, None, "")),
        }
        presumed.add(kind, &report(at, None, ""));
        let draft = presumed.draft("room", "sid");
        assert_eq!(presumed.goes_on_after_all(), goes_on, "{over:?} {kind:?} {at}");
        assert_eq!(draft.is_none(), goes_on, "{over:?} {kind:?} {at}");
    }
}

#[test]
fn earliest_next_meeting_counts() {
    let mut followed = meeting(&reports()[..4]);
    for next in [700, 605, 900] {
        followed.add(Kind::NextMeeting, &Report::of_next_meeting(CREATED + next));
    }
    assert_eq!(followed.draft("room", "sid"), None);
}

#[test]
fn analytics_alone_are_not_a_session() {
    let mut ghost = meeting(&reports()[6..]);
    ghost.add(Kind::PresumedOver, &report(CREATED + 2 * SILENCE, None, ""));
    ghost.add(Kind::NextMeeting, &Report::of_next_meeting(CREATED + 9_000));
    assert_eq!(ghost.draft("room", "sid"), None);
    assert!(!ghost.goes_on_after_all());
}

#[test]
fn last_second_can_be_recorded() {
    let last = [(Kind::SessionEnded, report(MAX_SECONDS, Some(MAX_SECONDS), ""))];
    assert!(meeting(&last).draft("room", "sid").is_some());
}

#[test]
fn first_report_replaces_a_creation_time() {
    let ended = [
        (Kind::SessionEnded, report(CREATED + 610, None, "")),
        (Kind::Analytics, analytics(CREATED + 5)),
    ];
    let draft = meeting(&ended).draft("room", "sid").expect("over");
    assert_eq!((seconds(draft.session.created), draft.created_is_certain), (CREATED + 5, false));
    // The media server's clock may be ahead.
    let late = [(Kind::RoomFinished, report(CREATED, Some(CREATED + 3), ""))];
    let draft = meeting(&late).draft("room", "sid").expect("over");
    assert_eq!(draft.session.ended.map(seconds), Some(CREATED + 3));
}

#[test]
fn invalid_report_is_rejected() {
    for text in ["", "000000000001", "00000000000x{}", "ü".repeat(20).as_str()] {
        assert_eq!(Report::decode(text), None, "{text}");
    }
}
