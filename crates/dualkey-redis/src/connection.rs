//! A connection to one server, and what it knows of that server's clock.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use redis::{Cmd, FromRedisValue, RedisResult};
use tokio::time::{Duration, Instant};

use crate::address::Endpoint;
use crate::connector::{Connector, Link};

#[derive(Debug)]
pub(crate) struct Connection {
    link: Link,
    endpoint: Endpoint,
    opened: Instant,
    /// The server's time in microseconds, less the time since the connection was opened. Each answer sets it,
    /// from the moment of its receipt: so it is at most the true offset, and a call becomes void by the
    /// server's clock no later than its deadline.
    clock_offset: AtomicI64,
    calls: AtomicU32,
}

impl Connection {
    pub(crate) async fn open(connector: &Connector, endpoint: &Endpoint) -> RedisResult<Self> {
        let link = connector.open(endpoint).await?;
        let endpoint = endpoint.clone();
        let (clock_offset, calls) = (AtomicI64::new(0), AtomicU32::new(0));
        let connection = Self { link, endpoint, opened: Instant::now(), clock_offset, calls };
        let (seconds, micros): (u64, u64) = connection.query(&redis::cmd("TIME")).await?;
        connection.note_server_time(seconds * 1_000_000 + micros);
        Ok(connection)
    }

    /// A number that no recent call on this connection has.
    pub(crate) fn next_number(&self) -> u32 {
        self.calls.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) async fn query<T: FromRedisValue>(&self, cmd: &Cmd) -> RedisResult<T> {
        self.link.query(cmd).await
    }

    /// Sends the command to a node that is about to own its key.
    pub(crate) async fn query_asking<T: FromRedisValue>(&self, cmd: &Cmd) -> RedisResult<T> {
        self.link.query_asking(cmd).await
    }

    /// The server answered just now, and decided at this time of its clock.
    pub(crate) fn note_server_time(&self, micros: u64) {
        let micros = i64::try_from(micros).unwrap_or(i64::MAX);
        let offset = micros.saturating_sub(self.local(Instant::now()));
        self.clock_offset.store(offset, Ordering::Relaxed);
    }

    /// A moment on the server's clock, in microseconds.
    pub(crate) fn server_time(&self, moment: Instant) -> u64 {
        let offset = self.clock_offset.load(Ordering::Relaxed);
        u64::try_from(self.local(moment).saturating_add(offset)).unwrap_or(0)
    }

    fn local(&self, moment: Instant) -> i64 {
        let since: Duration = moment.saturating_duration_since(self.opened);
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }
}

/// The connection that calls use.
#[derive(Debug, Default)]
pub(crate) struct Current {
    connection: Mutex<Option<Arc<Connection>>>,
    /// Held by the one call that opens a connection.
    opening: tokio::sync::Mutex<()>,
}

impl Current {
    pub(crate) async fn get_or_open(
        &self,
        open: impl Future<Output = RedisResult<Connection>>,
    ) -> RedisResult<Arc<Connection>> {
        if let Some(connection) = self.get() {
            return Ok(connection);
        }
        let _opening = self.opening.lock().await;
        if let Some(connection) = self.get() {
            return Ok(connection); // another call opened it
        }
        let connection = Arc::new(open.await?);
        self.set(Some(Arc::clone(&connection)));
        Ok(connection)
    }

    /// The next call opens a new connection, unless another one did.
    pub(crate) fn forget(&self, connection: &Arc<Connection>) {
        let mut current = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, connection)) {
            *current = None;
        }
    }

    fn get(&self) -> Option<Arc<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, connection: Option<Arc<Connection>>) {
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = connection;
    }
}
