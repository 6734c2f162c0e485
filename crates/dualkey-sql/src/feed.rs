//! The change feed, which publishes the changes of other processes in this process.

use std::sync::Arc;
use std::time::Duration;

use dualkey_store::Change;
use tokio::time::timeout;

use crate::error::SqlError;
use crate::shared::Shared;
use crate::statement::Statement;
use crate::task::AbortOnDrop;
use crate::value::values;
use crate::wake::Wake;

/// The interval between attempts while the database does not answer.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Starts the task that publishes all changes after the current revision.
pub(crate) async fn start(shared: &Arc<Shared>) -> Result<AbortOnDrop, SqlError> {
    let began = shared.clock.now();
    let query = shared.query(Statement::SelectRevision, values![]);
    let rows = timeout(shared.timeout, query).await;
    let rows = rows.unwrap_or(Err(SqlError::Timeout(shared.timeout)))?;
    let row = rows.first().ok_or_else(|| SqlError::Decode("revision".into()))?;
    let known = row.int("revision")?;
    shared.changes.advance_watermark(began);
    let task = shared.runtime.spawn(run(Arc::clone(shared), known));
    Ok(AbortOnDrop(task.abort_handle()))
}

async fn run(shared: Arc<Shared>, mut known: i64) {
    let mut wake = Wake::new(&shared.pool, shared.schema.as_deref());
    let mut was_notified = true;
    let mut is_down = false;
    loop {
        let before = known;
        let read = timeout(shared.timeout, read(&shared, &mut known)).await;
        let read = read.unwrap_or(Err(SqlError::Timeout(shared.timeout)));
        match &read {
            Ok(()) if is_down => tracing::info!("the change feed reads again"),
            Err(error) if !is_down => tracing::warn!(%error, "the change feed cannot read"),
            _ => {}
        }
        is_down = read.is_err();
        if known != before && !was_notified {
            wake.reconnect();
        }
        let interval = shared.poll_interval;
        was_notified =
            wake.wait(if is_down { RETRY_INTERVAL.min(interval) } else { interval }).await;
    }
}

/// Publishes all changes after the known revision, then advances the watermark to the time before
/// the read.
async fn read(shared: &Shared, known: &mut i64) -> Result<(), SqlError> {
    let began = shared.clock.now();
    let rows = shared.query(Statement::SelectChangesSince, values![*known]).await?;
    let current = rows.first().ok_or_else(|| SqlError::Decode("revision".into()))?;
    let current = current.int("current")?;
    let changes = rows.iter().filter_map(|row| row.change().transpose());
    let changes: Vec<_> = changes.collect::<Result<_, _>>()?;
    if is_gapless(*known, current, &changes) {
        changes.iter().for_each(|(_, change)| shared.changes.publish(change));
    } else {
        shared.changes.publish(&Change::All);
    }
    *known = current;
    shared.changes.advance_watermark(began);
    Ok(())
}

/// Whether these changes are all changes between the two revisions. Some are missing if the log was pruned
/// beyond the known revision, or if an older state of the database was restored.
fn is_gapless(known: i64, current: i64, changes: &[(i64, Change)]) -> bool {
    match (changes.first(), changes.last()) {
        (Some((first, _)), Some((last, _))) => *first == known + 1 && *last == current,
        _ => current == known,
    }
}
