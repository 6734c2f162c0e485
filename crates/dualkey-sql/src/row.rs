use std::num::NonZeroU32;

use dualkey_limit::{LimitPolicy, Rate, Timestamp};
use dualkey_store::{
    ApiKey, AuditAction, AuditEntry, AuditId, AuditTarget, Change, DailyUsage, DigestMethod,
    OrganizationId, Partner, PartnerId, StoredToken, TokenId, TokenRecord,
};
use dualkey_token::{TokenDigest, TokenHint};
use sqlx::Row as _;

use crate::error::SqlError;
use crate::position::{LoggedChange, Position};
use crate::value::{Id, Time};

/// The value of the column `pepper` for a token that was digested without one.
pub(crate) const UNPEPPERED: &str = "none";

/// A row of either database. A value that this program did not write is an error, never a panic.
pub(crate) enum Row {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::sqlite::SqliteRow),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::postgres::PgRow),
}

/// The value of a column, in the type that the caller expects.
macro_rules! get {
    ($row:expr, $column:expr) => {
        match $row {
            #[cfg(feature = "sqlite")]
            Row::Sqlite(row) => row.try_get($column)?,
            #[cfg(feature = "postgres")]
            Row::Postgres(row) => row.try_get($column)?,
        }
    };
}

impl Row {
    pub(crate) fn int(&self, column: &str) -> Result<i64, SqlError> {
        Ok(get!(self, column))
    }

    pub(crate) fn bytes(&self, column: &str) -> Result<Vec<u8>, SqlError> {
        Ok(get!(self, column))
    }

    fn maybe_int(&self, column: &str) -> Result<Option<i64>, SqlError> {
        Ok(get!(self, column))
    }

    fn bool(&self, column: &str) -> Result<bool, SqlError> {
        Ok(get!(self, column))
    }

    pub(crate) fn text(&self, column: &str) -> Result<String, SqlError> {
        Ok(get!(self, column))
    }

    pub(crate) fn maybe_text(&self, column: &str) -> Result<Option<String>, SqlError> {
        Ok(get!(self, column))
    }

    pub(crate) fn id(&self, column: &str) -> Result<[u8; 16], SqlError> {
        let id: Id = get!(self, column);
        Ok(id.0)
    }

    pub(crate) fn position(&self) -> Result<Position, SqlError> {
        Ok(Position { revision: self.int("revision")?, history_id: self.id("history_id")? })
    }

    fn maybe_id(&self, column: &str) -> Result<Option<[u8; 16]>, SqlError> {
        let id: Option<Id> = get!(self, column);
        Ok(id.map(|id| id.0))
    }

    fn time(&self, column: &str) -> Result<Timestamp, SqlError> {
        let time: Time = get!(self, column);
        Ok(time.0)
    }

    pub(crate) fn maybe_time(&self, column: &str) -> Result<Option<Timestamp>, SqlError> {
        let time: Option<Time> = get!(self, column);
        Ok(time.map(|time| time.0))
    }

    pub(crate) fn digest(&self) -> Result<TokenDigest, SqlError> {
        let bytes = self.bytes("digest")?.try_into().map_err(|_| invalid("digest"))?;
        Ok(TokenDigest::from_bytes(bytes))
    }

    pub(crate) fn token(&self) -> Result<StoredToken, SqlError> {
        Ok(StoredToken { digest: self.digest()?, record: self.record()? })
    }

    pub(crate) fn record(&self) -> Result<TokenRecord, SqlError> {
        let hint = self.text("hint")?;
        let scopes = self.text("scopes")?;
        Ok(TokenRecord {
            id: TokenId::from_bytes(self.id("id")?),
            organization: OrganizationId::from(self.text("organization")?),
            name: self.text("name")?,
            hint: TokenHint::try_from(hint.as_str()).map_err(|_| invalid("hint"))?,
            scopes: scopes.split_terminator(' ').map(Into::into).collect(),
            created_at: self.time("created_at")?,
            expires_at: self.maybe_time("expires_at")?,
            first_used_at: self.maybe_time("first_used_at")?,
            last_used_at: self.maybe_time("last_used_at")?,
            last_used_by: self.maybe_id("last_used_by")?.map(PartnerId::from_bytes),
            replaces: self.maybe_id("replaces")?.map(TokenId::from_bytes),
            replaced_by: self.maybe_id("replaced_by")?.map(TokenId::from_bytes),
            digest_method: match self.maybe_text("pepper")?.as_deref() {
                None => DigestMethod::Unknown,
                Some(UNPEPPERED) => DigestMethod::Unpeppered,
                Some(id) => DigestMethod::Peppered(id.parse().map_err(|_| invalid("pepper"))?),
            },
        })
    }

    pub(crate) fn token_id(&self, column: &str) -> Result<TokenId, SqlError> {
        Ok(TokenId::from_bytes(self.id(column)?))
    }

    pub(crate) fn partner(&self) -> Result<Partner, SqlError> {
        Ok(Partner {
            id: PartnerId::from_bytes(self.id("id")?),
            name: self.text("name")?,
            api_key: ApiKey::parse(self.text("api_key")?).map_err(|_| invalid("api_key"))?,
            policy: self.policy()?,
            enabled: self.bool("enabled")?,
            created_at: self.time("created_at")?,
        })
    }

    fn policy(&self) -> Result<LimitPolicy, SqlError> {
        let permits = self.positive("rate_permits")?;
        let rate = match self.int("rate_period")? {
            1 => Rate::per_second(permits),
            60 => Rate::per_minute(permits),
            3_600 => Rate::per_hour(permits),
            86_400 => Rate::per_day(permits),
            _ => return Err(invalid("rate_period")),
        };
        let policy = LimitPolicy::new(rate, self.positive("burst")?);
        let policy = match self.maybe_int("daily")? {
            Some(_) => policy.with_daily(self.positive("daily")?),
            None => policy.validated(),
        };
        let offset =
            self.int("utc_offset_secs")?.try_into().map_err(|_| invalid("utc_offset_secs"))?;
        let policy = policy.map_err(|_| invalid("burst"))?.with_utc_offset_secs(offset);
        policy.map_err(|_| invalid("utc_offset_secs"))
    }

    fn positive(&self, column: &str) -> Result<NonZeroU32, SqlError> {
        let number = u32::try_from(self.int(column)?).ok().and_then(NonZeroU32::new);
        number.ok_or_else(|| invalid(column))
    }

    pub(crate) fn usage(&self) -> Result<DailyUsage, SqlError> {
        let partner = PartnerId::from_bytes(self.id("partner")?);
        Ok(DailyUsage { partner, day: self.int("day")?, permits: self.permits()? })
    }

    pub(crate) fn permits(&self) -> Result<u64, SqlError> {
        self.int("permits")?.try_into().map_err(|_| invalid("permits"))
    }

    pub(crate) fn audit_entry(&self) -> Result<AuditEntry, SqlError> {
        let subject = self.id("subject")?;
        let action = AuditAction::from_name(&self.text("action")?);
        Ok(AuditEntry {
            id: AuditId::from_bytes(self.id("id")?),
            at: self.time("done_at")?,
            actor: self.text("actor")?,
            action: action.ok_or_else(|| invalid("action"))?,
            subject: match self.maybe_text("organization")? {
                Some(organization) => AuditTarget::Token {
                    organization: organization.into(),
                    id: TokenId::from_bytes(subject),
                },
                None => AuditTarget::Partner { id: PartnerId::from_bytes(subject) },
            },
            detail: self.text("detail")?,
        })
    }

    /// The change in a row of `SelectChangesSince`. None if the log has no newer change.
    pub(crate) fn change(&self) -> Result<Option<LoggedChange>, SqlError> {
        let Some(revision) = self.maybe_int("change_revision")? else { return Ok(None) };
        let (kind, key) = (self.text("kind")?, self.bytes("key")?);
        let change = match kind.as_str() {
            "partner" => ApiKey::parse(key).ok().map(Change::Partner),
            "token" => key.try_into().ok().map(TokenDigest::from_bytes).map(Change::Token),
            _ => None, // written by a newer program
        };
        let previous_history_id = self.maybe_id("previous_history_id")?;
        let change = change.unwrap_or(Change::All);
        Ok(Some(LoggedChange { revision, previous_history_id, change }))
    }
}

pub(crate) fn invalid(column: &str) -> SqlError {
    SqlError::Decode(column.to_owned())
}
