use dualkey_store::{AuditEntry, AuditId, AuditStore, OrganizationId, Page, StoreFuture};

use crate::SqlStore;
use crate::row::Row;
use crate::statement::Statement;
use crate::value::values;

/// Greater than all ids that are drawn.
const LAST: AuditId = AuditId::from_bytes([0xff; 16]);

impl AuditStore for SqlStore {
    fn audit<'a>(
        &'a self,
        organization: Option<&'a OrganizationId>,
        page: Page<AuditId>,
    ) -> StoreFuture<'a, Vec<AuditEntry>> {
        let organization = organization.cloned();
        self.ask(async move |shared| {
            let (before, limit) = (page.after.unwrap_or(LAST), page.limit);
            let rows = match &organization {
                Some(organization) => {
                    let values = values![organization, before, limit];
                    shared.ask(Statement::AuditOfOrganization, values).await?
                }
                None => shared.ask(Statement::AuditOfPartners, values![before, limit]).await?,
            };
            rows.iter().map(Row::audit_entry).collect()
        })
    }
}
