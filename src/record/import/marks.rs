//! A session's stored attributes beside those that the API answers.

use crate::record::row::ReportedTimes;

/// A session's stored attributes beside those that the API answers. An export of a table has them;
/// other files do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Marks {
    expires: Option<i64>,
    reported: Option<ReportedTimes>,
}

impl Marks {
    /// When the session expires, in UNIX seconds, and which of its times webhooks have reported: the
    /// values of the attributes [`EXPIRES`](crate::table::schema::EXPIRES) and
    /// [`BY_WEBHOOKS`](crate::table::schema::BY_WEBHOOKS), if they exist. `None`: the latter is
    /// invalid.
    pub fn new(expires: Option<i64>, by_webhooks: Option<&str>) -> Option<Self> {
        let reported = by_webhooks.map(ReportedTimes::of_text);
        let is_one = |text| reported.is_some_and(|reported| reported.to_text() == text);
        by_webhooks.is_none_or(is_one).then_some(Marks { expires, reported })
    }

    /// When the session expires, in UNIX seconds. `None`: never.
    pub fn expires(self) -> Option<i64> {
        self.expires
    }

    /// Returns which times of an existing session are certain, if webhooks have reported `stored`.
    pub(super) fn reported(self, stored: Option<ReportedTimes>) -> Option<ReportedTimes> {
        let Some(stored) = stored else { return self.reported };
        // The beginning is that of the file now, so no other import may take it for a guess, unless the
        // file says itself that it is one.
        let is_certain = self.reported.is_none_or(|reported| reported.created);
        Some(ReportedTimes { created: stored.created || is_certain, ..stored })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_accept_only_possible_attributes() {
        for text in ["", "created", "ended", "created ended"] {
            let marks = Marks::new(Some(7), Some(text)).expect("marks");
            assert_eq!(marks.reported(None).map(ReportedTimes::to_text).as_deref(), Some(text));
            assert_eq!(marks.expires(), Some(7));
        }
        for text in ["ended created", "begun", "created  ended", " "] {
            assert_eq!(Marks::new(None, Some(text)), None, "{text}");
        }
        assert_eq!(Marks::new(None, None), Some(Marks::default()));
    }

    #[test]
    fn guess_remains_only_if_the_file_says_so() {
        let certain = |file: Option<&str>, stored: &str| {
            let marks = Marks::new(None, file).expect("marks");
            marks.reported(Some(ReportedTimes::of_text(stored))).expect("webhooks").to_text()
        };
        assert_eq!(certain(None, "ended"), "created ended");
        assert_eq!(certain(Some("ended"), "ended"), "ended");
        assert_eq!(certain(Some("ended"), "created"), "created");
        assert_eq!(certain(Some("created"), ""), "created");
    }
}
