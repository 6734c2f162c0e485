use std::time::Duration;

use dualkey_limit::Timestamp;

use crate::times::{DAY, end_of_day, last_full_day, length};

/// The lifetimes that the form offers, in days.
const PRESETS: [(u32, &str); 4] =
    [(30, "30 days"), (60, "60 days"), (90, "90 days"), (365, "1 year")];

/// The lifetime that is selected at first, if it is allowed.
const PRESELECTED: u32 = 90;

/// The lifetimes that the registry allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetimes {
    pub(crate) now: Timestamp,
    pub(crate) max: Option<Duration>,
    /// The lifetime that the registry gives to tokens of which none is known.
    pub(crate) default: Option<Duration>,
}

/// The choice of an expiry in a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    After(u32),
    /// The text of the date as it was typed.
    On(String),
    Never,
}

impl Lifetimes {
    pub(crate) fn presets(&self) -> impl Iterator<Item = (u32, &'static str)> {
        let max = self.max.unwrap_or(Duration::MAX);
        PRESETS.into_iter().filter(move |(days, _)| *days * DAY <= max)
    }

    /// Whether tokens may stay valid for ever.
    pub(crate) const fn allows_never(&self) -> bool {
        self.max.is_none()
    }

    /// The first choice of a form.
    pub(crate) fn preselected(&self) -> Expiry {
        let days = || self.presets().map(|(days, _)| days);
        // Without a default of its own, the registry takes the maximum.
        let own = self.default.filter(|_| self.default != self.max);
        let default = days().find(|days| Some(*days * DAY) == own);
        let usual = || days().find(|days| *days == PRESELECTED);
        match default.or_else(usual).or_else(|| days().last()) {
            Some(days) => Expiry::After(days),
            None => Expiry::On(self.latest_date().unwrap_or_default()),
        }
    }

    /// Today.
    pub(crate) fn earliest_date(&self) -> String {
        crate::times::day(self.now)
    }

    /// The last date whose end is within the longest lifetime.
    pub(crate) fn latest_date(&self) -> Option<String> {
        last_full_day(self.now.saturating_add(self.max?))
    }

    /// The time of a choice, or why it is refused.
    pub(crate) fn resolve(&self, expiry: &Expiry) -> Result<Option<Timestamp>, String> {
        match expiry {
            Expiry::Never if self.allows_never() => Ok(None),
            Expiry::After(days) if self.presets().any(|(preset, _)| preset == *days) => {
                Ok(Some(self.now.saturating_add(*days * DAY)))
            }
            Expiry::On(text) => self.date(text).map(Some),
            Expiry::Never | Expiry::After(_) => Err(self.too_long()),
        }
    }

    fn date(&self, text: &str) -> Result<Timestamp, String> {
        let Some(end) = end_of_day(text) else {
            return Err(format!("Enter a date such as {}.", self.earliest_date()));
        };
        let latest = self.max.map(|max| self.now.saturating_add(max));
        if end <= self.now || latest.is_some_and(|latest| end > latest) {
            return Err(self.out_of_range());
        }
        Ok(end)
    }

    /// Why a date is refused: the earliest and the latest one.
    pub(crate) fn out_of_range(&self) -> String {
        let earliest = self.earliest_date();
        match self.latest_date() {
            Some(latest) => format!("Choose a date from {earliest} to {latest}."),
            None => format!("Choose a date from {earliest} on."),
        }
    }

    fn too_long(&self) -> String {
        match self.max {
            Some(max) => {
                format!("Choose one of these: tokens expire after at most {}.", length(max))
            }
            None => "Choose when the token expires.".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_700_049_600);

    fn up_to(max: Duration) -> Lifetimes {
        Lifetimes { now: NOON, max: Some(max), default: None }
    }

    #[test]
    fn ninety_days_are_preselected_where_they_are_allowed() {
        let any = Lifetimes { now: NOON, max: None, default: None };
        assert_eq!(any.preselected(), Expiry::After(90));
        assert_eq!(up_to(60 * DAY).preselected(), Expiry::After(60));
        assert_eq!(up_to(10 * DAY).preselected(), Expiry::On("2023-11-24".to_owned()));
        let default = Lifetimes { default: Some(30 * DAY), ..any };
        assert_eq!(default.preselected(), Expiry::After(30));
        let year = Some(365 * DAY);
        let at_most = Lifetimes { now: NOON, max: year, default: year };
        assert_eq!(at_most.preselected(), Expiry::After(90));
    }

    #[test]
    fn a_refused_date_names_the_earliest_and_the_latest() {
        let lifetimes = up_to(60 * DAY);
        for text in ["2023-11-14", "2024-01-14"] {
            let refused = lifetimes.resolve(&Expiry::On(text.to_owned())).unwrap_err();
            assert_eq!(refused, "Choose a date from 2023-11-15 to 2024-01-13.", "{text}");
        }
        for text in ["2023-11-15", "2024-01-13"] {
            assert!(lifetimes.resolve(&Expiry::On(text.to_owned())).is_ok(), "{text}");
        }
        assert!(lifetimes.resolve(&Expiry::Never).is_err());
        assert!(lifetimes.resolve(&Expiry::After(90)).is_err());
        assert!(lifetimes.resolve(&Expiry::After(1)).is_err());
    }
}
