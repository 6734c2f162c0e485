use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fields::Fields;
use crate::query::Parameters;

/// A record of a list, which is in the order of the keys, and of the ids where those are equal. Neither
/// ever changes, so that a list can be read page by page while records are added and removed.
pub(crate) trait Listed: Clone {
    /// What the ids of these records begin with, before the underscore.
    const KIND: &'static str;

    type Key: Ord + DeserializeOwned + Serialize;

    fn key(&self) -> Self::Key;

    fn id(&self) -> &str;
}

/// One page of a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct List<T> {
    data: Vec<T>,
    /// The cursor of the next page; `null` on the last one.
    next_cursor: Option<String>,
}

/// Which page of a list to answer.
pub(crate) struct Page<T: Listed> {
    limit: usize,
    after: Option<Position<T>>,
}

/// The place of a record in its list: its key and its id. A cursor is that of the last record of a page.
type Position<T> = (<T as Listed>::Key, String);

pub(crate) const DEFAULT_LIMIT: usize = 50;
pub(crate) const MAX_LIMIT: usize = 100;

impl<T: Listed> Page<T> {
    /// This page of the records, which may be in any order.
    pub(crate) fn of<'a>(&self, records: impl IntoIterator<Item = &'a T>) -> List<T>
    where
        T: 'a,
    {
        let mut data: Vec<_> =
            records.into_iter().filter(|record| self.is_before(record)).collect();
        data.sort_by_cached_key(|record| position(*record));
        let has_more = data.len() > self.limit;
        data.truncate(self.limit);
        let last = data.last().filter(|_| has_more);
        let next_cursor = last.map(|record| encode::<T>(&position(*record)));
        List { data: data.into_iter().cloned().collect(), next_cursor }
    }

    /// Whether this page, or one after it, has this record.
    fn is_before(&self, record: &T) -> bool {
        self.after.as_ref().is_none_or(|after| *after < position(record))
    }
}

impl<T: Listed> Parameters for Page<T> {
    fn read(fields: &mut Fields<String>) -> Self {
        let limit = format!("a whole number from 1 to {MAX_LIMIT}");
        let limit = fields.read("limit", &limit, |text| parse_limit(text));
        let after = "the nextCursor of another page of this list";
        let after = fields.read("cursor", after, |text| decode::<T>(text));
        Self { limit: limit.unwrap_or(DEFAULT_LIMIT), after }
    }
}

fn parse_limit(text: &str) -> Option<usize> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit()); // a sign is no digit
    let limit = text.parse().ok().filter(|_| is_digits);
    limit.filter(|limit| (1..=MAX_LIMIT).contains(limit))
}

fn position<T: Listed>(record: &T) -> Position<T> {
    (record.key(), record.id().to_owned())
}

fn encode<T: Listed>(position: &Position<T>) -> String {
    let json = serde_json::to_string(position).expect("keys and ids are JSON values");
    URL_SAFE_NO_PAD.encode(json)
}

/// The position of a cursor that [`encode`] can have written.
fn decode<T: Listed>(cursor: &str) -> Option<Position<T>> {
    let json = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let position: Position<T> = serde_json::from_slice(&json).ok()?;
    let is_of_kind = position.1.strip_prefix(T::KIND)?.starts_with('_');
    (is_of_kind && encode::<T>(&position) == cursor).then_some(position)
}
