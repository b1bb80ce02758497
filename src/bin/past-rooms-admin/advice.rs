//! What to do about what DynamoDB and the AWS SDK say.

use std::error::Error;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::ProvideCredentials;

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

/// What to do about an error, if its text tells.
pub fn on(error: &str, table: &str) -> Option<String> {
    let says = |codes: &[&str]| codes.iter().any(|code| error.contains(code));
    if says(&["ResourceNotFoundException"]) {
        return Some(format!(
            "There is no table {table:?} for this account in this region. Name the table with --table \
             or TABLE_NAME (the stack's outputs have its name), the region with AWS_REGION."
        ));
    }
    if says(&["AccessDeniedException", "not authorized"]) {
        return Some(format!(
            "These credentials may not do that to the table {table:?}. The documentation of \
             past-rooms-admin lists the actions that its commands need."
        ));
    }
    if says(&[
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "ExpiredToken",
        "InvalidClientTokenId",
    ]) {
        return Some(
            "AWS does not accept these credentials: they may be wrong, expired, or of another \
             account. See AWS_PROFILE, and `aws sts get-caller-identity`."
                .to_owned(),
        );
    }
    if says(&["dispatch failure", "connector error", "timeout", "timed out"]) {
        return Some(
            "DynamoDB cannot be reached: is AWS_REGION right, or AWS_ENDPOINT_URL_DYNAMODB, if it \
             is set?"
                .to_owned(),
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_errors_have_advice_and_others_none() {
        for (error, advice) in [
            (
                "DynamoDB Query failed: ResourceNotFoundException: Requested resource not found",
                "--table",
            ),
            ("DynamoDB Query failed: AccessDeniedException: User: x is not authorized", "actions"),
            (
                "DynamoDB Query failed: UnrecognizedClientException: The security token",
                "AWS_PROFILE",
            ),
            ("DynamoDB Query failed: dispatch failure: io error", "AWS_REGION"),
        ] {
            let given = on(error, "past-rooms").expect("advice");
            assert!(given.contains(advice), "{given}");
        }
        assert_eq!(on("the row is not a session", "past-rooms"), None);
    }
}
