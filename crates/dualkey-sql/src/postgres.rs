//! PostgreSQL: its pool, its transactions, and its encoding of values.

use std::time::Duration;

use dualkey_limit::Timestamp;
use dualkey_store::{DailyUsage, TokenUse};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{
    PgArgumentBuffer, PgArguments, PgConnectOptions, PgHasArrayType, PgPoolOptions, PgTypeInfo,
    PgValueFormat, PgValueRef,
};
use sqlx::{Arguments as _, Decode, Encode, PgPool, Postgres, Type};

use crate::error::SqlError;
use crate::value::{Id, Time, Value, bind};

/// The channel of notifications about changes. The payload is the name of the schema.
pub(crate) const CHANNEL: &str = "dualkey_changes";

pub(crate) fn open(address: &str, acquire_timeout: Duration) -> Result<PgPool, SqlError> {
    let options: PgConnectOptions = address.parse()?;
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("dualkey"),
    };
    // The columns have no floats, and a pooler may not know this parameter.
    let options = options.extra_float_digits(None);
    Ok(PgPoolOptions::new().acquire_timeout(acquire_timeout).connect_lazy_with(options))
}

/// The script that begins a transaction. Each statement reads the rows that were committed before it; the
/// default isolation level of the server has no effect. The server ends the transaction after the timeout if
/// this process abandons it or is suspended, so that the row that counts revisions does not stay locked.
pub(crate) fn begin(timeout: Duration) -> String {
    let millis = timeout.as_millis().clamp(1, i32::MAX as u128);
    format!(
        "begin isolation level read committed read write; \
         set local statement_timeout = {millis}; \
         set local idle_in_transaction_session_timeout = {millis}"
    )
}

/// The script that commits a transaction and notifies the change feeds of other processes.
pub(crate) fn notify_and_commit(schema: Option<&str>) -> String {
    format!("notify {CHANNEL}, '{}'; commit", schema.unwrap_or_default())
}

pub(crate) fn arguments(values: &[Value<'_>]) -> Result<PgArguments, SqlError> {
    let mut arguments = PgArguments::default();
    bind!(values, arguments);
    Ok(arguments)
}

/// Whether PostgreSQL can represent these values. A `text` cannot contain NUL, so a query for a text with
/// NUL matches no row.
pub(crate) fn can_represent(values: &[Value<'_>]) -> bool {
    !values.iter().any(|value| matches!(value, Value::Text(Some(text)) if text.contains('\0')))
}

fn add_uses(arguments: &mut PgArguments, uses: &[TokenUse]) -> Result<(), BoxDynError> {
    arguments.add(Vec::from_iter(uses.iter().map(|token_use| Id(*token_use.token.as_bytes()))))?;
    arguments.add(Vec::from_iter(uses.iter().map(|token_use| Time(token_use.first_at))))?;
    arguments.add(Vec::from_iter(uses.iter().map(|token_use| Time(token_use.last_at))))?;
    let last_by = |token_use: &TokenUse| token_use.last_by.map(|partner| Id(*partner.as_bytes()));
    arguments.add(Vec::from_iter(uses.iter().map(last_by)))
}

fn add_usages(arguments: &mut PgArguments, usages: &[DailyUsage]) -> Result<(), BoxDynError> {
    let permits = usages.iter().map(|usage| i64::try_from(usage.permits).unwrap_or(i64::MAX));
    arguments.add(Vec::from_iter(usages.iter().map(|usage| Id(*usage.partner.as_bytes()))))?;
    arguments.add(Vec::from_iter(usages.iter().map(|usage| usage.day)))?;
    arguments.add(Vec::from_iter(permits))
}

/// Types by OID. A built-in type has the same OID in every PostgreSQL (`pg_type.dat`).
macro_rules! builtin_types {
    ($($type:ty: $oid:literal, array $array:literal;)*) => {
        $(impl Type<Postgres> for $type {
            fn type_info() -> PgTypeInfo {
                PgTypeInfo::with_oid(Oid($oid))
            }
        }

        impl PgHasArrayType for $type {
            fn array_type_info() -> PgTypeInfo {
                PgTypeInfo::with_oid(Oid($array))
            }
        })*
    };
}

builtin_types! {
    Id: 2950, array 2951;
    Time: 1184, array 1185;
}

impl Encode<'_, Postgres> for Id {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }
}

impl<'r> Decode<'r, Postgres> for Id {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self(binary(&value)?))
    }
}

/// The epoch of PostgreSQL, 2000-01-01, in microseconds since 1970-01-01.
const PG_EPOCH: i64 = 946_684_800_000_000;

impl Encode<'_, Postgres> for Time {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let micros = i64::try_from(self.0.as_nanos() / 1_000)? - PG_EPOCH;
        buffer.extend_from_slice(&micros.to_be_bytes());
        Ok(IsNull::No)
    }
}

impl<'r> Decode<'r, Postgres> for Time {
    /// Times before 1970 or after 2554, and `infinity`, are errors, because this program does not write
    /// them.
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        let micros = i64::from_be_bytes(binary(&value)?).checked_add(PG_EPOCH);
        let micros = micros.and_then(|micros| u64::try_from(micros).ok());
        let nanos =
            micros.and_then(|micros| micros.checked_mul(1_000)).ok_or("time out of range")?;
        Ok(Self(Timestamp::from_nanos(nanos)))
    }
}

fn binary<const N: usize>(value: &PgValueRef<'_>) -> Result<[u8; N], BoxDynError> {
    match value.format() {
        PgValueFormat::Binary => Ok(value.as_bytes()?.try_into()?),
        PgValueFormat::Text => Err("expected the binary format of a prepared statement".into()),
    }
}
