use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

use crate::failure::Failure;

/// A time that serializes as RFC 3339 in UTC.
pub(crate) fn to_jiff(time: dualkey::Timestamp) -> Timestamp {
    Timestamp::from_nanosecond(time.as_nanos().into()).unwrap_or(Timestamp::MAX)
}

/// A time in a table, to the second; `-` for none.
pub(crate) fn brief(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("{time:.0}"))
}

/// Parses a duration such as `90d`, `1h`, `30m` or `15s`. A day has 24 hours.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let span: Option<Span> = text.parse().ok();
    let duration = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    let duration = duration.and_then(|duration| duration.try_into().ok());
    duration.ok_or_else(|| "such as 90d, 1h, 30m or 15s".to_owned())
}

/// The time this long after another, if it can be represented.
pub(crate) fn after(
    time: dualkey::Timestamp,
    duration: Duration,
) -> Result<dualkey::Timestamp, Failure> {
    let later = time.saturating_add(duration);
    if later.saturating_duration_since(time) == duration {
        return Ok(later);
    }
    let longest = dualkey::Timestamp::from_nanos(u64::MAX).saturating_duration_since(time);
    let days = longest.as_secs() / 86_400;
    Err(Failure::usage(format!("{} is too long: give at most {days}d", formatted(duration))))
}

/// Formats a duration as [`duration`] parses it.
pub(crate) fn formatted(duration: Duration) -> String {
    SignedDuration::try_from(duration)
        .map_or_else(|_| "long".to_owned(), |time| format!("{time:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed_as_users_write_them() {
        for (text, secs) in [
            ("90d", 90 * 86_400),
            ("2w", 14 * 86_400),
            ("1h", 3_600),
            ("30m", 1_800),
            ("15s", 15),
            ("0s", 0),
            ("1d 12h", 129_600),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(secs)), "{text}");
        }
        assert_eq!(formatted(Duration::from_secs(5_400)), "1h 30m");
        for text in ["", "90", "d", "1mo", "1y", "-1h", "1h ago", "1 fortnight", "99999999999d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_shown_in_utc() {
        let time = to_jiff(dualkey::Timestamp::from_nanos(1_700_000_000_123_456_000));
        assert_eq!(time.to_string(), "2023-11-14T22:13:20.123456Z");
        assert_eq!(brief(Some(time)), "2023-11-14T22:13:20Z");
        assert_eq!(brief(None), "-");
    }
}
