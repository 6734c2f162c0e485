use dualkey_store::{ApiKey, AuditEntry, AuditTarget, Change};
use dualkey_token::TokenDigest;

use crate::SqlError;
use crate::row::Row;
use crate::session::Session;
use crate::shared::Shared;
use crate::statement::Statement;
use crate::value::{Value, values};

/// A change under way: one transaction, which holds the row that counts revisions from its first
/// statement on. So changes happen one after the other, and what is read here stays true until the
/// end. Dropped before that, it leaves no trace.
pub(crate) struct Mutation<'a> {
    shared: &'a Shared,
    session: Session,
    revision: i64,
    changes: Vec<Change>,
}

/// How many revisions the change log reaches back at least: a process that was cut off for longer
/// forgets all that it holds.
const KEPT_REVISIONS: i64 = 10_000;
/// Old ones go by so many.
const FORGET_EVERY: i64 = 64;

impl<'a> Mutation<'a> {
    pub(crate) async fn begin(shared: &'a Shared) -> Result<Self, SqlError> {
        let mut session = shared.begin().await?;
        let rows = shared.fetch(&mut session, Statement::NextRevision, values![]).await?;
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

    pub(crate) async fn partner_changed(&mut self, api_key: &ApiKey) -> Result<(), SqlError> {
        self.changes.push(Change::Partner(api_key.clone()));
        self.log("partner", api_key.as_str().as_bytes()).await
    }

    pub(crate) async fn token_changed(&mut self, digest: &TokenDigest) -> Result<(), SqlError> {
        self.changes.push(Change::Token(*digest));
        self.log("token", digest.as_bytes()).await
    }

    async fn log(&mut self, kind: &str, key: &[u8]) -> Result<(), SqlError> {
        let values = values![self.revision, kind, key];
        self.execute(Statement::LogChange, values).await?;
        Ok(())
    }

    /// Keeps the change and the entry that tells of it; this process knows before anybody hears of it.
    pub(crate) async fn commit(mut self, entry: &AuditEntry) -> Result<(), SqlError> {
        self.keep(entry).await?;
        if self.revision % FORGET_EVERY == 0 {
            let until = values![self.revision - KEPT_REVISIONS];
            self.execute(Statement::ForgetChanges, until).await?;
        }
        self.shared.commit_change(self.session).await?;
        for change in &self.changes {
            self.shared.changes.publish(change);
        }
        Ok(())
    }

    async fn keep(&mut self, entry: &AuditEntry) -> Result<(), SqlError> {
        let AuditEntry { id, at, actor, action, subject, detail } = entry;
        let (organization, subject) = match subject {
            AuditTarget::Token { organization, id } => (Some(organization), Value::from(*id)),
            AuditTarget::Partner { id } => (None, Value::from(*id)),
        };
        let values = values![*id, organization, *at, actor, action.as_str(), subject, detail];
        self.execute(Statement::InsertAudit, values).await?;
        Ok(())
    }

    /// Undoes the change: nothing happened.
    pub(crate) async fn undo(self) -> Result<(), SqlError> {
        self.session.end("rollback").await
    }
}
