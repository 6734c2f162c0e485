use dualkey_store::{AuditEntry, AuditId, AuditStore, OrganizationId, Page, StoreFuture};

use crate::row::Row;
use crate::statement::Statement;
use crate::store::SqlStore;
use crate::value::values;

/// Greater than every generated id. The first page begins below it, with the newest entry.
const MAX_ID: AuditId = AuditId::from_bytes([0xff; 16]);

impl AuditStore for SqlStore {
    fn audit<'a>(
        &'a self,
        organization: Option<&'a OrganizationId>,
        page: Page<AuditId>,
    ) -> StoreFuture<'a, Vec<AuditEntry>> {
        let organization = organization.cloned();
        self.query(async move |shared| {
            let (before, limit) = (page.after.unwrap_or(MAX_ID), page.limit);
            let rows = match &organization {
                Some(organization) => {
                    let values = values![organization, before, limit];
                    shared.query(Statement::SelectOrganizationAudit, values).await?
                }
                None => shared.query(Statement::SelectPartnerAudit, values![before, limit]).await?,
            };
            rows.iter().map(Row::audit_entry).collect()
        })
    }
}
