//! Authentication. The signatures were made with
//! `printf '%s' BODY | openssl dgst -sha256 -hmac SECRET`.

use crate::support::{
    Answer, Database, KEY, app,
    proxy::{Fault, Proxy},
    request, send,
};

const BODY: &[u8] = br#"{"room_ids":["room01"]}"#;
const SIGNATURE: &str = "cded3ab9c8b70e4f9bef25fa3d3095e4ac40715ace7301afc3a8e36a9617f02b";
/// The signature of the same body with the secret `another-secret`.
const OTHER_SECRET: &str = "f6ee1550e214fba06b85f176059576a53a31cf5bd3e921c0ade53ec81ede1919";
/// A body that is not ASCII.
const UNICODE_BODY: &str = r#"{"room_ids":["Prüfung – 試験"]}"#;
const UNICODE_SIGNATURE: &str = "b78fcb7e422c61824fe6ce0130435b5dba1515c1a9d871fd2178043fe36b9667";
/// The signature of an empty body.
const EMPTY_SIGNATURE: &str = "a185edc8eb18753a57a5afdcfb220de66657f98d958f33ac1360f5b1188bdf9c";

async fn answer(body: &[u8], headers: &[(&str, &str)]) -> Answer {
    let database = Database::start().await;
    send(&database.app(), request(body, headers)).await
}

/// Asserts that a request is denied, that the answer names the header, and that nothing secret is in it.
async fn assert_denied(body: &[u8], headers: &[(&str, &str)], named: &str) {
    let answer = answer(body, headers).await;
    assert_eq!(answer.status, 401, "{headers:?}");
    assert_eq!(answer.body["status"], false);
    assert!(answer.msg().contains(named), "{}", answer.msg());
    for secret in [SIGNATURE, crate::support::SECRET, KEY] {
        assert!(!answer.msg().contains(secret), "{}", answer.msg());
    }
}

#[tokio::test]
async fn openssl_signatures_are_accepted() {
    for (body, signature) in [
        (BODY, SIGNATURE),
        (BODY, &*SIGNATURE.to_uppercase()),
        (UNICODE_BODY.as_bytes(), UNICODE_SIGNATURE),
    ] {
        let answer = answer(body, &[("api-key", KEY), ("hash-signature", signature)]).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
    }
}

#[tokio::test]
async fn signed_empty_body_is_invalid() {
    let answer = answer(b"", &[("API-KEY", KEY), ("HASH-SIGNATURE", EMPTY_SIGNATURE)]).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn wrong_or_missing_key_is_denied() {
    for headers in [
        &[("HASH-SIGNATURE", SIGNATURE)][..],
        &[("API-KEY", ""), ("HASH-SIGNATURE", SIGNATURE)],
        &[("API-KEY", "plugnmee"), ("HASH-SIGNATURE", SIGNATURE)],
        &[("API-KEY", "plugnmeet2"), ("HASH-SIGNATURE", SIGNATURE)],
        &[("API-KEY", "PLUGNMEET"), ("HASH-SIGNATURE", SIGNATURE)],
    ] {
        assert_denied(BODY, headers, "API-KEY").await;
    }
}

#[tokio::test]
async fn wrong_or_missing_signature_is_denied() {
    let too_long = format!("{SIGNATURE}00");
    let spaced = format!(" {SIGNATURE}");
    assert_denied(BODY, &[("API-KEY", KEY)], "HASH-SIGNATURE").await;
    for signature in [
        "",
        OTHER_SECRET,
        &SIGNATURE[..62],
        &SIGNATURE[..63],
        &too_long,
        &spaced,
        "not hex at all, but it has sixty-four characters in it, like hex",
        EMPTY_SIGNATURE,
    ] {
        assert_denied(BODY, &[("API-KEY", KEY), ("HASH-SIGNATURE", signature)], "HASH-SIGNATURE")
            .await;
    }
}

#[tokio::test]
async fn signature_of_another_body_is_denied() {
    for body in [
        &b""[..],
        b"{\"room_ids\":[\"room02\"]}",
        b"{\"room_ids\":[\"room01\"]} ",
        b"\n{\"room_ids\":[\"room01\"]}",
    ] {
        assert_denied(body, &[("API-KEY", KEY), ("HASH-SIGNATURE", SIGNATURE)], "HASH-SIGNATURE")
            .await;
    }
}

#[tokio::test]
async fn body_is_parsed_after_authentication() {
    assert_denied(
        b"not json",
        &[("API-KEY", KEY), ("HASH-SIGNATURE", SIGNATURE)],
        "HASH-SIGNATURE",
    )
    .await;
}

#[tokio::test]
async fn denied_requests_do_not_reach_dynamodb() {
    let database = Database::start().await;
    let proxy = Proxy::start(&database.endpoint, |_, _| Fault::Pass).await;
    let app = app(database.at(&proxy.endpoint));
    send(&app, request(BODY, &[("API-KEY", KEY), ("HASH-SIGNATURE", OTHER_SECRET)])).await;
    assert_eq!(proxy.requests(), 0);
    send(&app, request(BODY, &[("API-KEY", KEY), ("HASH-SIGNATURE", SIGNATURE)])).await;
    assert_eq!(proxy.requests(), 1);
}
