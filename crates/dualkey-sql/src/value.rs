use dualkey_limit::Timestamp;
use dualkey_store::{ApiKey, AuditId, DailyUsage, OrganizationId, PartnerId, TokenId, TokenUse};

/// A UUID. It is a `uuid` in PostgreSQL and hyphenated text in SQLite. Both sort in the same order, and the
/// text equals the id in logs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Id(pub(crate) [u8; 16]);

/// A time in whole microseconds. It is a `timestamptz` in PostgreSQL and text of fixed width in SQLite. The
/// text sorts by time, and the date functions of SQLite accept it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(pub(crate) Timestamp);

/// An argument of a statement.
pub(crate) enum Value<'a> {
    Id(Option<Id>),
    Time(Option<Time>),
    Int(Option<i64>),
    Bool(bool),
    Bytes(&'a [u8]),
    Text(Option<&'a str>),
    /// Rows, as an array for each column in PostgreSQL, and as one JSON text in SQLite.
    Uses(&'a [TokenUse]),
    /// Rows, in the same form as `Uses`.
    Usages(&'a [DailyUsage]),
}

macro_rules! values {
    ($($value:expr),* $(,)?) => {
        &[$(crate::value::Value::from($value)),*]
    };
}

pub(crate) use values;

macro_rules! from {
    ($($from:ty => $with:expr;)*) => {
        $(impl<'a> From<$from> for Value<'a> {
            fn from(value: $from) -> Self {
                $with(value)
            }
        })*
    };
}

from! {
    PartnerId => |id: PartnerId| Self::Id(Some(Id(*id.as_bytes())));
    TokenId => |id: TokenId| Self::Id(Some(Id(*id.as_bytes())));
    AuditId => |id: AuditId| Self::Id(Some(Id(*id.as_bytes())));
    Option<PartnerId> => |id: Option<PartnerId>| Self::Id(id.map(|id| Id(*id.as_bytes())));
    Option<TokenId> => |id: Option<TokenId>| Self::Id(id.map(|id| Id(*id.as_bytes())));
    Timestamp => |time| Self::Time(Some(Time(time)));
    Option<Timestamp> => |time: Option<Timestamp>| Self::Time(time.map(Time));
    i64 => |number| Self::Int(Some(number));
    usize => |number| Self::Int(Some(i64::try_from(number).unwrap_or(i64::MAX)));
    u32 => |number: u32| Self::Int(Some(number.into()));
    Option<u32> => |number: Option<u32>| Self::Int(number.map(Into::into));
    bool => Self::Bool;
    &'a [u8] => Self::Bytes;
    &'a [u8; 16] => |bytes: &'a [u8; 16]| Self::Bytes(bytes);
    &'a [u8; 32] => |bytes: &'a [u8; 32]| Self::Bytes(bytes);
    &'a str => |text| Self::Text(Some(text));
    &'a String => |text: &'a String| Self::Text(Some(text));
    &'a ApiKey => |key: &'a ApiKey| Self::Text(Some(key.as_str()));
    &'a OrganizationId => |name: &'a OrganizationId| Self::Text(Some(name.as_str()));
    Option<&'a str> => Self::Text;
    Option<&'a OrganizationId> =>
        |name: Option<&'a OrganizationId>| Self::Text(name.map(OrganizationId::as_str));
    &'a [TokenUse] => Self::Uses;
    &'a [DailyUsage] => Self::Usages;
}

/// Adds values to the arguments of a statement of either database.
macro_rules! bind {
    ($values:expr, $arguments:expr) => {
        for value in $values {
            match value {
                $crate::value::Value::Id(id) => $arguments.add(*id),
                $crate::value::Value::Time(time) => $arguments.add(*time),
                $crate::value::Value::Int(number) => $arguments.add(*number),
                $crate::value::Value::Bool(flag) => $arguments.add(*flag),
                $crate::value::Value::Bytes(bytes) => $arguments.add(*bytes),
                $crate::value::Value::Text(text) => $arguments.add(*text),
                $crate::value::Value::Uses(uses) => add_uses(&mut $arguments, uses),
                $crate::value::Value::Usages(usages) => add_usages(&mut $arguments, usages),
            }
            .map_err(|_| $crate::error::SqlError::Encode("a value is too large"))?;
        }
    };
}

pub(crate) use bind;
