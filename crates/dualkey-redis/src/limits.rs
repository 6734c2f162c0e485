use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dualkey_store::{
    PartnerId, SharedCall, SharedLimits, SharedLimitsError, SharedLimitsErrorKind,
    SharedLimitsFuture, SharedStanding, SharedTake, SharedTaken,
};
use redis::{Client, RedisError, RedisResult};
use tokio::time::{Instant, timeout_at};

use SharedLimitsErrorKind::{AnswerLost, TimedOut, Unreachable, Void};

use crate::connection::Connection;
use crate::failure::{failure, refuses_script};
use crate::script::{self, Action, Reply};

/// [`SharedLimits`] in one node of Redis or Valkey.
///
/// Each call is one run of one script on the server's clock, on one key for each partner, which expires when
/// it says no more than a missing one. A connection is opened by the first call, and again by the next call
/// after it was lost. Clones share it.
///
/// A call that is not answered within the [time-out](Self::with_timeout) fails. It carries the time on the
/// server's clock at which it is void: a server that was stopped, and runs it when it goes on, spends
/// nothing for it.
///
/// ```no_run
/// use std::time::Duration;
/// use dualkey_limit::LimitPolicy;
/// use dualkey_redis::RedisLimits;
/// use dualkey_store::{PartnerId, SharedCall, SharedLimits, SharedTake};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let limits = RedisLimits::new("redis://localhost")?.with_timeout(Duration::from_millis(50));
/// let policy = LimitPolicy::default();
/// let call = SharedCall::new(PartnerId::from_bytes([1; 16]), &policy);
/// let taken = limits.take(call, &SharedTake::permits(1)).await?;
/// println!("{} permits are left", taken.standing.level);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisLimits {
    client: Client,
    key_prefix: Arc<str>,
    timeout: Duration,
    script_digest: Arc<str>,
    current: Arc<Current>,
}

/// The connection that calls use.
#[derive(Default)]
struct Current {
    connection: Mutex<Option<Arc<Connection>>>,
    /// Held by the one call that opens a connection.
    opening: tokio::sync::Mutex<()>,
}

impl RedisLimits {
    const TIMEOUT: Duration = Duration::from_millis(100);

    /// Limits in the node at this address, such as `redis://localhost:6379/0` or
    /// `redis+unix:///run/redis.sock`. Opens no connection.
    ///
    /// # Errors
    ///
    /// The address cannot be read.
    ///
    /// ```
    /// use dualkey_redis::RedisLimits;
    ///
    /// assert!(RedisLimits::new("redis://localhost").is_ok());
    /// assert!(RedisLimits::new("localhost").is_err());
    /// ```
    pub fn new(url: &str) -> Result<Self, SharedLimitsError> {
        let client = Client::open(url).map_err(failure)?;
        Ok(Self {
            client,
            key_prefix: "dualkey:".into(),
            timeout: Self::TIMEOUT,
            script_digest: script::digest().into(),
            current: Arc::default(),
        })
    }

    /// These limits with other keys: the prefix, and the partner's id. Default: `dualkey:`.
    #[must_use]
    pub fn with_key_prefix(self, prefix: &str) -> Self {
        Self { key_prefix: prefix.into(), ..self }
    }

    /// These limits with another time in which each call is answered or fails, connecting included. Default:
    /// 100 ms.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    async fn decide(
        &self,
        call: SharedCall<'_>,
        action: Action<'_>,
    ) -> Result<SharedTaken, SharedLimitsError> {
        let deadline = Instant::now() + self.timeout;
        let connection = timeout_at(deadline, self.connection()).await;
        let connection = connection.map_err(|_elapsed| self.timed_out(Unreachable))??;
        let answer = timeout_at(deadline, self.ask(&connection, call, action, deadline)).await;
        let answer = answer.unwrap_or_else(|_elapsed| Err(self.timed_out(TimedOut)));
        if answer.as_ref().is_err_and(|error| matches!(error.kind(), TimedOut | AnswerLost)) {
            self.forget(&connection);
        }
        answer
    }

    /// Asks once more if the call was void before its deadline: the server's clock is ahead of what was known
    /// of it.
    async fn ask(
        &self,
        connection: &Connection,
        call: SharedCall<'_>,
        action: Action<'_>,
        deadline: Instant,
    ) -> Result<SharedTaken, SharedLimitsError> {
        for _ in 0..2 {
            let void_after = connection.server_time(deadline);
            let answer = self.run(connection, call, action, void_after).await.map_err(failure)?;
            match script::reply(&answer, call, action) {
                Some(Reply::Decided { server_time, taken }) => {
                    connection.note_server_time(server_time);
                    return Ok(taken);
                }
                Some(Reply::Void { server_time }) => connection.note_server_time(server_time),
                None => return Err(SharedLimitsError::new(AnswerLost, "not the script's answer")),
            }
        }
        Err(SharedLimitsError::new(Void, "the call came too late by the server's clock"))
    }

    /// Names the script by its digest. A server that does not know it ran nothing, and gets its text.
    async fn run(
        &self,
        connection: &Connection,
        call: SharedCall<'_>,
        action: Action<'_>,
        void_after: u64,
    ) -> RedisResult<Vec<u8>> {
        let key = self.key(call.partner);
        let command = |name, script| {
            script::command((name, script), key.as_bytes(), call, action, void_after)
        };
        let answer = connection.query(&command("EVALSHA", &self.script_digest)).await;
        match answer {
            Err(error) if refuses_script(&error) => {
                connection.query(&command("EVAL", script::TEXT)).await
            }
            answer => answer,
        }
    }

    async fn connection(&self) -> Result<Arc<Connection>, SharedLimitsError> {
        if let Some(connection) = self.current.get() {
            return Ok(connection);
        }
        let _opening = self.current.opening.lock().await;
        if let Some(connection) = self.current.get() {
            return Ok(connection); // another call opened it
        }
        let opened = Connection::open(&self.client).await;
        let unreachable = |error: RedisError| SharedLimitsError::new(Unreachable, error);
        let connection = Arc::new(opened.map_err(unreachable)?);
        self.current.set(Some(Arc::clone(&connection)));
        Ok(connection)
    }

    /// The next call opens a new connection, unless another one did.
    fn forget(&self, connection: &Arc<Connection>) {
        if self.current.get().is_some_and(|current| Arc::ptr_eq(&current, connection)) {
            self.current.set(None);
        }
    }

    fn key(&self, partner: PartnerId) -> String {
        format!("{}{partner}", self.key_prefix)
    }

    fn timed_out(&self, kind: SharedLimitsErrorKind) -> SharedLimitsError {
        SharedLimitsError::new(kind, format!("no answer within {:?}", self.timeout))
    }
}

impl Current {
    fn get(&self) -> Option<Arc<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, connection: Option<Arc<Connection>>) {
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = connection;
    }
}

impl SharedLimits for RedisLimits {
    fn take<'a>(
        &'a self,
        call: SharedCall<'a>,
        take: &'a SharedTake,
    ) -> SharedLimitsFuture<'a, SharedTaken> {
        Box::pin(self.decide(call, Action::Take(take)))
    }

    fn peek<'a>(&'a self, call: SharedCall<'a>) -> SharedLimitsFuture<'a, SharedStanding> {
        Box::pin(async move { Ok(self.decide(call, Action::Peek).await?.standing) })
    }

    fn reset<'a>(&'a self, call: SharedCall<'a>) -> SharedLimitsFuture<'a, SharedStanding> {
        Box::pin(async move { Ok(self.decide(call, Action::Reset).await?.standing) })
    }

    fn add_usage<'a>(
        &'a self,
        call: SharedCall<'a>,
        day: i64,
        permits: u64,
    ) -> SharedLimitsFuture<'a, SharedStanding> {
        let action = Action::AddUsage { day, permits };
        Box::pin(async move { Ok(self.decide(call, action).await?.standing) })
    }
}

/// Shows no address, since it may hold a password.
impl fmt::Debug for RedisLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLimits")
            .field("key_prefix", &self.key_prefix)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
