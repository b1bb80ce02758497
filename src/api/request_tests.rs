//! Bodies, and what is wrong with others.

use serde_json::json;

use super::*;

/// Returns the request of a body in the documented dialect.
fn parse(body: &[u8]) -> Result<PageQuery, InvalidRequest> {
    super::parse(Dialect::Documented, body).map(|request| request.query)
}

fn query(body: &str) -> (u64, usize, Order) {
    let query = parse(body.as_bytes()).expect(body);
    assert_eq!(query.room_ids, ["a"]);
    (query.from, query.limit, query.order)
}

fn error(body: &str) -> String {
    parse(body.as_bytes()).expect_err(body).to_string()
}

#[test]
fn numbers_have_every_form_of_protobuf() {
    for (from, expected) in [
        ("null", 0),
        ("0", 0),
        ("-0", 0),
        ("-0.0", 0),
        ("\"0\"", 0),
        ("1", 1),
        ("20.0", 20),
        ("2e1", 20),
        ("\"20\"", 20),
        ("\"2e1\"", 20),
        ("4294967295", 4_294_967_295),
        ("4294967295.0", 4_294_967_295),
    ] {
        assert_eq!(query(&format!(r#"{{"room_ids":["a"],"from":{from}}}"#)).0, expected);
    }
    for wrong in
        ["-1", "-1.0", "1.5", "4294967296", "4294967296.0", "1e300", "\"\"", "\"x\"", "[]", "true"]
    {
        let from = error(&format!(r#"{{"room_ids":["a"],"from":{wrong}}}"#));
        assert_eq!(from, "from must be a whole number from 0 to 4294967295", "{wrong}");
        let limit = error(&format!(r#"{{"room_ids":["a"],"limit":{wrong}}}"#));
        assert_eq!(limit, "limit must be a whole number from 0 to 4294967295", "{wrong}");
    }
}

#[test]
fn limit_is_20_by_default_and_at_most_100() {
    for (limit, expected) in [("0", 20), ("1", 1), ("100", 100), ("101", 100), ("4294967295", 100)]
    {
        assert_eq!(query(&format!(r#"{{"room_ids":["a"],"limit":{limit}}}"#)).1, expected);
    }
    assert_eq!(query(r#"{"room_ids":["a"]}"#), (0, 20, Order::Desc));
}

#[test]
fn room_sid_is_at_most_2048_bytes() {
    let sid = |body: &str| parse(body.as_bytes()).map(|query| query.room_sid);
    assert_eq!(sid(r#"{"room_ids":["a"]}"#), Ok(None));
    assert_eq!(sid(r#"{"room_ids":["a"],"room_sid":""}"#), Ok(None));
    assert_eq!(sid(r#"{"room_ids":["a"],"room_sid":"SID_x"}"#), Ok(Some("SID_x".to_owned())));
    let long = |bytes| json!({"room_ids": ["a"], "room_sid": "x".repeat(bytes)}).to_string();
    assert_eq!(sid(&long(2048)), Ok(Some("x".repeat(2048))));
    assert_eq!(sid(&long(2049)), Err(InvalidRequest::NotASid));
}

#[test]
fn maximum_body_is_256_kib() {
    assert_eq!(MAX_BODY_BYTES, 262_144);
}

#[test]
fn order_is_asc_or_desc_in_any_case() {
    for (order, expected) in [
        ("null", Order::Desc),
        ("\"\"", Order::Desc),
        ("\"desc\"", Order::Desc),
        ("\"ASC\"", Order::Asc),
        ("\"aSc\"", Order::Asc),
    ] {
        for name in ["order_by", "orderBy"] {
            let body = format!(r#"{{"roomIds":["a"],"{name}":{order}}}"#);
            assert_eq!(query(&body).2, expected, "{body}");
        }
    }
    for order in ["\"up\"", "1", "[\"ASC\"]"] {
        assert!(error(&format!(r#"{{"room_ids":["a"],"order_by":{order}}}"#)).contains("order_by"));
    }
}

#[test]
fn room_ids_are_at_most_1000_different_keys() {
    for missing in ["{}", r#"{"room_ids":null}"#, r#"{"room_ids":[]}"#] {
        assert_eq!(parse(missing.as_bytes()), Ok(PageQuery::all_rooms()));
    }
    for wrong in ["\"a\"", "1", "{}", "[1]", "[null]"] {
        let body = format!(r#"{{"room_ids":{wrong}}}"#);
        assert_eq!(parse(body.as_bytes()), Err(InvalidRequest::NotRooms));
    }
    let rooms = |ids: &[String]| parse(json!({"room_ids": ids}).to_string().as_bytes());
    let mut ids: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    ids.extend(ids.clone());
    assert_eq!(rooms(&ids).map(|query| query.room_ids.len()), Ok(1000));
    ids.push("x".to_owned());
    assert_eq!(rooms(&ids), Err(InvalidRequest::TooManyRooms(1001)));
    assert_eq!(rooms(&["a".to_owned(), String::new()]), Err(InvalidRequest::EmptyRoom));
    // Bytes, not characters.
    assert!(rooms(&["ü".repeat(1024)]).is_ok());
    let long = format!("{}x", "ü".repeat(1024));
    assert_eq!(rooms(&[long]), Err(InvalidRequest::LongRoom(2049)));
}

#[test]
fn repeated_field_or_other_json_is_rejected() {
    for (body, name) in [
        (r#"{"room_ids":["a"],"roomIds":["a"]}"#, "room_ids"),
        (r#"{"room_ids":["a"],"order_by":null,"orderBy":null}"#, "order_by"),
        (r#"{"room_ids":["a"],"from":1,"from":1}"#, "from"),
    ] {
        assert_eq!(parse(body.as_bytes()), Err(InvalidRequest::Duplicate(name.to_owned())));
    }
    for body in
        ["", "null", "[]", " [[\"a\"],1,1,\"ASC\"]", "\"a\"", "{", r#"{"room_ids":["a"]} x"#]
    {
        let error = error(body);
        assert!(error.contains("must be a JSON object"), "{body}: {error}");
        // The client's words, not the compiler's.
        assert!(!error.contains("Fields"), "{body}: {error}");
    }
}

#[test]
fn number_beyond_a_double_names_its_field() {
    for field in ["from", "limit"] {
        let error = error(&format!(r#"{{"room_ids":["a"],"{field}":1e400}}"#));
        assert!(error.starts_with(&format!("{field} must be a whole number")), "{error}");
    }
}
