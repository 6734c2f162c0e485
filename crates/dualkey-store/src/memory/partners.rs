use super::{MemoryStore, ready_err, ready_ok};
use crate::{
    ApiKey, AuditEntry, Change, InsertOutcome, LimitsChange, LimitsOutcome, Partner, PartnerId,
    PartnerStore, StoreFuture,
};

impl PartnerStore for MemoryStore {
    fn insert_partner(
        &self,
        partner: Partner,
        entry: AuditEntry,
    ) -> StoreFuture<'_, InsertOutcome> {
        let api_key = partner.api_key.clone();
        let inserted = self.records().insert_partner(partner, entry);
        match inserted {
            Ok(outcome) => {
                if outcome == InsertOutcome::Inserted {
                    self.changes.publish(&Change::Partner(api_key));
                }
                ready_ok(outcome)
            }
            Err(error) => ready_err(error),
        }
    }

    fn partner_by_key<'a>(&'a self, api_key: &'a ApiKey) -> StoreFuture<'a, Option<Partner>> {
        ready_ok(self.records().partner_by_key(api_key).cloned())
    }

    fn partners(&self) -> StoreFuture<'_, Vec<Partner>> {
        ready_ok(self.records().partners().to_vec())
    }

    fn change_limits(
        &self,
        partner: PartnerId,
        change: LimitsChange,
        entry: AuditEntry,
    ) -> StoreFuture<'_, LimitsOutcome> {
        let outcome = self.records().change_limits(partner, change, entry);
        if let LimitsOutcome::Changed(partner) = &outcome {
            self.changes.publish(&Change::Partner(partner.api_key.clone()));
        }
        ready_ok(outcome)
    }

    fn set_enabled(
        &self,
        partner: PartnerId,
        enabled: bool,
        entry: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>> {
        let updated = self.records().set_enabled(partner, enabled, entry);
        if let Some(partner) = &updated {
            self.changes.publish(&Change::Partner(partner.api_key.clone()));
        }
        ready_ok(updated)
    }
}
