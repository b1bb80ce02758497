//! Checks that hold for any input, one for each kind. `corpora.rs` runs them on
//! the inputs of `tests/corpora/`, the fuzz targets of `fuzz/` on inputs that they make up.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::FutureExt;
use lambda_http::http::StatusCode;
use lambda_http::request::LambdaRequest;
use lambda_http::{Request, RequestExt};
use past_rooms::api::handler::{App, handle};
use past_rooms::api::request::{self, MAX_LIMIT, MAX_NUMBER, MAX_ROOMS};
use past_rooms::api::{event, route};
use past_rooms::lambda::config::{ApiCredentials, Dialect};
use past_rooms::table::Item;
use past_rooms::table::bucket::{Bucket, Counts, Level};
use past_rooms::table::keys::{KeyRange, is_stray, string_attribute};
use past_rooms::table::rows::past_room::SessionRow;
use past_rooms::table::rows::tally::{
    INCOMPLETE, MAX_SESSIONS, VERSION, attribute, bucket_of_tally, read_room_tally, read_tally,
};
use past_rooms::table::schema::{MAX_PARTITION_KEY_BYTES, PARTITION_KEY, SORT_KEY};
use past_rooms::{PastRoom, PastRooms, SessionKey};

/// A check of one input; it panics where something does not hold.
pub type Check = fn(&[u8]);

/// Every check, by the name of its fuzz target and of its folder in `tests/corpora/`.
pub const ALL: [(&str, Check); 4] =
    [("body", body), ("event", event), ("tally_row", tally_row), ("session_row", session_row)];

/// The body of a request: what is accepted is within the bounds, and means the same when it is
/// written in the documented way.
pub fn body(input: &[u8]) {
    let parse = |body: &[u8]| request::parse(Dialect::Documented, body).map(|asked| asked.query);
    let query = match parse(input) {
        Ok(query) => query,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let distinct: BTreeSet<&String> = query.room_ids.iter().collect();
    assert_eq!(distinct.len(), query.room_ids.len());
    assert!(query.room_ids.len() <= MAX_ROOMS);
    for room_id in &query.room_ids {
        assert!((1..=MAX_PARTITION_KEY_BYTES).contains(&room_id.len()));
    }
    assert!(query.from <= MAX_NUMBER);
    assert!((1..=MAX_LIMIT).contains(&query.limit));
    let documented = serde_json::json!({
        "room_ids": query.room_ids,
        "from": query.from,
        "limit": query.limit,
        "order_by": query.order.to_string(),
        "room_sid": query.room_sid,
    });
    assert_eq!(parse(documented.to_string().as_bytes()), Ok(query));
}

/// An event of API Gateway or a Function URL, signed with another secret than ours: the answer is
/// the envelope with an error that is the client's, and no panic.
pub fn event(input: &[u8]) {
    let Ok(mut event) = serde_json::from_slice::<LambdaRequest>(input) else { return };
    event::check(&mut event);
    let request = Request::from(event);
    let routed = route::route(&request);
    if routed.is_ok() {
        assert_eq!(request.method(), route::METHOD);
    }
    let path = request.raw_http_path().to_owned();
    let is_preflight = route::is_preflight(&request);
    let answer = handle(app(), request).now_or_never();
    let answer = answer.expect("an answer without DynamoDB");
    if is_preflight && routed == Err(route::RouteError::MethodNotAllowed) {
        assert_eq!((answer.status(), answer.body().as_ref().len()), (StatusCode::NO_CONTENT, 0));
        return;
    }
    let expected: &[StatusCode] = match routed {
        Ok(_) => &[StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED],
        Err(_) => &[StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED],
    };
    assert!(expected.contains(&answer.status()), "{path:?}: {}", answer.status());
    let envelope: serde_json::Value =
        serde_json::from_slice(answer.body().as_ref()).expect("every answer is JSON");
    assert_eq!(envelope["status"], false);
    assert!(envelope["msg"].as_str().is_some_and(|msg| !msg.is_empty()));
    assert_eq!(envelope.as_object().map(serde_json::Map::len), Some(2));
}

/// The endpoint with a secret that no input is signed with, and no DynamoDB.
fn app() -> &'static App {
    static APP: OnceLock<App> = OnceLock::new();
    APP.get_or_init(|| {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .build();
        let client = aws_sdk_dynamodb::Client::from_conf(config);
        App {
            credentials: ApiCredentials {
                key: "plugnmeet".to_owned(),
                secret: "a secret that no input is signed with".to_owned(),
            }
            .into(),
            past_rooms: PastRooms::new(client, "past-rooms"),
            dialect: Dialect::Documented,
        }
    })
}

/// A row read as a room's tally and as a month's: what is believed is what the row says, adds up to
/// a number that is possible, and counts stretches of keys that sessions sort into.
pub fn tally_row(input: &[u8]) {
    let item = item(input);
    if let Ok(tally) = read_room_tally(&item) {
        assert_eq!(tally.complete, !item.contains_key(INCOMPLETE));
        assert_counts(&tally.months, &item, attribute);
        for bucket in tally.months.keys() {
            let key = session_key(format!("{bucket}-01T00:00:00.000Z#SID"));
            assert_eq!((key.month(), bucket.level()), (*bucket, Level::Month));
            assert!(KeyRange::of_bucket(*bucket).contains(key.as_str()));
        }
    }
    let bucket = bucket_of_tally(&item).or(Bucket::parse("2026-11")).expect("a month");
    if let Ok(parts) = read_tally(bucket, &item) {
        assert_counts(&parts, &item, attribute);
        for part in parts.keys() {
            let rest = if part.level() == Level::Hour { ":00:00.000Z#SID" } else { ":00.000Z#SID" };
            let key = session_key(format!("{part}{rest}"));
            assert_eq!((key.bucket(part.level()), part.parent()), (Some(*part), Some(bucket)));
            assert!(bucket.contains(*part));
            assert!(KeyRange::of_bucket(*part).contains(key.as_str()));
        }
    }
}

/// The counts are those of the row, each above 0, and do not overlap.
fn assert_counts(counts: &Counts, item: &Item, attribute: impl Fn(Bucket) -> String) {
    let sum = counts.values().try_fold(0_u64, |sum, count| sum.checked_add(*count));
    assert!(sum.is_some_and(|sum| sum <= MAX_SESSIONS));
    for (bucket, count) in counts {
        assert!(*count > 0);
        let value = item[&attribute(*bucket)].as_n().expect("a number");
        assert_eq!(value.parse(), Ok(*count));
    }
    let no_counts = [PARTITION_KEY, SORT_KEY, INCOMPLETE, VERSION];
    let written = item.iter().filter(|(name, value)| {
        let count = value.as_n().ok().and_then(|count| count.parse::<u64>().ok());
        !no_counts.contains(&name.as_str()) && count.is_some_and(|count| count > 0)
    });
    assert_eq!(written.count(), counts.len());
    for (one, next) in counts.keys().zip(counts.keys().skip(1)) {
        assert!(KeyRange::of_bucket(*one).high < next.prefix(), "{one} {next}");
    }
}

/// Returns whether a sort key is a session's, by the words of the definition.
fn is_session(sort_key: &str) -> bool {
    let pattern = "dddd-dd-ddTdd";
    let begins_with_hour = sort_key.len() >= pattern.len()
        && sort_key.bytes().zip(pattern.bytes()).all(|(byte, pattern)| match pattern {
            b'd' => byte.is_ascii_digit(),
            other => byte == other,
        });
    let number = |range: std::ops::Range<usize>| sort_key[range].parse::<u32>().expect("digits");
    begins_with_hour
        && (1..=12).contains(&number(5..7))
        && (1..=31).contains(&number(8..10))
        && number(11..13) < 24
        && sort_key.contains('#')
}

/// A row read as a session: what is answered is what the row says, and its key sorts where the
/// counts look for it. The attribute `other` is the key of another session.
pub fn session_row(input: &[u8]) {
    let item = item(input);
    let sort_key = string_attribute(&item, SORT_KEY);
    let row = SessionRow::from_item(item.clone());
    assert_eq!(row.is_some(), sort_key.is_some_and(is_session));
    if let Some(sort_key) = sort_key.filter(|sort_key| is_stray(sort_key)) {
        assert!(row.is_none() && KeyRange::sessions().contains(sort_key));
    }
    let Some(row) = row else { return };
    let key = row.key.clone();
    assert_eq!(Some(key.as_str()), sort_key);
    assert_key(&key);
    if let Some(other) = string_attribute(&item, "other").and_then(SessionKey::parse) {
        assert_key(&other);
        assert_order(&key, &other);
    }
    match row.into_past_room() {
        Ok(room) => assert_says(&room, &item),
        Err(malformed) => {
            assert_eq!(malformed.key.sort_key, key.as_str());
            assert!(malformed.to_string().contains("is not a session"));
        }
    }
}

/// The parts of a key are those of its text.
fn assert_key(key: &SessionKey) {
    let text = key.as_str();
    assert_eq!(format!("{}#{}", key.created(), key.room_sid()), text);
    assert_eq!((&text[..7], &text[..13]), (&*key.month().prefix(), &*key.hour().prefix()));
    for level in [Level::Month, Level::Hour, Level::Minute] {
        if let Some(bucket) = key.bucket(level) {
            assert!(text.starts_with(&bucket.prefix()) && bucket.level() == level);
            assert!(KeyRange::of_bucket(bucket).contains(text) || text.contains('\u{10FFFF}'));
            assert_eq!(Bucket::parse(&bucket.prefix()), Some(bucket));
        }
    }
}

/// Buckets follow one another as their keys do, and hold their keys.
fn assert_order(one: &SessionKey, other: &SessionKey) {
    let (first, second) = if one <= other { (one, other) } else { (other, one) };
    for level in [Level::Month, Level::Hour] {
        let (before, after) = (first.bucket(level), second.bucket(level));
        let (before, after) = (before.expect("a bucket"), after.expect("a bucket"));
        assert!(before == after || KeyRange::of_bucket(before).high < after.prefix());
        assert_eq!(before.cmp(&after), before.prefix().cmp(&after.prefix()));
    }
    assert!(one.month().contains(one.hour()));
}

/// Every text of the answer is the row's, or empty where the row has none.
fn assert_says(room: &PastRoom, item: &Item) {
    let texts = [
        ("room_title", &room.room_title),
        ("room_id", &room.room_id),
        ("room_sid", &room.room_sid),
        ("webhook_url", &room.webhook_url),
        ("created", &room.created),
        ("ended", &room.ended),
    ];
    for (name, text) in texts {
        match item.get(name) {
            Some(value) => assert_eq!(value.as_s(), Ok(text), "{name}"),
            None => assert_eq!(text, "", "{name}"),
        }
    }
    match item.get("joined_participants") {
        Some(value) => {
            let number = value.as_n().expect("a number");
            assert_eq!(number.parse(), Ok(room.joined_participants));
        }
        None => assert_eq!(room.joined_participants, 0),
    }
    let json = serde_json::to_value(room).expect("JSON");
    let answered: PastRoom = serde_json::from_value(json).expect("a past room");
    let analytics = room.analytics_file_id.clone().filter(|id| !id.is_empty());
    assert_eq!(answered, PastRoom { analytics_file_id: analytics, ..room.clone() });
}

fn session_key(text: String) -> SessionKey {
    SessionKey::parse(text).expect("a session's key")
}

/// A row from text: an attribute a line, as `NAME TYPE VALUE`.
fn item(input: &[u8]) -> Item {
    let text = String::from_utf8_lossy(input);
    let attribute = |line: &str| {
        let mut parts = line.splitn(3, ' ');
        let (name, kind, value) = (parts.next()?, parts.next()?, parts.next().unwrap_or_default());
        let strings = || value.split(',').map(str::to_owned).collect();
        let value = match kind {
            "S" => AttributeValue::S(value.to_owned()),
            "N" => AttributeValue::N(value.to_owned()),
            "B" => AttributeValue::B(Blob::new(value)),
            "SS" => AttributeValue::Ss(strings()),
            "NS" => AttributeValue::Ns(strings()),
            "L" => AttributeValue::L(vec![AttributeValue::S(value.to_owned())]),
            "M" => AttributeValue::M(Item::from([(
                value.to_owned(),
                AttributeValue::N("1".to_owned()),
            )])),
            "NULL" => AttributeValue::Null(true),
            "BOOL" => AttributeValue::Bool(value == "true"),
            _ => return None,
        };
        Some((name.to_owned(), value))
    };
    text.lines().filter_map(attribute).collect()
}
