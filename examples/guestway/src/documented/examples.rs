//! What the endpoints answer to the requests of the examples, on some day.

use axum::http::Uri;
use jiff::civil::{Date, date};
use serde::Serialize;
use serde_json::Value;

use crate::lists::Stored;
use crate::model::{Conversation, Guest, Reservation};
use crate::page::Page;
use crate::problem::Problem;
use crate::query::parse;
use crate::records::Records;
use crate::sample;

/// The organization of the demonstration. The ids do not depend on the day, so that they exist there.
pub(crate) fn records() -> Records {
    const DAY: Date = date(2026, 7, 1);
    sample::records(&"harbour-stays".into(), DAY)
}

pub(crate) fn organization() -> Value {
    to_json(&records().organization)
}

/// The first record of a list.
pub(crate) fn first_of<T: Stored + Serialize>() -> Value {
    to_json(&first::<T>())
}

/// The id of the first record of a list.
pub(crate) fn id_of<T: Stored>() -> String {
    first::<T>().id().to_owned()
}

fn first<T: Stored>() -> T {
    let records = records();
    let first = T::all(&records).iter().min_by_key(|record| (record.key(), record.id().to_owned()));
    first.expect("each list of the sample data has a record").clone()
}

/// The answer to `?limit=2`.
pub(crate) fn page_of<T: Stored + Serialize>() -> Value {
    page(T::all(&records()))
}

pub(crate) fn accesses() -> Value {
    let records = records();
    page(records.accesses_of(&id_of::<Reservation>()).expect("the reservation exists"))
}

pub(crate) fn messages() -> Value {
    let records = records();
    page(records.messages_of(&id_of::<Conversation>()).expect("the conversation exists"))
}

fn page<'a, T: Stored + Serialize>(records: impl IntoIterator<Item = &'a T>) -> Value {
    let page: Page<T> = parse(&Uri::from_static("/?limit=2")).expect("the query is valid");
    to_json(&page.of(records))
}

pub(crate) fn invalid_query() -> Problem {
    parse::<Page<Guest>>(&Uri::from_static("/?limit=0")).err().expect("the query is not valid")
}

/// The value as JSON.
pub(crate) fn to_json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("each record is a JSON value")
}
