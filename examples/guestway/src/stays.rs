use jiff::civil::Date;
use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error, StrDeserializer};

use crate::fields::Fields;
use crate::model::{Reservation, ReservationStatus};
use crate::page::{List, Page};
use crate::query::Parameters;

/// Which reservations to answer.
pub(crate) struct Stays {
    page: Page<Reservation>,
    status: Option<ReservationStatus>,
    /// Both days are included.
    check_in_from: Option<Date>,
    check_in_to: Option<Date>,
}

impl Stays {
    /// The page of the reservations that pass all filters.
    pub(crate) fn of(&self, reservations: &[Reservation]) -> List<Reservation> {
        self.page.of(reservations.iter().filter(|reservation| self.passes(reservation)))
    }

    fn passes(&self, reservation: &Reservation) -> bool {
        self.status.is_none_or(|status| status == reservation.status)
            && self.check_in_from.is_none_or(|from| from <= reservation.check_in)
            && self.check_in_to.is_none_or(|to| reservation.check_in <= to)
    }
}

impl Parameters for Stays {
    fn read(fields: &mut Fields<String>) -> Self {
        let page = Page::read(fields);
        let status = "confirmed, checkedIn, checkedOut or cancelled";
        let status = fields.read("status", status, |text| parse_status(text));
        let date = "a date such as 2026-07-31";
        let check_in_from = fields.read("checkInFrom", date, |text| parse_date(text));
        let check_in_to = fields.read("checkInTo", date, |text| parse_date(text));
        if check_in_from.zip(check_in_to).is_some_and(|(from, to)| from > to) {
            fields.note("checkInFrom", "must not be after checkInTo");
        }
        Self { page, status, check_in_from, check_in_to }
    }
}

/// A status as it is in JSON.
fn parse_status(text: &str) -> Option<ReservationStatus> {
    let text: StrDeserializer<'_, Error> = text.into_deserializer();
    ReservationStatus::deserialize(text).ok()
}

/// A full-date of RFC 3339 §5.6. Other forms of ISO 8601, which jiff accepts, are refused.
fn parse_date(text: &str) -> Option<Date> {
    let date: Date = text.parse().ok()?;
    (date.year() >= 0 && date.to_string() == text).then_some(date)
}
