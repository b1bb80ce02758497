//! The function's configuration, read from its environment once at the start.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `TABLE_NAME` | the DynamoDB table of past rooms |
//! | `CREDENTIALS_SECRET_ARN` | the secret in Secrets Manager with the key pair; if empty, the next two |
//! | `API_KEY` | what clients send in the header `API-KEY` |
//! | `API_SECRET` | the key of the clients' signatures |
//! | `RETENTION_DAYS` | days after its end for which a session is kept that is recorded; 0 (default): forever |
//! | `HISTORY_TABLE` | the DynamoDB table with all rooms in one order; empty (default): no such table |
//! | `ANSWERS` | the [dialect](Dialect) of the answers: `documented` (default) or `plugnmeet` |
//!
//! The region, the credentials and a different endpoint come from the AWS SDK's own variables.

use std::fmt;
use std::str::FromStr;

/// The variable with the table's name.
pub const TABLE_NAME: &str = "TABLE_NAME";
/// The variable with the name of the history table.
pub const HISTORY_TABLE: &str = "HISTORY_TABLE";
/// The variable with the clients' API key.
pub const API_KEY: &str = "API_KEY";
/// The variable with the clients' API secret.
pub const API_SECRET: &str = "API_SECRET";
/// The variable with the ARN of the secret that holds the pair.
pub const CREDENTIALS_SECRET_ARN: &str = "CREDENTIALS_SECRET_ARN";
/// The variable with the dialect of the answers.
pub const ANSWERS: &str = "ANSWERS";
/// The variable with the days for which sessions are kept.
pub const RETENTION_DAYS: &str = "RETENTION_DAYS";
/// The AWS SDK's variable for the region, which Lambda sets.
pub const REGION: &str = "AWS_REGION";

/// Advice to run the project without AWS: the end of an error's text.
pub(crate) const LOCAL_RUN: &str =
    "to try past-rooms on this machine, run `cargo run --example local`";

/// The function's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The DynamoDB table of past rooms.
    pub table_name: String,
    /// The history table, if the whole history is on.
    pub history_table: Option<String>,
    /// The credentials of clients.
    pub credentials: CredentialsSource,
    /// The form of answers.
    pub dialect: Dialect,
    /// Days after its end for which a session is kept; 0: forever.
    pub retention_days: u32,
}

/// The form of answers. Its meaning for the API is in one place, `api::dialect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// As the API's documentation has them.
    #[default]
    Documented,
    /// As plugnmeet-server 2.4 sends them, for clients that were built against a live server.
    Plugnmeet,
}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(name: &str) -> Result<Self, UnknownDialect> {
        match name {
            "documented" => Ok(Dialect::Documented),
            "plugnmeet" => Ok(Dialect::Plugnmeet),
            _ => Err(UnknownDialect(name.to_owned())),
        }
    }
}

/// There is no such dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a dialect of the answers: use documented or plugnmeet")]
pub struct UnknownDialect(String);

/// The function cannot start as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A variable is missing.
    #[error(transparent)]
    Missing(#[from] MissingVariable),
    /// The dialect is unknown.
    #[error("the environment variable {ANSWERS} is wrong: {0}")]
    Answers(#[from] UnknownDialect),
    /// The days are not a number.
    #[error(
        "the environment variable {RETENTION_DAYS} is {0:?}: it must be a number of days, 0 to keep \
         sessions for ever"
    )]
    Retention(String),
}

/// The source of the clients' key pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialsSource {
    /// The variables.
    Pair(ApiCredentials),
    /// The secret with this ARN.
    Secret(String),
}

/// The pair that plugNmeet calls API key and API secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiCredentials {
    /// Sent as it is.
    pub key: String,
    /// Never sent: the key of the signatures.
    pub secret: String,
}

impl fmt::Debug for ApiCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiCredentials(…)")
    }
}

/// The function cannot start: a variable is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {0} is missing or empty: {hint}; {LOCAL_RUN}", hint = hint(.0))]
pub struct MissingVariable(&'static str);

fn hint(variable: &str) -> &'static str {
    match variable {
        TABLE_NAME => "set it to the name of the DynamoDB table of past rooms",
        REGION => "set it to the AWS region of the table",
        API_KEY => "set it to the API key that plugNmeet's clients are configured with",
        _ => "set it to the API secret that plugNmeet's clients are configured with",
    }
}

/// A variable of the process's environment.
///
/// # Errors
/// [`MissingVariable`] if it is missing, empty, or not UTF-8.
pub fn variable(name: &'static str) -> Result<String, MissingVariable> {
    required(name, std::env::var(name).ok())
}

/// Returns the value of a variable. Spaces only, as nothing at all, count as unset.
pub fn given(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.trim().is_empty())
}

fn required(name: &'static str, value: Option<String>) -> Result<String, MissingVariable> {
    given(value).ok_or(MissingVariable(name))
}

/// The variable [`RETENTION_DAYS`] of the process's environment.
///
/// # Errors
/// [`ConfigError::Retention`] if it is not a number of days.
pub fn retention_days() -> Result<u32, ConfigError> {
    days(std::env::var(RETENTION_DAYS).ok())
}

fn days(value: Option<String>) -> Result<u32, ConfigError> {
    given(value).map_or(Ok(0), |days| days.parse().map_err(|_| ConfigError::Retention(days)))
}

impl Config {
    /// Reads the configuration from the process's environment.
    ///
    /// # Errors
    /// [`ConfigError`] if one is missing, empty, or not UTF-8, or if the dialect is unknown.
    /// Authentication cannot be disabled.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// Reads the configuration from `variable`, which gives a variable's value.
    ///
    /// # Errors
    /// [`ConfigError`] if one is missing or empty, or if the dialect is unknown.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let required = |name| required(name, variable(name));
        Ok(Config {
            table_name: required(TABLE_NAME)?,
            history_table: given(variable(HISTORY_TABLE)),
            credentials: match given(variable(CREDENTIALS_SECRET_ARN)) {
                Some(arn) => CredentialsSource::Secret(arn),
                None => CredentialsSource::Pair(ApiCredentials {
                    key: required(API_KEY)?,
                    secret: required(API_SECRET)?,
                }),
            },
            dialect: given(variable(ANSWERS))
                .map_or(Ok(Dialect::default()), |name| name.parse())?,
            retention_days: days(variable(RETENTION_DAYS))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(changed: &str, value: Option<&str>) -> Result<Config, ConfigError> {
        Config::from_variables(|name| match name {
            _ if name == changed => value.map(str::to_owned),
            ANSWERS | RETENTION_DAYS | CREDENTIALS_SECRET_ARN | HISTORY_TABLE => None,
            _ => Some(format!("the {name}")),
        })
    }

    #[test]
    fn dialect_has_a_default_and_two_names() {
        let dialect = |value| with(ANSWERS, value).map(|config| config.dialect);
        for documented in [None, Some(""), Some(" "), Some("documented")] {
            assert_eq!(dialect(documented), Ok(Dialect::Documented));
        }
        assert_eq!(dialect(Some("plugnmeet")), Ok(Dialect::Plugnmeet));
        for other in ["Plugnmeet", "documented ", "2.4"] {
            let error = dialect(Some(other)).expect_err("no dialect").to_string();
            assert!(error.contains(ANSWERS) && error.contains(other), "{error}");
        }
    }

    #[test]
    fn retention_days_are_optional_and_validated() {
        let days = |value| with(RETENTION_DAYS, value).map(|config| config.retention_days);
        assert_eq!([days(None), days(Some("")), days(Some("0"))], [Ok(0), Ok(0), Ok(0)]);
        assert_eq!(days(Some("365")), Ok(365));
        for other in ["-1", "1.5", "a year", "99999999999"] {
            let error = days(Some(other)).expect_err("no days").to_string();
            assert!(error.contains(RETENTION_DAYS) && error.contains(other), "{error}");
        }
    }

    #[test]
    fn every_variable_is_required_and_named() {
        assert!(with("", None).is_ok());
        for name in [TABLE_NAME, API_KEY, API_SECRET] {
            for value in [None, Some(""), Some(" ")] {
                let error = with(name, value).expect_err("required").to_string();
                assert!(error.contains(name), "{error}");
            }
        }
    }

    #[test]
    fn secret_arn_replaces_the_pair() {
        let config = with(CREDENTIALS_SECRET_ARN, Some("arn:x")).expect("a configuration");
        assert_eq!(config.credentials, CredentialsSource::Secret("arn:x".to_owned()));
    }

    #[test]
    fn secret_is_not_printed() {
        let config = format!("{:?}", with("", None));
        assert!(!config.contains("the API_SECRET") && !config.contains("the API_KEY"), "{config}");
    }
}
