//! The change feed, which publishes the changes of other processes in this process.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dualkey_store::{Change, ChangeNotifier};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout};

use crate::error::SqlError;
use crate::position::Position;
use crate::row::Row;
use crate::session::Pool;
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
pub(crate) struct Feed {
    shared: Arc<Shared>,
    /// The feed has its own connection, so that it reads while operations use the whole pool of the store.
    pool: Pool,
    log: Mutex<Log>,
    /// Held by the caller that reads next. The others queue and share its read.
    catch_up_permit: Mutex<()>,
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").finish_non_exhaustive()
    }
}

/// How much of the change log was read.
#[derive(Default)]
struct Log {
    /// None before the first read.
    position: Option<Position>,
    /// When the last read began, and whether it succeeded.
    last_read: Option<(Instant, Result<(), SqlError>)>,
}

impl Feed {
    /// A feed with one more connection to the database, and the task that publishes all changes after the
    /// current revision.
    pub(crate) async fn start(shared: &Arc<Shared>) -> Result<(Arc<Self>, AbortOnDrop), SqlError> {
        let feed = Arc::new(Self {
            shared: Arc::clone(shared),
            pool: shared.pool.of_one_connection(),
            log: Mutex::default(),
            catch_up_permit: Mutex::default(),
        });
        feed.log.lock().await.read(&feed).await?;
        let task = shared.runtime.spawn(run(Arc::clone(&feed)));
        Ok((feed, AbortOnDrop(task.abort_handle())))
    }

    /// Returns after a read that began after `called`.
    pub(crate) async fn catch_up(&self, called: Instant) -> Result<(), SqlError> {
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
            Err(_) => log.read(self).await,
        }
    }
}

async fn run(feed: Arc<Feed>) {
    let shared = &feed.shared;
    let mut wake = Wake::new(&shared.pool, shared.schema.as_deref());
    let mut was_notified = true;
    loop {
        let mut log = feed.log.lock().await;
        let before = log.position;
        let is_down = log.read(&feed).await.is_err();
        if log.position != before && !was_notified {
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
    async fn read(&mut self, feed: &Feed) -> Result<(), SqlError> {
        let (began, limit) = (Instant::now(), feed.shared.timeout);
        let read = timeout(limit, self.publish_new(feed)).await;
        let read = read.unwrap_or(Err(SqlError::Timeout(limit)));
        let last_error = self.last_read.take().and_then(|(_, last)| last.err());
        match (&read, last_error.map(|error| error.to_string())) {
            (Ok(()), Some(_)) => tracing::info!("the change feed reads again"),
            (Err(error), last_error) if last_error != Some(error.to_string()) => {
                tracing::warn!(%error, "the change feed cannot read");
            }
            _ => {}
        }
        self.last_read = Some((began, read.clone()));
        read
    }

    /// Publishes all changes after the known position, then advances the watermark to the time before
    /// the read.
    async fn publish_new(&mut self, feed: &Feed) -> Result<(), SqlError> {
        let shared = &feed.shared;
        let began = shared.changes.now();
        let mut session = shared.acquire_from(&feed.pool).await?;
        let current = match self.position {
            None => {
                let rows = shared.fetch(&mut session, Statement::SelectRevision, values![]).await?;
                position(&rows)?
            }
            Some(known) => {
                let after = values![known.revision];
                let rows = shared.fetch(&mut session, Statement::SelectChangesSince, after).await?;
                publish(&shared.changes, known, &rows)?
            }
        };
        self.position = Some(current);
        shared.changes.advance_watermark(began);
        Ok(())
    }
}

/// Publishes the changes in these rows, or that anything may have changed. Returns the current position.
fn publish(changes: &ChangeNotifier, known: Position, rows: &[Row]) -> Result<Position, SqlError> {
    let current = position(rows)?;
    let logged = rows.iter().filter_map(|row| row.change().transpose());
    let logged = logged.collect::<Result<Vec<_>, _>>()?;
    if known.leads_to(current, &logged) {
        logged.iter().for_each(|logged| changes.publish(&logged.change));
    } else {
        tracing::warn!("changes are missing in the log: everything cached is read again");
        changes.publish(&Change::All);
    }
    Ok(current)
}

/// The current position, which is in every row.
fn position(rows: &[Row]) -> Result<Position, SqlError> {
    rows.first().ok_or_else(|| SqlError::Decode("revision".into()))?.position()
}
