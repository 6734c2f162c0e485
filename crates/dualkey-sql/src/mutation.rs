use dualkey_store::{ApiKey, AuditEntry, AuditTarget, Change};
use dualkey_token::TokenDigest;

use crate::error::SqlError;
use crate::row::Row;
use crate::session::Session;
use crate::shared::Shared;
use crate::statement::Statement;
use crate::value::{Value, values};

/// A transaction that changes partners or tokens. Its first statement locks the row that counts
/// revisions. Changes are therefore serialized, and the rows that a change reads stay the same until it
/// commits. Dropping it rolls back.
pub(crate) struct Mutation<'a> {
    shared: &'a Shared,
    session: Session,
    revision: i64,
    changes: Vec<Change>,
}

/// The number of latest revisions that the change log always contains. A process that missed more
/// revisions clears its cache.
const RETAINED_REVISIONS: i64 = 10_000;
/// The number of revisions between two prunings of the log.
const PRUNE_INTERVAL: i64 = 64;

impl<'a> Mutation<'a> {
    pub(crate) async fn begin(shared: &'a Shared) -> Result<Self, SqlError> {
        let mut session = shared.begin().await?;
        let rows = shared.fetch(&mut session, Statement::IncrementRevision, values![]).await?;
        let row = rows.first().ok_or_else(|| SqlError::Decode("revision".into()))?;
        Ok(Self { shared, session, revision: row.int("revision")?, changes: Vec::new() })
    }

    pub(crate) async fn fetch(
        &mut self,
        statement: Statement,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, SqlError> {
        self.shared.fetch(&mut self.session, statement, values).await
    }

    pub(crate) async fn execute(
        &mut self,
        statement: Statement,
        values: &[Value<'_>],
    ) -> Result<u64, SqlError> {
        self.shared.execute(&mut self.session, statement, values).await
    }

    /// Records a change of a partner, for the caches of all processes.
    pub(crate) async fn partner_changed(&mut self, api_key: &ApiKey) -> Result<(), SqlError> {
        self.changes.push(Change::Partner(api_key.clone()));
        self.insert_change("partner", api_key.as_str().as_bytes()).await
    }

    /// Records a change of a token, for the caches of all processes.
    pub(crate) async fn token_changed(&mut self, digest: &TokenDigest) -> Result<(), SqlError> {
        self.changes.push(Change::Token(*digest));
        self.insert_change("token", digest.as_bytes()).await
    }

    async fn insert_change(&mut self, kind: &str, key: &[u8]) -> Result<(), SqlError> {
        let values = values![self.revision, kind, key];
        self.execute(Statement::InsertChange, values).await?;
        Ok(())
    }

    /// Commits the change with its audit entries, then publishes it in this process.
    pub(crate) async fn commit(mut self, entries: &[&AuditEntry]) -> Result<(), SqlError> {
        for entry in entries {
            self.insert_audit(entry).await?;
        }
        if self.revision % PRUNE_INTERVAL == 0 {
            let until = values![self.revision - RETAINED_REVISIONS];
            self.execute(Statement::DeleteOldChanges, until).await?;
        }
        self.shared.commit_change(self.session).await?;
        for change in &self.changes {
            self.shared.changes.publish(change);
        }
        Ok(())
    }

    async fn insert_audit(&mut self, entry: &AuditEntry) -> Result<(), SqlError> {
        let AuditEntry { id, at, actor, action, subject, detail } = entry;
        let (organization, subject) = match subject {
            AuditTarget::Token { organization, id } => (Some(organization), Value::from(*id)),
            AuditTarget::Partner { id } => (None, Value::from(*id)),
        };
        let values = values![*id, organization, *at, actor, action.as_str(), subject, detail];
        self.execute(Statement::InsertAudit, values).await?;
        Ok(())
    }

    pub(crate) async fn rollback(self) -> Result<(), SqlError> {
        self.session.end("rollback").await
    }
}
