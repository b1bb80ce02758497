//! Months and hours as the sort keys of sessions begin with them.

/// Bytes of a month: `2026-11`.
pub const MONTH_BYTES: usize = 7;
/// Bytes of an hour: `2026-11-22T10`.
pub const HOUR_BYTES: usize = 13;

/// Whether a text is a month: `2026-11`.
pub fn is_month(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == MONTH_BYTES
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
        && matches!(&bytes[5..], [b'0', b'1'..=b'9'] | [b'1', b'0'..=b'2'])
}

/// The number of a month, from which on the months after it are counted. `None`: it is no month.
pub fn month_number(month: &str) -> Option<u32> {
    let (year, month_of_year) = is_month(month).then(|| month.split_once('-'))??;
    Some(year.parse::<u32>().ok()? * 12 + month_of_year.parse::<u32>().ok()?.checked_sub(1)?)
}

/// The month with a number.
pub fn numbered_month(number: u32) -> String {
    format!("{:04}-{:02}", number / 12, number % 12 + 1)
}

/// The hour of the month, counted from 0, that a text such as `2026-11-22T10` names.
///
/// `None`: it is not the very text that [`hour`] makes of that number. Sessions sort by their text,
/// so `2026-11-22 10` and `2026-11-+2T10` are other stretches of keys.
pub fn hour_of_month(text: &str) -> Option<u32> {
    let day: u32 = text.get(8..10)?.parse().ok()?;
    let hour_of_day: u32 = text.get(11..13)?.parse().ok()?;
    let number = day.checked_sub(1)? * 24 + hour_of_day;
    let is_the_same = hour(text.get(..MONTH_BYTES)?, number).as_deref() == Some(text);
    is_the_same.then_some(number)
}

/// An hour of a month, counted from 0, as text. `None`: there is no such month, or it is over.
pub fn hour(month: &str, hour_of_month: u32) -> Option<String> {
    let (day, hour) = (hour_of_month / 24 + 1, hour_of_month % 24);
    // Every hour of every tally comes through here, so the text is put together by hand.
    (is_month(month) && day <= 31).then(|| {
        let digit = |number: u32| char::from(b'0' + (number % 10) as u8);
        let mut text = String::with_capacity(HOUR_BYTES);
        text.push_str(month);
        text.extend(['-', digit(day / 10), digit(day), 'T', digit(hour / 10), digit(hour)]);
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_month_comes_back_by_its_number() {
        for (month, number) in [("0000-01", 0), ("0001-12", 23), ("2026-11", 24_322)] {
            assert_eq!(month_number(month), Some(number));
            assert_eq!(numbered_month(number), month);
        }
        assert_eq!(month_number("2026-13"), None);
    }

    #[test]
    fn every_hour_of_a_month_comes_back() {
        for number in 0..31 * 24 {
            let text = hour("2026-12", number).expect("an hour");
            assert_eq!((hour_of_month(&text), text.len()), (Some(number), HOUR_BYTES));
        }
        assert_eq!(hour("2026-12", 31 * 24), None);
        assert_eq!(hour_of_month("2026-11-22T10"), Some(514));
    }

    #[test]
    fn what_does_not_come_back_is_no_hour() {
        for other in [
            "2026-12-32T00",
            "2026-12-00T00",
            "2026-12-01T24",
            "2026-13-01T00",
            "2026-11-22 10",
            "2026-11-+2T10",
            "2026-11-22T+1",
            "2026x11-22T10",
            "2026-11-22T1",
            "2026-11-22T100",
            "1ü26-11-22T10",
            "",
        ] {
            assert_eq!(hour_of_month(other), None, "{other}");
        }
    }

    #[test]
    fn months_are_real_months() {
        for month in ["2026-01", "2026-09", "2026-10", "2026-12", "0000-01"] {
            assert!(is_month(month), "{month}");
        }
        for other in ["2026-00", "2026-13", "2026-1", "2026-1x", "2026-20", "20261-1", "1ü26-1"] {
            assert!(!is_month(other), "{other}");
        }
    }
}
