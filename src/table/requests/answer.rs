//! Validation of DynamoDB's answers.
//!
//! A page of the history is put together from several answers. An invalid answer (empty, cut in half, of
//! another room, out of order) would silently become a wrong page, so each is checked against its
//! request.

use aws_sdk_dynamodb::types::ConsumedCapacity;

use crate::table::requests::error::{TableError, TableErrorKind};
use crate::table::requests::retry::Backoff;

/// Number of attempts at a request whose answers are invalid.
const ATTEMPTS: u32 = 3;

/// The problem of an answer.
pub(crate) struct InvalidAnswer(String);

impl InvalidAnswer {
    /// The error for the caller.
    pub fn of(self, operation: &'static str, request_id: Option<&str>) -> TableError {
        TableError {
            kind: TableErrorKind::Transient,
            operation,
            table: String::new(),
            request_id: request_id.unwrap_or("-").to_owned(),
            code: String::new(),
            cause: format!("the answer cannot be one: {}", self.0),
        }
    }
}

/// An error with `problem` unless `is_valid`.
pub(crate) fn ensure(
    is_valid: bool,
    problem: impl FnOnce() -> String,
) -> Result<(), InvalidAnswer> {
    if is_valid { Ok(()) } else { Err(InvalidAnswer(problem())) }
}

/// The value of a field that every answer has.
pub(crate) fn present<T>(field: Option<T>, name: &str) -> Result<T, InvalidAnswer> {
    field.ok_or_else(|| InvalidAnswer(format!("{name} is missing")))
}

/// Sends a request again if its answer is invalid. `attempt` returns an invalid answer as the inner
/// error; the SDK has retried the outer ones already.
pub(crate) async fn valid<T, F>(attempt: impl Fn() -> F) -> Result<T, TableError>
where
    F: Future<Output = Result<Result<T, TableError>, TableError>>,
{
    let mut backoff = Backoff::new(ATTEMPTS);
    loop {
        match attempt().await? {
            Ok(answer) => return Ok(answer),
            Err(error) => {
                tracing::debug!(%error, "trying again");
                if !backoff.wait().await {
                    return Err(error);
                }
            }
        }
    }
}

/// The units in a list of consumed capacities.
pub(crate) fn units(consumed: &[ConsumedCapacity]) -> f64 {
    consumed.iter().filter_map(ConsumedCapacity::capacity_units).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capacity(units: Option<f64>) -> ConsumedCapacity {
        ConsumedCapacity::builder().set_capacity_units(units).build()
    }

    #[test]
    fn units_of_all_tables_add_up() {
        let list = [capacity(Some(0.5)), capacity(None), capacity(Some(2.0))];
        assert_eq!(units(&list), 2.5);
    }

    #[test]
    fn invalid_answer_names_operation_and_problem() {
        assert!(ensure(true, || unreachable!()).is_ok());
        assert!(present(Some(1), "Items").is_ok());
        let invalid = present::<()>(None, "Items").expect_err("nothing there");
        let error = invalid.of("Query", Some("request-7")).to_string();
        for part in ["Query", "request-7", "Items is missing"] {
            assert!(error.contains(part), "{error}");
        }
        let invalid = ensure(false, || "it is odd".to_owned()).expect_err("not valid");
        let error = invalid.of("Scan", None);
        assert_eq!((error.request_id.as_str(), error.is_transient()), ("-", true));
    }
}
