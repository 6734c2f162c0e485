//! A connection to one node, and what it knows of that node's clock.

use std::sync::atomic::{AtomicI64, Ordering};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, RedisResult};
use tokio::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Connection {
    multiplexed: MultiplexedConnection,
    opened: Instant,
    /// The server's time in microseconds, less the time since the connection was opened. Each answer sets it,
    /// from the moment of its receipt: so it is at most the true offset, and a call becomes void by the
    /// server's clock no later than its deadline.
    clock_offset: AtomicI64,
}

impl Connection {
    pub(crate) async fn open(client: &Client) -> RedisResult<Self> {
        // Every call has a deadline of its own.
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let multiplexed = client.get_multiplexed_async_connection_with_config(&config).await?;
        let clock_offset = AtomicI64::new(0);
        let connection = Self { multiplexed, opened: Instant::now(), clock_offset };
        let (seconds, micros): (u64, u64) = connection.query(&redis::cmd("TIME")).await?;
        connection.note_server_time(seconds * 1_000_000 + micros);
        Ok(connection)
    }

    pub(crate) async fn query<T: redis::FromRedisValue>(&self, cmd: &Cmd) -> RedisResult<T> {
        cmd.query_async(&mut self.multiplexed.clone()).await
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
