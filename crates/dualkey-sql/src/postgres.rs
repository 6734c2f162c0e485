//! What only PostgreSQL needs.

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

use crate::SqlError;
use crate::value::{Id, Time, Value, bind};

pub(crate) fn open(address: &str, patience: Duration) -> Result<PgPool, SqlError> {
    let options: PgConnectOptions = address.parse()?;
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("dualkey"),
    };
    Ok(PgPoolOptions::new().acquire_timeout(patience).connect_lazy_with(options))
}

pub(crate) fn arguments(values: &[Value<'_>]) -> Result<PgArguments, SqlError> {
    let mut arguments = PgArguments::default();
    bind!(values, arguments);
    Ok(arguments)
}

/// Whether PostgreSQL can hold these: its texts hold no NUL, so nothing is found under such a name.
pub(crate) fn can_hold(values: &[Value<'_>]) -> bool {
    !values.iter().any(|value| matches!(value, Value::Text(Some(text)) if text.contains('\0')))
}

fn add_uses(arguments: &mut PgArguments, uses: &[TokenUse]) -> Result<(), BoxDynError> {
    arguments.add(Vec::from_iter(uses.iter().map(|noted| Id(*noted.token.as_bytes()))))?;
    arguments.add(Vec::from_iter(uses.iter().map(|noted| Time(noted.first_at))))?;
    arguments.add(Vec::from_iter(uses.iter().map(|noted| Time(noted.last_at))))
}

fn add_usages(arguments: &mut PgArguments, usages: &[DailyUsage]) -> Result<(), BoxDynError> {
    let permits = usages.iter().map(|usage| i64::try_from(usage.permits).unwrap_or(i64::MAX));
    arguments.add(Vec::from_iter(usages.iter().map(|usage| Id(*usage.partner.as_bytes()))))?;
    arguments.add(Vec::from_iter(usages.iter().map(|usage| usage.day)))?;
    arguments.add(Vec::from_iter(permits))
}

/// The types' numbers, which are the same in every PostgreSQL (`pg_type.dat`).
macro_rules! numbered {
    ($($type:ty: $number:literal, array $array:literal;)*) => {
        $(impl Type<Postgres> for $type {
            fn type_info() -> PgTypeInfo {
                PgTypeInfo::with_oid(Oid($number))
            }
        }

        impl PgHasArrayType for $type {
            fn array_type_info() -> PgTypeInfo {
                PgTypeInfo::with_oid(Oid($array))
            }
        })*
    };
}

numbered! {
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

/// 2000-01-01, from which PostgreSQL counts microseconds.
const PG_EPOCH: i64 = 946_684_800_000_000;

impl Encode<'_, Postgres> for Time {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let micros = i64::try_from(self.0.as_nanos() / 1_000)? - PG_EPOCH;
        buffer.extend_from_slice(&micros.to_be_bytes());
        Ok(IsNull::No)
    }
}

impl<'r> Decode<'r, Postgres> for Time {
    /// Times before 1970 or after 2554, infinity among them, are none that were written.
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        let micros = i64::from_be_bytes(binary(&value)?).checked_add(PG_EPOCH);
        let micros = micros.and_then(|micros| u64::try_from(micros).ok());
        let nanos = micros.and_then(|micros| micros.checked_mul(1_000)).ok_or("unreadable")?;
        Ok(Self(Timestamp::from_nanos(nanos)))
    }
}

fn binary<const N: usize>(value: &PgValueRef<'_>) -> Result<[u8; N], BoxDynError> {
    match value.format() {
        PgValueFormat::Binary => Ok(value.as_bytes()?.try_into()?),
        PgValueFormat::Text => Err("prepared statements answer in binary".into()),
    }
}
