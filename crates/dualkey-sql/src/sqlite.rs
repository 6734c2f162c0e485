//! SQLite: its pool, its file, and its encoding of values.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::time::Duration;

use dualkey_limit::Timestamp;
use dualkey_store::{DailyUsage, TokenUse};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::sqlite::{
    SqliteArguments, SqliteArgumentsBuffer, SqliteConnectOptions, SqliteJournalMode,
    SqlitePoolOptions, SqliteSynchronous, SqliteTypeInfo, SqliteValueRef,
};
use sqlx::{Arguments as _, Decode, Encode, Sqlite, SqlitePool, Type};
use uuid::Uuid;

use crate::error::SqlError;
use crate::value::{Id, Time, Value, bind};

/// The size of the pool. It allows concurrent readers; SQLite serializes writers.
const CONNECTIONS: u32 = 4;

/// A pool whose commits survive a power failure. Creates a missing file, readable for its owner only.
pub(crate) fn open(address: &str, busy_timeout: Duration) -> Result<SqlitePool, SqlError> {
    let options: SqliteConnectOptions = address.parse()?;
    if address.contains(":memory:") || address.contains("mode=memory") {
        return Err(SqlError::InvalidAddress(
            "an in-memory database does not persist, use MemoryStore instead",
        ));
    }
    create_file(&options)?;
    let options = options
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(busy_timeout);
    Ok(SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_lazy_with(options))
}

fn create_file(options: &SqliteConnectOptions) -> Result<(), SqlError> {
    let mut file = OpenOptions::new();
    file.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    match file.open(options.get_filename()) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(SqlError::Unreachable(error.to_string()))
        }
        _ => Ok(()),
    }
}

pub(crate) fn arguments(values: &[Value<'_>]) -> Result<SqliteArguments, SqlError> {
    let mut arguments = SqliteArguments::default();
    bind!(values, arguments);
    Ok(arguments)
}

fn add_uses(arguments: &mut SqliteArguments, uses: &[TokenUse]) -> Result<(), BoxDynError> {
    arguments.add(json_rows(uses, |TokenUse { token, first_at, last_at, last_by }| {
        let (first_at, last_at) = (time_text(*first_at), time_text(*last_at));
        let last_by = last_by.map_or("null".to_owned(), |partner| format!("\"{partner}\""));
        format!("[\"{token}\",\"{first_at}\",\"{last_at}\",{last_by}]")
    }))
}

fn add_usages(arguments: &mut SqliteArguments, usages: &[DailyUsage]) -> Result<(), BoxDynError> {
    arguments.add(json_rows(usages, |usage| {
        let permits = i64::try_from(usage.permits).unwrap_or(i64::MAX);
        format!("[\"{}\",{},{permits}]", usage.partner, usage.day)
    }))
}

fn json_rows<T>(rows: &[T], row: impl Fn(&T) -> String) -> String {
    format!("[{}]", Vec::from_iter(rows.iter().map(row)).join(","))
}

/// The time as text of fixed width, such as `2023-11-14T22:13:20.000000Z`.
fn time_text(time: Timestamp) -> String {
    let micros = i64::try_from(time.as_nanos() / 1_000).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX);
    format!("{time:.6}")
}

pub(crate) fn read_time(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_nanos(time.as_nanosecond().try_into().ok()?))
}

macro_rules! as_text {
    ($($type:ty: $write:expr, $read:expr;)*) => {
        $(impl Type<Sqlite> for $type {
            fn type_info() -> SqliteTypeInfo {
                <str as Type<Sqlite>>::type_info()
            }
        }

        impl Encode<'_, Sqlite> for $type {
            fn encode_by_ref(
                &self,
                buffer: &mut SqliteArgumentsBuffer,
            ) -> Result<IsNull, BoxDynError> {
                Encode::<Sqlite>::encode($write(self.0), buffer)
            }
        }

        impl<'r> Decode<'r, Sqlite> for $type {
            fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
                let text = <&str as Decode<Sqlite>>::decode(value)?;
                $read(text).map(Self).ok_or_else(|| "malformed text".into())
            }
        })*
    };
}

as_text! {
    Id: |id| Uuid::from_bytes(id).to_string(),
        |text| Uuid::try_parse(text).ok().map(Uuid::into_bytes);
    Time: time_text, read_time;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_texts_have_one_width_and_sort() {
        let times = [0, 1, 999_999, 1_700_000_000_000_000, u64::MAX / 1_000];
        let times = times.map(|micros| Timestamp::from_nanos(micros * 1_000));
        let texts = times.map(time_text);
        assert_eq!(texts[0], "1970-01-01T00:00:00.000000Z");
        assert_eq!(texts[3], "2023-11-14T22:13:20.000000Z");
        assert!(texts.is_sorted() && texts.iter().all(|text| text.len() == texts[0].len()));
        assert_eq!(texts.map(|text| read_time(&text)), times.map(Some));
    }
}
