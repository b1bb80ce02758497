//! Advice on errors of DynamoDB and of the AWS SDK.

use std::error::Error;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::ProvideCredentials;
use past_rooms::WriteError;
use past_rooms::table::TableError;

use crate::stop::Reason;

/// Looks for what every request needs, before the first: without credentials each would be tried
/// again and again.
///
/// # Errors
/// A text that says what to set.
pub async fn check_settings(settings: &SdkConfig) -> Result<(), String> {
    if settings.region().is_none_or(|region| region.as_ref().is_empty()) {
        let profile = std::env::var("AWS_PROFILE").ok().filter(|profile| !profile.is_empty());
        return Err(match profile {
            Some(profile) => format!(
                "no AWS region: the profile {profile:?} (AWS_PROFILE) is not in the AWS \
                 configuration, or has no region; see `aws configure list-profiles`, or set AWS_REGION"
            ),
            None => {
                "no AWS region: set AWS_REGION, or AWS_PROFILE to a profile that has one".to_owned()
            }
        });
    }
    const GIVE: &str = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in \
        with `aws sso login`";
    let Some(provider) = settings.credentials_provider() else {
        return Err(format!("no AWS credentials: {GIVE}"));
    };
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("no AWS credentials: {}; {GIVE}", causes(&error))),
    }
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

/// Returns what to do about an error, if its kind tells.
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
            return on_code(&failed.code, table);
        }
        next = error.source();
    }
    None
}

/// Returns what to do about an error that DynamoDB answers with `code`.
fn on_code(code: &str, table: &str) -> Option<String> {
    Some(match code {
        "ResourceNotFoundException" => format!(
            "There is no table {table:?} for this account in this region. Name the table with --table \
             or TABLE_NAME (the stack's outputs have its name), the region with AWS_REGION."
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
    fn known_codes_have_advice_and_others_none() {
        for (code, part) in [
            ("ResourceNotFoundException", "--table"),
            ("AccessDeniedException", "actions"),
            ("UnrecognizedClientException", "AWS_PROFILE"),
        ] {
            let advice = on_code(code, "past-rooms").expect("advice");
            assert!(advice.contains(part), "{advice}");
        }
        assert_eq!(on_code("ValidationException", "past-rooms"), None);
    }
}
