//! Notifications of PostgreSQL (`LISTEN`).

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use crate::postgres::CHANNEL;

/// The connection that listens for notifications. It is not from the store's pool, which can be small. It
/// is replaced after a notification was lost, because a dead connection does not always cause an error.
pub(crate) struct Listener {
    pool: PgPool,
    schema: String,
    listener: Option<PgListener>,
}

/// All notifications within this time together cause one read of the log.
const DEBOUNCE: Duration = Duration::from_millis(10);

impl Listener {
    pub(crate) fn new(pool: &PgPool, schema: Option<&str>) -> Self {
        let schema = schema.unwrap_or_default().to_owned();
        Self { pool: pool.clone(), schema, listener: None }
    }

    /// Waits for a notification, at most for this time. Returns false if the connection received none, and
    /// true if it received one or if there is no connection.
    pub(crate) async fn wait(&mut self, at_most: Duration) -> bool {
        let until = Instant::now() + at_most;
        match timeout_at(until, self.next_event()).await {
            Ok(Ok(())) => {
                sleep(DEBOUNCE).await;
                while let Ok(Ok(())) = timeout(Duration::ZERO, self.next_event()).await {}
                true
            }
            Ok(Err(_)) => {
                self.listener = None;
                sleep_until(until).await;
                true
            }
            Err(_) => false,
        }
    }

    pub(crate) fn reconnect(&mut self) {
        self.listener = None;
    }

    /// Returns after a notification, or after a new connection, which missed earlier notifications.
    async fn next_event(&mut self) -> sqlx::Result<()> {
        let Some(listener) = &mut self.listener else {
            self.listener = Some(self.connect().await?);
            return Ok(());
        };
        loop {
            let notification = listener.try_recv().await?.ok_or(sqlx::Error::WorkerCrashed)?;
            if notification.payload() == self.schema {
                return Ok(());
            }
        }
    }

    async fn connect(&self) -> sqlx::Result<PgListener> {
        let options = self.pool.connect_options().as_ref().clone();
        let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None);
        let pool = pool.idle_timeout(None).connect_lazy_with(options);
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        listener.ignore_pool_close_event(true);
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }
}
