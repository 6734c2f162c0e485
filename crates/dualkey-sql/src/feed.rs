use std::sync::Arc;
use std::time::Duration;

use dualkey_store::Change;
use tokio::time::timeout;

use crate::SqlError;
use crate::shared::Shared;
use crate::statement::Statement;
use crate::store::AbortOnDrop;
use crate::value::values;
use crate::wake::Wake;

/// While the database does not answer, it is asked so often.
const RETRY: Duration = Duration::from_millis(100);

/// Starts the task that tells of what other processes change from now on.
pub(crate) async fn start(shared: &Arc<Shared>) -> Result<AbortOnDrop, SqlError> {
    let began = shared.clock.now();
    let asked = timeout(shared.deadline, shared.ask(Statement::CurrentRevision, values![])).await;
    let rows = asked.unwrap_or(Err(SqlError::Timeout(shared.deadline)))?;
    let known = rows.first().ok_or_else(|| SqlError::Decode("revision".into()))?;
    let known = known.int("revision")?;
    shared.changes.advance_watermark(began);
    let task = shared.runtime.spawn(follow(Arc::clone(shared), known));
    Ok(AbortOnDrop(task.abort_handle()))
}

async fn follow(shared: Arc<Shared>, mut known: i64) {
    let mut wake = Wake::new(&shared);
    let mut was_woken = true;
    let mut is_down = false;
    loop {
        let before = known;
        let read = timeout(shared.deadline, read(&shared, &mut known)).await;
        let read = read.unwrap_or(Err(SqlError::Timeout(shared.deadline)));
        match &read {
            Ok(()) if is_down => tracing::info!("the change feed reads again"),
            Err(error) if !is_down => tracing::warn!(%error, "the change feed cannot read"),
            _ => {}
        }
        is_down = read.is_err();
        if known != before && !was_woken {
            wake.doubt();
        }
        let pause = if is_down { RETRY.min(shared.poll_interval) } else { shared.poll_interval };
        was_woken = wake.wait(pause).await;
    }
}

/// Tells of all changes after the known revision, and then that these were all until now.
async fn read(shared: &Shared, known: &mut i64) -> Result<(), SqlError> {
    let began = shared.clock.now();
    let rows = shared.ask(Statement::ChangesSince, values![*known]).await?;
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

/// Whether these are all changes between two revisions. They are not if the log no longer reaches
/// back so far, and neither if an older state of the database was restored.
fn is_gapless(known: i64, current: i64, changes: &[(i64, Change)]) -> bool {
    match (changes.first(), changes.last()) {
        (Some((first, _)), Some((last, _))) => *first == known + 1 && *last == current,
        _ => current == known,
    }
}
