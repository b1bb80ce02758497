//! Advice on errors of DynamoDB and of the AWS SDK.

use std::error::Error;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::ProvideCredentials;
use past_rooms::WriteError;
use past_rooms::lambda::config::given;
use past_rooms::table::TableError;

use crate::stop::Reason;

/// Looks for what every request needs, before the first: without credentials each would be tried
/// again and again.
///
/// # Errors
/// A text that says what to set.
pub async fn check_settings(settings: &SdkConfig) -> Result<(), String> {
    for variable in ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"] {
        let url = given(std::env::var(variable).ok());
        if let Some(url) = url.filter(|url| !url.contains("://")) {
            return Err(format!("{variable} is {url:?}: expected a URL, such as http://{url}"));
        }
    }
    let profile = given(std::env::var("AWS_PROFILE").ok());
    if settings.region().is_none_or(|region| region.as_ref().trim().is_empty()) {
        return Err(match profile {
            Some(profile) => format!(
                "no AWS region: {}, or has no region; {LIST}, or set AWS_REGION",
                unknown(&profile)
            ),
            None => {
                "no AWS region: set AWS_REGION, or AWS_PROFILE to a profile that has one".to_owned()
            }
        });
    }
    let give = match profile {
        Some(profile) => format!(
            "{}, or has no valid credentials; {LIST}, or log in with `aws sso login`",
            unknown(&profile)
        ),
        None => "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in with `aws sso login`"
            .to_owned(),
    };
    let Some(provider) = settings.credentials_provider() else {
        return Err(format!("no AWS credentials: {give}"));
    };
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("no AWS credentials: {give}: {}", causes(&error))),
    }
}

/// How to see which profiles exist.
const LIST: &str = "see `aws configure list-profiles`";

fn unknown(profile: &str) -> String {
    format!("the profile {profile:?} (AWS_PROFILE) is not in the AWS configuration")
}

/// Returns an error's text and those of its causes, each once.
pub fn causes(error: &dyn Error) -> String {
    let mut texts: Vec<String> = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !texts.iter().any(|seen| seen.contains(&text)) {
            texts.push(text);
        }
        source = cause.source();
    }
    texts.join(": ")
}

/// Returns what to do about an error, if its kind tells. `table` is the table of past rooms.
pub fn on(error: &(dyn Error + 'static), table: &str) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if matches!(error.downcast_ref(), Some(Reason::Outage(outage)) if !outage.is_answered) {
            return Some(
                "DynamoDB cannot be reached: is AWS_REGION right, or AWS_ENDPOINT_URL_DYNAMODB, if it \
                 is set?"
                    .to_owned(),
            );
        }
        let failed = match error.downcast_ref::<WriteError>() {
            Some(WriteError::Table(failed)) => Some(failed),
            _ => error.downcast_ref::<TableError>(),
        };
        if let Some(failed) = failed {
            return on_code(&failed.code, &failed.table, failed.table == table);
        }
        next = error.source();
    }
    None
}

/// Returns what to do about an error that DynamoDB answers with `code`. If `is_main` is not set, it is about the
/// history table.
fn on_code(code: &str, table: &str, is_main: bool) -> Option<String> {
    let (option, variable) =
        if is_main { ("--table", "TABLE_NAME") } else { ("--history-table", "HISTORY_TABLE") };
    Some(match code {
        "ResourceNotFoundException" => format!(
            "This account has no table {table:?} in this region. Name the table with {option} or {variable} (the \
             stack's outputs have its name), the region with AWS_REGION."
        ),
        "AccessDeniedException" => format!(
            "These credentials may not do that to the table {table:?}. The documentation of \
             past-rooms-admin lists the actions that its commands need."
        ),
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "IncompleteSignatureException"
        | "MissingAuthenticationTokenException"
        | "ExpiredTokenException"
        | "InvalidClientTokenId" => {
            "AWS does not accept these credentials: they may be wrong, expired, \
            or of another account. See AWS_PROFILE, and `aws sts get-caller-identity`."
                .to_owned()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_codes_have_advice() {
        for (code, part) in [
            ("ResourceNotFoundException", "--table"),
            ("AccessDeniedException", "actions"),
            ("UnrecognizedClientException", "AWS_PROFILE"),
        ] {
            let advice = on_code(code, "past-rooms", true).expect("advice");
            assert!(advice.contains(part), "{advice}");
        }
        assert_eq!(on_code("ValidationException", "past-rooms", true), None);
    }
}
