//! The key pairs that requests may use.
//!
//! A pair comes from the variables, or from a secret in Secrets Manager. The secret is read:
//!
//! - at the start;
//! - when a request has a wrong key or signature, at most once per [`MIN_PAUSE`] after the start: the
//!   secret may have been replaced meanwhile, also right after the start;
//! - when [`MAX_AGE`] has passed, so that a process forgets a replaced pair.
//!
//! After a replacement the previous pair is accepted for [`OVERLAP`], counted from the creation of the
//! current version. A failed read changes nothing.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use serde::Deserialize;
use tokio::sync::{Mutex, MutexGuard};

use crate::dynamodb;
use crate::lambda::config::{ApiCredentials, CredentialsSource};

/// Time after a replacement during which the previous pair is accepted.
pub const OVERLAP: Duration = Duration::from_hours(24);
/// Minimum time between two reads of the secret.
pub const MIN_PAUSE: Duration = Duration::from_secs(60);
/// Time after which the secret is read again without a reason.
pub const MAX_AGE: Duration = Duration::from_hours(1);

/// Time for one read, with its retry. A request may wait for it.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(900);

/// Staging labels of Secrets Manager.
const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// An error of authentication.
pub trait Denial {
    /// Whether another pair may accept the same request.
    fn is_other_pair(&self) -> bool;
}

/// The secret cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Secrets Manager refused, or did not answer.
    #[error("the secret {arn} cannot be read: {cause}")]
    Unreadable {
        /// The secret.
        arn: String,
        /// What failed, without the answer's body.
        cause: String,
    },
    /// The secret's value has another form.
    #[error(
        "the secret {0} does not hold a key pair: store {{\"api_key\":\"…\",\"api_secret\":\"…\"}} in it"
    )]
    Malformed(String),
}

/// The pairs that are accepted now. Clones share them.
#[derive(Clone)]
pub struct Credentials(Arc<Inner>);

struct Inner {
    pairs: RwLock<Arc<Pairs>>,
    secret: Option<Secret>,
}

struct Pairs {
    current: ApiCredentials,
    /// The previous pair, and when it stops being accepted.
    previous: Option<(ApiCredentials, SystemTime)>,
}

struct Secret {
    client: Client,
    arn: String,
    clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
    /// When the last read began. Locked during a read.
    last_read: Mutex<SystemTime>,
}

/// The secret's value. It may have other fields.
#[derive(Deserialize)]
struct Value {
    api_key: String,
    api_secret: String,
}

impl From<ApiCredentials> for Credentials {
    fn from(current: ApiCredentials) -> Self {
        let pairs = RwLock::new(Arc::new(Pairs { current, previous: None }));
        Credentials(Arc::new(Inner { pairs, secret: None }))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials(…)")
    }
}

impl Credentials {
    /// Takes the pair, or reads the secret.
    ///
    /// # Errors
    /// [`SecretError`] if the secret cannot be read or holds no pair.
    pub async fn from_source(
        source: CredentialsSource,
        settings: &SdkConfig,
    ) -> Result<Self, SecretError> {
        match source {
            CredentialsSource::Pair(pair) => Ok(pair.into()),
            CredentialsSource::Secret(arn) => {
                Self::from_secret(client(settings), arn, SystemTime::now).await
            }
        }
    }

    /// Reads the secret; `clock` is [`SystemTime::now`] except in tests.
    ///
    /// # Errors
    /// [`SecretError`] if it cannot be read or holds no pair.
    pub async fn from_secret(
        client: Client,
        arn: String,
        clock: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Result<Self, SecretError> {
        // The read at the start does not delay the first read because of a wrong signature.
        let last_read = Mutex::new(clock() - MIN_PAUSE);
        let secret = Secret { client, arn, clock: Box::new(clock), last_read };
        let pairs = RwLock::new(Arc::new(secret.read().await?));
        Ok(Credentials(Arc::new(Inner { pairs, secret: Some(secret) })))
    }

    /// Returns the current pair.
    pub fn current(&self) -> ApiCredentials {
        self.pairs().current.clone()
    }

    /// Returns once a pair passes `check`, which reads the secret again if that may help.
    ///
    /// # Errors
    /// The error of the current pair.
    pub async fn authenticate<E: Denial>(
        &self,
        check: impl Fn(&ApiCredentials) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(secret) = &self.0.secret else {
            return check(&self.pairs().current);
        };
        // During a read by another request, the known pairs stay accepted.
        if let Ok(last_read) = secret.last_read.try_lock() {
            self.refresh(secret, last_read, MAX_AGE).await;
        }
        match self.check_all(secret, &check) {
            Err(denial) if denial.is_other_pair() => {
                self.refresh(secret, secret.last_read.lock().await, MIN_PAUSE).await;
                self.check_all(secret, &check)
            }
            checked => checked,
        }
    }

    fn check_all<E: Denial>(
        &self,
        secret: &Secret,
        check: impl Fn(&ApiCredentials) -> Result<(), E>,
    ) -> Result<(), E> {
        let pairs = self.pairs();
        let checked = check(&pairs.current);
        match &pairs.previous {
            Some((previous, end)) if checked.is_err() && (secret.clock)() < *end => {
                check(previous).or(checked)
            }
            _ => checked,
        }
    }

    /// Reads the secret unless a read began less than `pause` ago.
    async fn refresh(
        &self,
        secret: &Secret,
        mut last_read: MutexGuard<'_, SystemTime>,
        pause: Duration,
    ) {
        let now = (secret.clock)();
        // A clock that was set back must not stop the reads.
        if now.duration_since(*last_read).is_ok_and(|age| age < pause) {
            return;
        }
        *last_read = now;
        match secret.read().await {
            Ok(pairs) => {
                *self.0.pairs.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pairs);
            }
            Err(error) => {
                tracing::warn!(cause = %error, "the pairs known so far stay accepted");
            }
        }
    }

    fn pairs(&self) -> Arc<Pairs> {
        Arc::clone(&self.0.pairs.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Secret {
    /// Reads the current pair, and the previous one during [`OVERLAP`].
    async fn read(&self) -> Result<Pairs, SecretError> {
        let malformed = || SecretError::Malformed(self.arn.clone());
        let (current, created) = self.version(CURRENT).await?.ok_or_else(malformed)?;
        let end = created + OVERLAP;
        let previous = if (self.clock)() < end { self.version(PREVIOUS).await? } else { None };
        Ok(Pairs { current, previous: previous.map(|(pair, _)| (pair, end)) })
    }

    /// Reads the pair of a version, and when that version was created. `None`: there is no such
    /// version, or it holds no pair.
    async fn version(
        &self,
        stage: &str,
    ) -> Result<Option<(ApiCredentials, SystemTime)>, SecretError> {
        let get = self.client.get_secret_value().secret_id(&self.arn).version_stage(stage);
        let answer = match get.send().await {
            Ok(answer) => answer,
            Err(error) if stage == PREVIOUS && is_missing(&error) => return Ok(None),
            Err(error) => {
                let cause = cause(&error);
                return Err(SecretError::Unreadable { arn: self.arn.clone(), cause });
            }
        };
        let created = answer.created_date().and_then(|date| SystemTime::try_from(*date).ok());
        let value = answer.secret_string().and_then(|text| serde_json::from_str(text).ok());
        Ok(value.filter(Value::is_complete).map(|value| {
            let pair = ApiCredentials { key: value.api_key, secret: value.api_secret };
            (pair, created.unwrap_or(SystemTime::UNIX_EPOCH))
        }))
    }
}

/// Returns what failed. An answer may hold the pair, so no part of it is returned except the code and
/// message of an error.
fn cause(error: &SdkError<GetSecretValueError>) -> String {
    match (error.code(), error.message(), error.raw_response()) {
        (Some(code), message, _) => format!("{code}: {}", message.unwrap_or("no message")),
        (None, _, Some(answer)) => {
            format!("the answer with status {} is not Secrets Manager's", answer.status())
        }
        (None, _, None) => DisplayErrorContext(error).to_string(),
    }
}

fn is_missing(error: &SdkError<GetSecretValueError>) -> bool {
    error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception)
}

impl Value {
    fn is_complete(&self) -> bool {
        !self.api_key.is_empty() && !self.api_secret.is_empty()
    }
}

fn client(settings: &SdkConfig) -> Client {
    let settings = dynamodb::secrets_manager_settings(settings);
    let config = aws_sdk_secretsmanager::config::Builder::from(&settings)
        .timeout_config(
            TimeoutConfig::builder()
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(READ_TIMEOUT)
                .build(),
        )
        .retry_config(RetryConfig::standard().with_max_attempts(2));
    Client::from_conf(config.build())
}
