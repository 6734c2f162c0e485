use std::time::Duration;

use dualkey_limit::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html};

pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// The units of a duration, in seconds. Months have no fixed length, so that days are counted instead.
const UNITS: [(u64, &str); 5] =
    [(365 * 86_400, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];

fn to_jiff(time: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_nanosecond(time.as_nanos().into()).unwrap_or(jiff::Timestamp::MAX)
}

/// `2026-11-26 01:50:02 UTC`.
pub(crate) fn exact(time: Timestamp) -> String {
    to_jiff(time).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The day in UTC, `2026-11-26`.
pub(crate) fn day(time: Timestamp) -> String {
    to_jiff(time).strftime("%Y-%m-%d").to_string()
}

/// `3 minutes ago`, `in 12 days` or `now`: rounded down for the past, and to the nearest unit ahead.
pub(crate) fn relative(time: Timestamp, now: Timestamp) -> String {
    let past = now.saturating_duration_since(time);
    let ahead = time.saturating_duration_since(now);
    if past.as_secs() > 0 {
        format!("{} ago", length(past))
    } else if !ahead.is_zero() {
        let (unit, _) = unit_of(ahead);
        format!("in {}", length(ahead.saturating_add(Duration::from_millis(unit * 500))))
    } else {
        "now".to_owned()
    }
}

/// `1 hour`: in the unit of [`unit_of`], rounded down.
pub(crate) fn length(duration: Duration) -> String {
    let (unit, name) = unit_of(duration);
    let count = duration.as_secs() / unit;
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

/// The largest unit that the duration contains twice, or of which it is a multiple.
fn unit_of(duration: Duration) -> (u64, &'static str) {
    let seconds = duration.as_secs();
    let fits = |&(unit, _): &(u64, &str)| {
        seconds >= 2 * unit || (seconds >= unit && seconds.is_multiple_of(unit))
    };
    UNITS.into_iter().find(fits).unwrap_or((1, "second"))
}

/// 23:59:59 UTC of a date such as `2026-11-26`; none if the text is no date from 1970 on.
pub(crate) fn end_of_day(text: &str) -> Option<Timestamp> {
    let end = text.parse::<Date>().ok()?.at(23, 59, 59, 0);
    let seconds = TimeZone::UTC.to_timestamp(end).ok()?.as_second();
    u64::try_from(seconds).ok().map(Timestamp::from_secs)
}

/// The last date whose end is not later than this time; none if that is before 1970.
pub(crate) fn last_full_day(time: Timestamp) -> Option<String> {
    let ends_in = Duration::from_secs(86_399);
    (time.as_secs() >= ends_in.as_secs()).then(|| day(time.saturating_sub(ends_in)))
}

/// A time relative to now, with the exact one for a pointer that rests on it and for programs.
pub(crate) fn relative_tag(time: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(to_jiff(time)) title=(exact(time)) { (relative(time, now)) } }
}

/// The exact time in UTC. The script adds the local time.
pub(crate) fn exact_tag(time: Timestamp) -> Markup {
    html! { time.dk-exact datetime=(to_jiff(time)) { (exact(time)) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_700_049_600);

    #[test]
    fn relative_times_are_rounded_down_to_a_unit() {
        for (secs, text) in [
            (0, "now"),
            (1, "1 second ago"),
            (60, "1 minute ago"),
            (119, "119 seconds ago"),
            (120, "2 minutes ago"),
            (86_400, "1 day ago"),
            (89 * 86_400, "89 days ago"),
            (365 * 86_400, "1 year ago"),
        ] {
            assert_eq!(relative(NOON.saturating_sub(Duration::from_secs(secs)), NOON), text);
        }
        for (secs, text) in [
            (12 * 86_400, "in 12 days"),
            (90 * 86_400 - 1, "in 90 days"),
            (90 * 86_400 - 43_201, "in 89 days"),
            (7_199, "in 2 hours"),
        ] {
            assert_eq!(relative(NOON.saturating_add(Duration::from_secs(secs)), NOON), text);
        }
    }

    #[test]
    fn a_date_ends_one_second_before_midnight_in_utc() {
        let end = end_of_day("2023-11-15").unwrap();
        assert_eq!(exact(end), "2023-11-15 23:59:59 UTC");
        for text in ["", "2023-02-30", "1969-12-31", "15.11.2023"] {
            assert_eq!(end_of_day(text), None, "{text}");
        }
    }

    #[test]
    fn the_last_full_day_ends_by_the_time() {
        assert_eq!(last_full_day(NOON).as_deref(), Some("2023-11-14"));
        assert_eq!(last_full_day(end_of_day("2023-11-15").unwrap()).as_deref(), Some("2023-11-15"));
        assert_eq!(last_full_day(Timestamp::EPOCH), None);
    }
}
