use dualkey_limit::LimitPolicy;

use super::{MemoryStore, ready_err, ready_ok};
use crate::{
    ApiKey, AuditEntry, Change, InsertOutcome, Partner, PartnerId, PartnerStore, StoreFuture,
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

    fn set_limits(
        &self,
        partner: PartnerId,
        policy: LimitPolicy,
        entry: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>> {
        self.update_partner(partner, |partner| partner.policy = policy, entry)
    }

    fn set_enabled(
        &self,
        partner: PartnerId,
        enabled: bool,
        entry: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>> {
        self.update_partner(partner, |partner| partner.enabled = enabled, entry)
    }
}

impl MemoryStore {
    fn update_partner(
        &self,
        partner: PartnerId,
        update: impl FnOnce(&mut Partner),
        entry: AuditEntry,
    ) -> StoreFuture<'static, Option<Partner>> {
        let updated = self.records().update_partner(partner, update, entry);
        if let Some(partner) = &updated {
            self.changes.publish(&Change::Partner(partner.api_key.clone()));
        }
        ready_ok(updated)
    }
}
