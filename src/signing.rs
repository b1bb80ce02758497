//! Signatures of the requests to DynamoDB, made cheaply.
//!
//! The SDK's signer derives the day's key for every request, and takes the request apart for every
//! kind that there is. Ten rooms are ten requests, and a function has a seventh of a processor. Here
//! the key is derived once a day, and a request is signed as all of this project's are: a `POST` of
//! a body to `/`. What looks different, and every second attempt, is left to the SDK's signer, which
//! also knows how far the service's clock is ahead.
//!
//! Source: AWS Identity and Access Management User Guide, "Create a signed AWS API request".

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4Signer};
use aws_sdk_dynamodb::config::{Credentials, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::{
    AuthScheme, AuthSchemeEndpointConfig, AuthSchemeId, Sign,
};
use aws_smithy_runtime_api::client::identity::{Identity, SharedIdentityResolver};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::GetIdentityResolver;
use aws_smithy_types::config_bag::ConfigBag;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

const SERVICE: &str = "dynamodb";
const TOKEN_HEADER: &str = "x-amz-security-token";
/// Headers that may change on the way.
const UNSIGNED: [&str; 4] = ["authorization", "transfer-encoding", "user-agent", "x-amzn-trace-id"];

/// Signature version 4, for one region. Takes the place of the SDK's.
#[derive(Debug)]
pub struct Signer {
    region: String,
    /// The last key and time.
    stamp: Mutex<Option<Arc<Stamp>>>,
    general: SigV4Signer,
}

/// What all signatures of one second have in common.
#[derive(Clone)]
struct Stamp {
    access_key_id: String,
    secret: String,
    second: i64,
    /// `20261122T100000Z`.
    time: String,
    /// `20261122/us-east-1/dynamodb/aws4_request`.
    scope: String,
    key: [u8; 32],
}

impl fmt::Debug for Stamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Stamp({}, {})", self.time, self.scope)
    }
}

impl Signer {
    /// For a region.
    pub fn new(region: impl Into<String>) -> Self {
        Signer { region: region.into(), stamp: Mutex::default(), general: SigV4Signer::new() }
    }

    /// The key and the time for a signature now. `None`: the clock cannot be right.
    fn stamp(&self, credentials: &Credentials, now: SystemTime) -> Option<Arc<Stamp>> {
        let now = Timestamp::try_from(now).ok()?;
        let mut last = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        let (access_key_id, secret) =
            (credentials.access_key_id(), credentials.secret_access_key());
        let same =
            last.take().filter(|last| last.access_key_id == access_key_id && last.secret == secret);
        if let Some(same) = &same
            && same.second == now.as_second()
        {
            last.clone_from(&Some(Arc::clone(same)));
            return same.clone().into();
        }
        let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = time.get(..8)?;
        let scope = format!("{day}/{}/{SERVICE}/aws4_request", self.region);
        let key = match same.filter(|same| same.scope == scope) {
            Some(same) => same.key,
            None => {
                let parts = [day, &*self.region, SERVICE, "aws4_request"];
                let secret = format!("AWS4{secret}").into_bytes();
                parts.into_iter().fold(None, |key: Option<[u8; 32]>, part| {
                    let key = key.as_ref().map_or(&*secret, |key| key.as_slice());
                    Some(keyed_hash(key, part.as_bytes()))
                })?
            }
        };
        let stamp = Arc::new(Stamp {
            access_key_id: access_key_id.to_owned(),
            secret: secret.to_owned(),
            second: now.as_second(),
            time,
            scope,
            key,
        });
        *last = Some(Arc::clone(&stamp));
        Some(stamp)
    }

    /// Signs a request of the usual kind. `None`: it is of another.
    fn sign(
        &self,
        request: &mut HttpRequest,
        credentials: &Credentials,
        now: SystemTime,
    ) -> Option<()> {
        let host = host(request.uri())?.to_owned();
        if request.method() != "POST" {
            return None;
        }
        let body = hex::encode(Sha256::digest(request.body().bytes()?));
        let stamp = self.stamp(credentials, now)?;
        let mut signed = vec![("host", &*host), ("x-amz-date", &*stamp.time)];
        signed.extend(credentials.session_token().map(|token| (TOKEN_HEADER, token)));
        signed.extend(request.headers().iter().filter(|(name, _)| !UNSIGNED.contains(name)));
        signed.sort_unstable_by_key(|(name, _)| *name);
        let is_plain = |value: &str| !value.contains("  ") && value.trim() == value;
        let is_once = signed.array_windows().all(|[one, other]| one.0 != other.0);
        if !is_once || !signed.iter().all(|(_, value)| is_plain(value)) {
            return None;
        }
        let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let mut canonical = String::with_capacity(2048);
        canonical.push_str("POST\n/\n\n");
        for (name, value) in signed {
            for part in [name, ":", value, "\n"] {
                canonical.push_str(part);
            }
        }
        for part in ["\n", &names, "\n", &body] {
            canonical.push_str(part);
        }
        let Stamp { access_key_id, time, scope, key, .. } = &*stamp;
        let digest = hex::encode(Sha256::digest(canonical));
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}");
        let signature = hex::encode(keyed_hash(key, text.as_bytes()));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        );
        let headers = request.headers_mut();
        headers.try_insert("x-amz-date", time.clone()).ok()?;
        if let Some(token) = credentials.session_token() {
            headers.try_insert(TOKEN_HEADER, token.to_owned()).ok()?;
        }
        headers.try_insert("authorization", authorization).ok()?;
        Some(())
    }
}

/// The host that a URI of the form `https://host[:port]/` names, as it stands in the header `host`.
fn host(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once("://")?;
    let host = rest.strip_suffix('/').unwrap_or(rest);
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(default_port).unwrap_or(host);
    (!host.contains(['/', '?', '@', '#'])).then_some(host)
}

fn keyed_hash(key: &[u8], text: &[u8]) -> [u8; 32] {
    #[allow(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

impl AuthScheme for Signer {
    fn scheme_id(&self) -> AuthSchemeId {
        SCHEME_ID
    }

    fn identity_resolver(
        &self,
        resolvers: &dyn GetIdentityResolver,
    ) -> Option<SharedIdentityResolver> {
        resolvers.identity_resolver(SCHEME_ID)
    }

    fn signer(&self) -> &dyn Sign {
        self
    }
}

impl Sign for Signer {
    fn sign_http_request(
        &self,
        request: &mut HttpRequest,
        identity: &Identity,
        endpoint: AuthSchemeEndpointConfig<'_>,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        let is_first =
            config.load::<RequestAttempts>().is_none_or(|attempts| attempts.attempts() <= 1);
        let now = components.time_source().map(|source| source.now());
        if is_first
            && let (Some(credentials), Some(now)) = (identity.data::<Credentials>(), now)
            && self.sign(request, credentials, now).is_some()
        {
            return Ok(());
        }
        self.general.sign_http_request(request, identity, endpoint, components, config)
    }
}

#[cfg(test)]
#[path = "signing_tests.rs"]
mod tests;
