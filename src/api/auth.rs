//! plugNmeet's API authentication.
//!
//! A client sends its key in `API-KEY`, and in `HASH-SIGNATURE` the hex form of HMAC-SHA256 over the
//! body's raw bytes, keyed with the API secret. Both are compared in constant time.
//!
//! Source: plugNmeet's API introduction, "Authentication", and its SDKs.

use hmac::{Hmac, KeyInit, Mac};
use lambda_http::http::HeaderMap;
use sha2::Sha256;

use crate::api::credentials::Denial;
use crate::lambda::config::ApiCredentials;

/// The header with the API key.
pub const API_KEY_HEADER: &str = "API-KEY";
/// The header with the signature of the body.
pub const SIGNATURE_HEADER: &str = "HASH-SIGNATURE";

/// Bytes of an HMAC-SHA256.
const SIGNATURE_BYTES: usize = 32;

/// Why authentication failed: names the header and what to send, never the value expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// There is no key.
    #[error("the header {API_KEY_HEADER} is missing: send the API key in it")]
    MissingKey,
    /// The key is another.
    #[error("the header {API_KEY_HEADER} does not hold this server's API key")]
    WrongKey,
    /// There is no signature.
    #[error(
        "the header {SIGNATURE_HEADER} is missing: send the hex HMAC-SHA256 of the raw body in it, keyed with the API secret"
    )]
    MissingSignature,
    /// The signature is not 64 hex digits.
    #[error(
        "the header {SIGNATURE_HEADER} is not 64 hex digits: send the hex HMAC-SHA256 of the raw body"
    )]
    NotHex,
    /// The signature is of another body, or made with another secret.
    #[error(
        "the header {SIGNATURE_HEADER} does not match the body: sign the body's bytes exactly as they are sent, with the API secret"
    )]
    WrongSignature,
}

impl Denial for AuthError {
    fn is_other_pair(&self) -> bool {
        matches!(self, AuthError::WrongKey | AuthError::WrongSignature)
    }
}

/// Checks a request's key and signature.
///
/// # Errors
/// [`AuthError`] with the first thing that is wrong.
pub fn authenticate(
    credentials: &ApiCredentials,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), AuthError> {
    let key = headers.get(API_KEY_HEADER).ok_or(AuthError::MissingKey)?;
    if !same_text(credentials, &credentials.key, key.as_bytes()) {
        return Err(AuthError::WrongKey);
    }
    let signature = headers.get(SIGNATURE_HEADER).ok_or(AuthError::MissingSignature)?;
    let mut bytes = [0; SIGNATURE_BYTES];
    hex::decode_to_slice(signature, &mut bytes).map_err(|_| AuthError::NotHex)?;
    keyed_hash(&credentials.secret, body)
        .verify_slice(&bytes)
        .map_err(|_| AuthError::WrongSignature)
}

/// The signature of a body: what a client sends in `HASH-SIGNATURE`, in lower case.
pub fn sign(secret: &str, body: &[u8]) -> String {
    hex::encode(keyed_hash(secret, body).finalize().into_bytes())
}

/// Compares by hash, so that the time taken tells nothing, not even the length.
pub(crate) fn same_text(credentials: &ApiCredentials, expected: &str, given: &[u8]) -> bool {
    let expected = keyed_hash(&credentials.secret, expected.as_bytes()).finalize();
    keyed_hash(&credentials.secret, given).verify(&expected.into_bytes()).is_ok()
}

/// HMAC-SHA256, begun with a message.
pub(crate) fn keyed_hash(secret: &str, message: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of any length (RFC 2104), so the error cannot occur. The key of zeros, with
    // which any client could sign, is never used.
    let mut hash = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .unwrap_or_else(|_| Hmac::<Sha256>::new(&Default::default()));
    hash.update(message);
    hash
}

/// The signatures were made with `printf '%s' BODY | openssl dgst -sha256 -hmac SECRET`.
#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"room_ids":["room01"]}"#;
    const SIGNATURE: &str = "cded3ab9c8b70e4f9bef25fa3d3095e4ac40715ace7301afc3a8e36a9617f02b";
    /// With the secret `another-secret`.
    const ANOTHER: &str = "f6ee1550e214fba06b85f176059576a53a31cf5bd3e921c0ade53ec81ede1919";

    fn check(headers: &[(&'static str, &str)], body: &[u8]) -> Result<(), AuthError> {
        let credentials =
            ApiCredentials { key: "plugnmeet".to_owned(), secret: "local-demo-secret".to_owned() };
        let headers = headers.iter().map(|(name, value)| {
            let name = name.parse::<lambda_http::http::HeaderName>().expect("a name");
            (name, value.parse().expect("a value"))
        });
        authenticate(&credentials, &headers.collect(), body)
    }

    #[test]
    fn signature_equals_that_of_openssl() {
        assert_eq!(sign("local-demo-secret", BODY), SIGNATURE);
        let upper_case = SIGNATURE.to_uppercase();
        for signature in [SIGNATURE, &*upper_case] {
            let headers = [("API-KEY", "plugnmeet"), ("HASH-SIGNATURE", signature)];
            assert_eq!(check(&headers, BODY), Ok(()));
            assert_eq!(check(&headers, b"{}"), Err(AuthError::WrongSignature));
        }
    }

    #[test]
    fn first_authentication_failure_is_named() {
        let key = ("api-key", "plugnmeet");
        for (headers, error) in [
            (&[("hash-signature", SIGNATURE)][..], AuthError::MissingKey),
            (&[("api-key", ""), ("hash-signature", SIGNATURE)], AuthError::WrongKey),
            (&[("api-key", "plugnmee"), ("hash-signature", SIGNATURE)], AuthError::WrongKey),
            (&[("api-key", "other")], AuthError::WrongKey),
            (&[key], AuthError::MissingSignature),
            (&[key, ("hash-signature", "")], AuthError::NotHex),
            (&[key, ("hash-signature", "cded")], AuthError::NotHex),
            (&[key, ("hash-signature", &"g".repeat(64))], AuthError::NotHex),
            (&[key, ("hash-signature", &"0".repeat(64))], AuthError::WrongSignature),
            (&[key, ("hash-signature", ANOTHER)], AuthError::WrongSignature),
        ] {
            assert_eq!(check(headers, BODY), Err(error), "{headers:?}");
        }
    }
}
