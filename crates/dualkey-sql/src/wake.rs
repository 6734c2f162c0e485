use std::time::Duration;

use tokio::time::sleep;

use crate::session::Pool;
use crate::shared::Shared;

/// Where processes tell one another that something changed, with the schema's name.
#[cfg(feature = "postgres")]
pub(crate) const CHANNEL: &str = "dualkey_changes";

/// When to read the change log again: after a while, or as soon as PostgreSQL says so.
pub(crate) enum Wake {
    #[cfg(feature = "sqlite")]
    Timer,
    #[cfg(feature = "postgres")]
    Postgres(listening::Listening),
}

impl Wake {
    pub(crate) fn new(shared: &Shared) -> Self {
        match &shared.pool {
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(_) => Self::Timer,
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => {
                Self::Postgres(listening::Listening::new(pool, shared.schema.as_deref()))
            }
        }
    }

    /// Waits for so long at most. Whether it was told of a change.
    pub(crate) async fn wait(&mut self, at_most: Duration) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Timer => {
                sleep(at_most).await;
                true
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(listening) => listening.wait(at_most).await,
        }
    }

    /// There was a change that it was not told of.
    pub(crate) fn doubt(&mut self) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Timer => {}
            #[cfg(feature = "postgres")]
            Self::Postgres(listening) => listening.doubt(),
        }
    }
}

#[cfg(feature = "postgres")]
mod listening {
    use sqlx::PgPool;
    use sqlx::postgres::{PgListener, PgPoolOptions};
    use tokio::time::{Instant, sleep_until, timeout, timeout_at};

    use super::{CHANNEL, Duration, sleep};

    /// A connection of its own, so that a small pool is not used up, and made anew whenever it is in
    /// doubt: a connection can be dead without either side's knowing.
    pub(crate) struct Listening {
        pool: PgPool,
        schema: String,
        listener: Option<PgListener>,
    }

    /// What happens at once is read at once.
    const GATHER: Duration = Duration::from_millis(10);

    impl Listening {
        pub(crate) fn new(pool: &PgPool, schema: Option<&str>) -> Self {
            let schema = schema.unwrap_or_default().to_owned();
            Self { pool: pool.clone(), schema, listener: None }
        }

        pub(crate) async fn wait(&mut self, at_most: Duration) -> bool {
            let until = Instant::now() + at_most;
            match timeout_at(until, self.told()).await {
                Ok(Ok(())) => {
                    sleep(GATHER).await;
                    while let Ok(Ok(())) = timeout(Duration::ZERO, self.told()).await {}
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

        pub(crate) fn doubt(&mut self) {
            self.listener = None;
        }

        /// Told of a change, or newly connected: then there may have been one before.
        async fn told(&mut self) -> sqlx::Result<()> {
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
}
