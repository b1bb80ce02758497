//! The deadline of an invocation.

use std::time::{Duration, SystemTime};

/// The time until a deadline in milliseconds since 1970. Past deadlines are ignored: `cargo lambda
/// watch` sends ten minutes after the beginning of 1970.
pub fn time_left(deadline: u64) -> Option<Duration> {
    let deadline = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(deadline))?;
    deadline.duration_since(SystemTime::now()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_deadlines_are_ignored() {
        assert_eq!(time_left(600_000), None);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        let in_a_minute = now.as_millis() as u64 + 60_000;
        let left = time_left(in_a_minute).expect("a minute");
        assert!(left > Duration::from_secs(50) && left <= Duration::from_secs(60), "{left:?}");
    }
}
