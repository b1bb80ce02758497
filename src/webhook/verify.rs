//! Whether a webhook is the server's: a JWT that signs the body.
//!
//! The token is signed with HS256 and the API secret; any other algorithm is refused. It names the
//! API key as `iss`, expires, and has in `sha256` the base64 form of the body's SHA-256.
//!
//! Source: plugnmeet-server 2.4.0; RFC 7515, RFC 7519.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::Mac;
use lambda_http::http::HeaderMap;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::api::auth::{keyed_hash, same_text};
use crate::api::credentials::Denial;
use crate::lambda::config::ApiCredentials;

/// The headers with the token. plugNmeet sends both.
pub const HEADERS: [&str; 2] = ["Hash-Token", "Authorization"];

/// Seconds by which the server's clock may differ.
pub const LEEWAY: i64 = 60;

const ALGORITHM: &str = "HS256";

/// Why a webhook is not the server's: says what to look at, never the value expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The token is missing.
    #[error("the headers {} are missing: plugNmeet sends its token in them", HEADERS.join(" and "))]
    Missing,
    /// The token is malformed.
    #[error("the token is not a JWT")]
    NotAToken,
    /// It was made with another secret, or changed.
    #[error("the token's signature is wrong: the server must have this API secret")]
    WrongSignature,
    /// It is signed in another way.
    #[error("the token must be signed with {ALGORITHM}")]
    WrongAlgorithm,
    /// It names another key.
    #[error("the token's iss is not this API key")]
    WrongKey,
    /// It is too late, or too early.
    #[error("the token is not valid at this time: check the server's clock")]
    NotNow,
    /// It is of another body.
    #[error("the token's sha256 is not that of the body")]
    WrongBody,
}

impl Denial for VerifyError {
    fn is_other_pair(&self) -> bool {
        matches!(self, VerifyError::WrongKey | VerifyError::WrongSignature)
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    /// Extensions that must be understood: none is.
    #[serde(default)]
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    exp: f64,
    #[serde(default)]
    nbf: f64,
    sha256: String,
}

/// Checks that a body comes from a server with these credentials, at the time `now` in UNIX seconds.
/// One right token is enough: a proxy may have an `Authorization` of its own.
///
/// # Errors
/// [`VerifyError`] with what is wrong with the first token.
pub fn verify(
    credentials: &ApiCredentials,
    headers: &HeaderMap,
    body: &[u8],
    now: i64,
) -> Result<(), VerifyError> {
    let mut outcome = Err(VerifyError::Missing);
    for header in HEADERS.iter().filter_map(|name| headers.get(*name)) {
        let token = header.to_str().map_err(|_| VerifyError::NotAToken);
        let verified = token.and_then(|token| verify_token(credentials, token, body, now));
        match outcome {
            _ if verified.is_ok() => return Ok(()),
            Err(VerifyError::Missing | VerifyError::NotAToken) => outcome = verified,
            // The other header may be a proxy's.
            _ => {}
        }
    }
    outcome
}

fn verify_token(
    credentials: &ApiCredentials,
    token: &str,
    body: &[u8],
    now: i64,
) -> Result<(), VerifyError> {
    let token = match token.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("Bearer ") => rest,
        _ => token,
    };
    let (signed, signature) = token.rsplit_once('.').ok_or(VerifyError::NotAToken)?;
    let (header, claims) = signed.split_once('.').ok_or(VerifyError::NotAToken)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| VerifyError::NotAToken);
    // Nothing in the token is looked at before it is known to be the server's.
    keyed_hash(&credentials.secret, signed.as_bytes())
        .verify_slice(&decode(signature)?)
        .map_err(|_| VerifyError::WrongSignature)?;
    let header: Header =
        serde_json::from_slice(&decode(header)?).map_err(|_| VerifyError::NotAToken)?;
    if header.alg != ALGORITHM || header.crit.is_some() {
        return Err(VerifyError::WrongAlgorithm);
    }
    let claims: Claims =
        serde_json::from_slice(&decode(claims)?).map_err(|_| VerifyError::NotAToken)?;
    if !same_text(credentials, &credentials.key, claims.iss.as_bytes()) {
        return Err(VerifyError::WrongKey);
    }
    let (now, leeway) = (now as f64, LEEWAY as f64);
    if !(now < claims.exp + leeway && now >= claims.nbf - leeway) {
        return Err(VerifyError::NotNow);
    }
    if !same_text(credentials, &body_hash(body), claims.sha256.as_bytes()) {
        return Err(VerifyError::WrongBody);
    }
    Ok(())
}

fn body_hash(body: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(body))
}

/// The token of a body: what a server sends, valid until `expires` in UNIX seconds.
pub fn sign(credentials: &ApiCredentials, body: &[u8], expires: i64) -> String {
    let claims = json!({"iss": credentials.key, "exp": expires, "sha256": body_hash(body)});
    let header = format!(r#"{{"alg":"{ALGORITHM}","typ":"JWT"}}"#);
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = keyed_hash(&credentials.secret, signed.as_bytes()).finalize().into_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
