//! The change feed, which publishes the changes of other processes in this process.

use std::sync::Arc;
use std::time::Duration;

use dualkey_store::Change;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout};

use crate::error::SqlError;
use crate::shared::Shared;
use crate::statement::Statement;
use crate::task::AbortOnDrop;
use crate::value::values;
use crate::wake::Wake;

/// The interval between attempts while the database does not answer.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);
/// The minimum interval between the begin of a read and a read for [`Feed::catch_up`].
const CATCH_UP_INTERVAL: Duration = Duration::from_millis(200);

/// Reads the change log at an interval, after notifications, and for callers that wait for it.
#[derive(Default)]
pub(crate) struct Feed {
    log: Mutex<Log>,
    /// Held by the caller that reads next. The others queue and share its read.
    catch_up_permit: Mutex<()>,
}

/// How much of the change log was read.
#[derive(Default)]
struct Log {
    revision: i64,
    /// When the last read began, and whether it succeeded.
    last_read: Option<(Instant, Result<(), SqlError>)>,
}

impl Feed {
    /// Starts the task that publishes all changes after the current revision.
    pub(crate) async fn start(shared: &Arc<Shared>) -> Result<AbortOnDrop, SqlError> {
        let began = shared.clock.now();
        let query = shared.query(Statement::SelectRevision, values![]);
        let rows = timeout(shared.timeout, query).await;
        let rows = rows.unwrap_or(Err(SqlError::Timeout(shared.timeout)))?;
        let row = rows.first().ok_or_else(|| SqlError::Decode("revision".into()))?;
        shared.feed.log.lock().await.revision = row.int("revision")?;
        shared.changes.advance_watermark(began);
        let task = shared.runtime.spawn(run(Arc::clone(shared)));
        Ok(AbortOnDrop(task.abort_handle()))
    }

    /// Returns after a read that began after `called`.
    pub(crate) async fn catch_up(&self, shared: &Shared, called: Instant) -> Result<(), SqlError> {
        let _permit = self.catch_up_permit.lock().await;
        let last_read = match self.log.lock().await.last_read_since(called) {
            Ok(result) => return result,
            Err(last_read) => last_read,
        };
        if let Some(began) = last_read {
            sleep_until(began + CATCH_UP_INTERVAL).await;
        }
        let mut log = self.log.lock().await;
        match log.last_read_since(called) {
            Ok(result) => result,
            Err(_) => log.read(shared).await,
        }
    }
}

async fn run(shared: Arc<Shared>) {
    let mut wake = Wake::new(&shared.pool, shared.schema.as_deref());
    let mut was_notified = true;
    loop {
        let mut log = shared.feed.log.lock().await;
        let before = log.revision;
        let is_down = log.read(&shared).await.is_err();
        if log.revision != before && !was_notified {
            wake.reconnect();
        }
        drop(log);
        let interval = shared.poll_interval;
        was_notified =
            wake.wait(if is_down { RETRY_INTERVAL.min(interval) } else { interval }).await;
    }
}

impl Log {
    /// The result of the last read if it began after this time. Otherwise, when the last read began.
    fn last_read_since(&self, time: Instant) -> Result<Result<(), SqlError>, Option<Instant>> {
        match &self.last_read {
            Some((began, result)) if *began > time => Ok(result.clone()),
            last_read => Err(last_read.as_ref().map(|(began, _)| *began)),
        }
    }

    /// Publishes all changes that the log has received since the last read.
    async fn read(&mut self, shared: &Shared) -> Result<(), SqlError> {
        let began = Instant::now();
        let read = timeout(shared.timeout, self.publish_new(shared)).await;
        let read = read.unwrap_or(Err(SqlError::Timeout(shared.timeout)));
        let was_down = matches!(self.last_read, Some((_, Err(_))));
        match &read {
            Ok(()) if was_down => tracing::info!("the change feed reads again"),
            Err(error) if !was_down => tracing::warn!(%error, "the change feed cannot read"),
            _ => {}
        }
        self.last_read = Some((began, read.clone()));
        read
    }

    /// Publishes all changes after the known revision, then advances the watermark to the time before
    /// the read.
    async fn publish_new(&mut self, shared: &Shared) -> Result<(), SqlError> {
        let began = shared.clock.now();
        let rows = shared.query(Statement::SelectChangesSince, values![self.revision]).await?;
        let current = rows.first().ok_or_else(|| SqlError::Decode("revision".into()))?;
        let current = current.int("current")?;
        let changes = rows.iter().filter_map(|row| row.change().transpose());
        let changes: Vec<_> = changes.collect::<Result<_, _>>()?;
        if is_gapless(self.revision, current, &changes) {
            changes.iter().for_each(|(_, change)| shared.changes.publish(change));
        } else {
            shared.changes.publish(&Change::All);
        }
        self.revision = current;
        shared.changes.advance_watermark(began);
        Ok(())
    }
}

/// Whether these changes are all changes between the two revisions. Some are missing if the log was pruned
/// beyond the known revision, or if an older state of the database was restored.
fn is_gapless(known: i64, current: i64, changes: &[(i64, Change)]) -> bool {
    match (changes.first(), changes.last()) {
        (Some((first, _)), Some((last, _))) => *first == known + 1 && *last == current,
        _ => current == known,
    }
}
