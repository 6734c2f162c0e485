use std::time::Duration;

#[cfg(feature = "postgres")]
use crate::listen::Listener;
use crate::session::Pool;

/// The event after which the feed reads the change log again: the end of an interval, or a notification of
/// PostgreSQL.
pub(crate) enum Wake {
    #[cfg(feature = "sqlite")]
    Timer,
    #[cfg(feature = "postgres")]
    Notification(Listener),
}

impl Wake {
    #[cfg_attr(not(feature = "postgres"), expect(unused_variables))]
    pub(crate) fn new(pool: &Pool, schema: Option<&str>) -> Self {
        match pool {
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(_) => Self::Timer,
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => Self::Notification(Listener::new(pool, schema)),
        }
    }

    /// Waits for a notification, at most for this time. Returns false if the database supports notifications
    /// and sent none in this time.
    pub(crate) async fn wait(&mut self, at_most: Duration) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Timer => {
                tokio::time::sleep(at_most).await;
                true
            }
            #[cfg(feature = "postgres")]
            Self::Notification(listener) => listener.wait(at_most).await,
        }
    }

    /// Reconnects before the next wait. The feed calls this after it read a change without a notification.
    pub(crate) fn reconnect(&mut self) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Timer => {}
            #[cfg(feature = "postgres")]
            Self::Notification(listener) => listener.reconnect(),
        }
    }
}
