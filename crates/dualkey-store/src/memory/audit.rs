use super::{MemoryStore, ready_ok};
use crate::{AuditEntry, AuditId, AuditStore, AuditTarget, OrganizationId, Page, StoreFuture};

impl AuditStore for MemoryStore {
    fn audit<'a>(
        &'a self,
        organization: Option<&'a OrganizationId>,
        page: Page<AuditId>,
    ) -> StoreFuture<'a, Vec<AuditEntry>> {
        let is_about = |entry: &&AuditEntry| match &entry.subject {
            AuditTarget::Token { organization: owner, .. } => organization == Some(owner),
            AuditTarget::Partner { .. } => organization.is_none(),
        };
        let records = self.records();
        let entries = records.audit.iter().rev().filter(is_about);
        let entries = entries.filter(|entry| page.after.is_none_or(|after| entry.id < after));
        ready_ok(entries.take(page.max_items()).cloned().collect())
    }
}
