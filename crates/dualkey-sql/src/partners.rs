use dualkey_limit::LimitPolicy;
use dualkey_store::{
    ApiKey, AuditEntry, InsertOutcome, LimitsChange, LimitsOutcome, Partner, PartnerId,
    PartnerStore, StoreFuture,
};

use crate::error::SqlError;
use crate::mutation::Mutation;
use crate::row::Row;
use crate::shared::Shared;
use crate::statement::Statement;
use crate::store::SqlStore;
use crate::value::{Value, values};

impl PartnerStore for SqlStore {
    fn insert_partner(
        &self,
        partner: Partner,
        entry: AuditEntry,
    ) -> StoreFuture<'_, InsertOutcome> {
        self.execute(async move |shared| insert(&shared, &partner, &entry).await)
    }

    fn partner_by_key<'a>(&'a self, api_key: &'a ApiKey) -> StoreFuture<'a, Option<Partner>> {
        let api_key = api_key.clone();
        self.query(async move |shared| {
            let rows = shared.query(Statement::SelectPartnerByKey, values![&api_key]).await?;
            rows.first().map(Row::partner).transpose()
        })
    }

    fn partners(&self) -> StoreFuture<'_, Vec<Partner>> {
        self.query(async move |shared| {
            let rows = shared.query(Statement::SelectPartners, values![]).await?;
            rows.iter().map(Row::partner).collect()
        })
    }

    fn change_limits(
        &self,
        partner: PartnerId,
        change: LimitsChange,
        entry: AuditEntry,
    ) -> StoreFuture<'_, LimitsOutcome> {
        self.execute(async move |shared| change_limits(&shared, partner, change, entry).await)
    }

    fn set_enabled(
        &self,
        partner: PartnerId,
        enabled: bool,
        entry: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>> {
        self.execute(async move |shared| {
            let mutation = Mutation::begin(&shared).await?;
            update(mutation, Statement::UpdateEnabled, values![partner, enabled], &entry).await
        })
    }
}

async fn insert(
    shared: &Shared,
    partner: &Partner,
    entry: &AuditEntry,
) -> Result<InsertOutcome, SqlError> {
    let Partner { id, name, api_key, policy, enabled, created_at } = partner;
    let [permits, period, burst, daily, offset] = columns(*policy)?;
    let values =
        values![*id, name, api_key, *enabled, permits, period, burst, daily, offset, *created_at];
    let mut mutation = Mutation::begin(shared).await?;
    if mutation.execute(Statement::InsertPartner, values).await? == 0 {
        mutation.rollback().await?;
        return Ok(InsertOutcome::Refused);
    }
    mutation.partner_changed(api_key).await?;
    mutation.commit(&[entry]).await?;
    Ok(InsertOutcome::Inserted)
}

/// Reads the limits and changes them in one transaction, which excludes other changes.
async fn change_limits(
    shared: &Shared,
    partner: PartnerId,
    change: LimitsChange,
    entry: AuditEntry,
) -> Result<LimitsOutcome, SqlError> {
    let mut mutation = Mutation::begin(shared).await?;
    let rows = mutation.fetch(Statement::SelectPartner, values![partner]).await?;
    let Some(row) = rows.first() else {
        mutation.rollback().await?;
        return Ok(LimitsOutcome::NotFound);
    };
    let policy = match change.apply(row.partner()?.policy) {
        Ok(policy) => policy,
        Err(error) => {
            mutation.rollback().await?;
            return Ok(LimitsOutcome::Invalid(error));
        }
    };
    let [permits, period, burst, daily, offset] = columns(policy)?;
    let values = values![partner, permits, period, burst, daily, offset];
    let entry = AuditEntry { detail: policy.to_string(), ..entry };
    let changed = update(mutation, Statement::UpdateLimits, values, &entry).await?;
    Ok(changed.map_or(LimitsOutcome::NotFound, LimitsOutcome::Changed))
}

async fn update(
    mut mutation: Mutation<'_>,
    statement: Statement,
    values: &[Value<'_>],
    entry: &AuditEntry,
) -> Result<Option<Partner>, SqlError> {
    let rows = mutation.fetch(statement, values).await?;
    let Some(row) = rows.first() else {
        mutation.rollback().await?;
        return Ok(None);
    };
    let partner = row.partner()?;
    mutation.partner_changed(&partner.api_key).await?;
    mutation.commit(&[entry]).await?;
    Ok(Some(partner))
}

/// The columns of a policy. A policy out of range is an error, because reading it back would fail.
fn columns(policy: LimitPolicy) -> Result<[Value<'static>; 5], SqlError> {
    let policy = policy.validated().map_err(|_| SqlError::Encode("the limits are out of range"))?;
    Ok([
        policy.rate().permits().get().into(),
        i64::try_from(policy.rate().period().as_secs()).unwrap_or(i64::MAX).into(),
        policy.burst().get().into(),
        policy.daily().map(std::num::NonZeroU32::get).into(),
        i64::from(policy.utc_offset_secs()).into(),
    ])
}
