//! The first token was made with `openssl dgst -sha256 -hmac`, not with this code.

use super::*;

const BODY: &[u8] = br#"{"event":"room_created"}"#;
const OPENSSL: &str = concat!(
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.",
    "eyJpc3MiOiJwbHVnbm1lZXQiLCJleHAiOjE3OTUzNDE5MDAsIm5iZiI6MTc5NTM0MTYwMCwic2hhMjU2",
    "IjoiM3dPajROOHhaRm0vcnk5K1g2Qk9Tc1R4RW05TDl5RmdORi9Zc0JNd2xibz0ifQ.",
    "DPRdtl-F5fawnOAI1_A_D8hK5wOQkOvYmw30nd7zWK0",
);
const NOW: i64 = 1_795_341_600;

fn credentials() -> ApiCredentials {
    ApiCredentials { key: "plugnmeet".to_owned(), secret: "local-demo-secret".to_owned() }
}

fn check(token: &str, body: &[u8], now: i64) -> Result<(), VerifyError> {
    let headers = [("hash-token".parse().expect("a name"), token.parse().expect("a value"))];
    verify(&credentials(), &headers.into_iter().collect(), body, now)
}

/// A token with any header and claims, rightly signed.
fn token(header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = keyed_hash("local-demo-secret", signed.as_bytes()).finalize().into_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn token_of_another_program_is_accepted() {
    assert_eq!(check(OPENSSL, BODY, NOW), Ok(()));
    assert_eq!(check(&format!("bearer {OPENSSL}"), BODY, NOW), Ok(()));
    assert_eq!(check(OPENSSL, b"{}", NOW), Err(VerifyError::WrongBody));
}

#[test]
fn own_token_is_accepted_until_it_expires() {
    let token = sign(&credentials(), BODY, NOW + 300);
    for (now, outcome) in
        [(NOW, Ok(())), (NOW + 359, Ok(())), (NOW + 360, Err(VerifyError::NotNow))]
    {
        assert_eq!(check(&token, BODY, now), outcome, "{now}");
    }
    let other = ApiCredentials { key: "other".to_owned(), ..credentials() };
    assert_eq!(check(&sign(&other, BODY, NOW), BODY, NOW), Err(VerifyError::WrongKey));
    let other = ApiCredentials { secret: "other".to_owned(), ..credentials() };
    assert_eq!(check(&sign(&other, BODY, NOW), BODY, NOW), Err(VerifyError::WrongSignature));
}

#[test]
fn other_kinds_of_token_are_rejected() {
    let hash = body_hash(BODY);
    let claims =
        format!(r#"{{"iss":"plugnmeet","nbf":{NOW},"exp":{},"sha256":"{hash}"}}"#, NOW + 300);
    let right = r#"{"alg":"HS256","typ":"JWT"}"#;
    assert_eq!(check(&token(right, &claims), BODY, NOW), Ok(()));
    assert_eq!(check(&token(right, &claims), BODY, NOW - 61), Err(VerifyError::NotNow));
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":"HS384"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"HS256","crit":["b64"]}"#,
    ] {
        let outcome = check(&token(header, &claims), BODY, NOW);
        assert_eq!(outcome, Err(VerifyError::WrongAlgorithm), "{header}");
    }
    for claims in [
        "{}",
        "[]",
        "",
        &*claims.replace("exp", "expires"),
        &*claims.replace("sha256", "hash"),
        &*claims.replace(r#""plugnmeet""#, "5"),
        &*claims.replace(r#""exp":"#, r#""exp":null,"iat":"#),
        &*claims.replace(r#""exp":1"#, r#""exp":"1","iat":1"#),
        &*claims.replace(r#""exp":1"#, r#""exp":1e999,"iat":1"#),
        &*claims.replace(r#""exp":"#, r#""exp":9e9,"exp":"#),
        &*claims.replace("[", "").replace(r#""sha256":""#, r#""sha256":["#),
    ] {
        assert_eq!(
            check(&token(right, claims), BODY, NOW),
            Err(VerifyError::NotAToken),
            "{claims}"
        );
    }
    for (claims, outcome) in [
        (claims.replace(r#""exp":1"#, r#""exp":9000000000.5,"iat":1"#), Ok(())),
        (claims.replace(r#""exp":1"#, r#""exp":1e308,"iat":1"#), Ok(())),
        (claims.replace(r#""exp":1"#, r#""exp":-1,"iat":1"#), Err(VerifyError::NotNow)),
        (claims.replace(r#""exp":1"#, r#""exp":-1e308,"iat":1"#), Err(VerifyError::NotNow)),
        (claims.replace(&hash, ""), Err(VerifyError::WrongBody)),
        (claims.replace(&hash, hash.trim_end_matches('=')), Err(VerifyError::WrongBody)),
        (claims.replace(r#""plugnmeet""#, r#""""#), Err(VerifyError::WrongKey)),
    ] {
        assert_eq!(check(&token(right, &claims), BODY, NOW), outcome, "{claims}");
    }
    // The signature's one form is without padding, and is of the two first parts.
    let signed = token(right, &claims);
    let (parts, signature) = signed.rsplit_once('.').expect("a signature");
    for (changed, error) in [
        (format!("{signed}="), VerifyError::NotAToken),
        (format!("{signed}."), VerifyError::WrongSignature),
        (format!("{signed}.{signature}"), VerifyError::WrongSignature),
        (format!("x{signed}"), VerifyError::WrongSignature),
        (format!("{parts}.{parts}.{signature}"), VerifyError::WrongSignature),
        (format!("Bearer  {signed}"), VerifyError::WrongSignature),
        (format!("Bearer Bearer {signed}"), VerifyError::WrongSignature),
    ] {
        assert_eq!(check(&changed, BODY, NOW), Err(error), "{changed}");
    }
    assert_eq!(check(&format!("BEARER {signed}"), BODY, NOW), Ok(()));
    let unsigned = token(right, &claims);
    let (unsigned, _) = unsigned.rsplit_once('.').expect("a signature");
    for (token, error) in [
        ("", VerifyError::NotAToken),
        ("a.b", VerifyError::NotAToken),
        ("a.b.ü", VerifyError::NotAToken),
        (&*format!("{unsigned}."), VerifyError::WrongSignature),
        ("a.b.c2ln", VerifyError::WrongSignature),
    ] {
        assert!(token == "a.b.ü" || check(token, BODY, NOW) == Err(error), "{token}");
    }
}

#[test]
fn one_valid_token_is_enough() {
    let right = sign(&credentials(), BODY, NOW);
    let other = ApiCredentials { secret: "other".to_owned(), ..credentials() };
    let wrong = sign(&other, BODY, NOW);
    for (hash_token, authorization, outcome) in [
        (None, Some(&*right), Ok(())),
        (Some(&*right), Some("Basic eDp5"), Ok(())),
        (Some("x"), Some(&*right), Ok(())),
        (None, Some("Basic eDp5"), Err(VerifyError::NotAToken)),
        // A pair that replaced this one may accept it: the proxy's header must not hide that.
        (Some(&*wrong), Some("Basic eDp5"), Err(VerifyError::WrongSignature)),
        (Some("x"), Some(&*wrong), Err(VerifyError::WrongSignature)),
        (None, None, Err(VerifyError::Missing)),
    ] {
        let mut headers = HeaderMap::new();
        for (name, value) in [("hash-token", hash_token), ("authorization", authorization)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().expect("a value"));
            }
        }
        assert_eq!(verify(&credentials(), &headers, BODY, NOW), outcome);
    }
}
