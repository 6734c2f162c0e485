use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dualkey_store::{
    PartnerId, SharedCall, SharedLimits, SharedLimitsError, SharedLimitsErrorKind,
    SharedLimitsFuture, SharedStanding, SharedTake, SharedTaken,
};
use redis::RedisResult;
use tokio::time::{Instant, timeout, timeout_at};

use SharedLimitsErrorKind::{AnswerLost, Rejected, TimedOut, Unreachable, Void};

use crate::address::Address;
use crate::check::{self, ServerReport};
use crate::cluster::Redirect;
use crate::connection::Connection;
use crate::failure::{cause, failure, refuses_script, unreachable};
use crate::script::{self, Action, Envelope, Reply};
use crate::topology::Topology;

/// [`SharedLimits`] in Redis or Valkey: one node, a cluster, or a master that sentinels monitor.
///
/// Each call is one run of one script on the server's clock, on one key for each partner, which expires when
/// it says no more than a missing one. A connection is opened by the first call that needs it, and again by the
/// next call after it was lost. Clones share it.
///
/// A call is sent again only if the server says that it did not run: after a redirect of a cluster, if the
/// server does not know the script, and once if it came too late by a clock that is ahead of what was known.
///
/// - **A cluster**: each call goes to the node that owns the slot of its key. `MOVED` and `ASK` are followed, at
///   most five times within the time-out. Where a slot has no node, calls fail.
/// - **Sentinel**: all sentinels are asked at once for the master, which must say itself that it is one. They are
///   asked again after a connection was lost, a call timed out, or a replica answered, and each second while
///   calls are made: an old master goes on for some seconds after a failover, until it is made a replica.
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
    topology: Arc<Topology>,
    key_prefix: Arc<str>,
    timeout: Duration,
    script_digest: Arc<str>,
}

impl RedisLimits {
    const TIMEOUT: Duration = Duration::from_millis(100);
    const MAX_REDIRECTS: usize = 5;
    const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

    /// Limits in the servers at this address. Opens no connection.
    ///
    /// | servers | address |
    /// | --- | --- |
    /// | one node | `redis://[user:password@]host[:port][/database]` |
    /// | one node, by a socket | `redis+unix:///path[?user=…&pass=…&db=…]` |
    /// | a cluster, by some of its nodes | `redis://[user:password@]host[:port],host[:port]…`, or with one host `redis+cluster://…` |
    /// | a master that sentinels monitor | `redis+sentinel://[user:password@]host[:port],…/service[/database]` |
    ///
    /// `rediss` instead of `redis` encrypts (feature `tls`), with the root certificates of the system or, with
    /// `?ca_file=FILE`, with those of a file in PEM. User and password are those of the nodes; those of the
    /// sentinels are `?sentinel_user=…&sentinel_password=…`. Instead of `redis`, `valkey` can be written.
    ///
    /// # Errors
    ///
    /// The address cannot be read, or the root certificates cannot. The text of the error's source says what to
    /// write, and does not show the password.
    ///
    /// ```
    /// use std::error::Error as _;
    /// use dualkey_redis::RedisLimits;
    ///
    /// assert!(RedisLimits::new("redis://localhost").is_ok());
    /// assert!(RedisLimits::new("redis+sentinel://10.0.0.1,10.0.0.2,10.0.0.3/limits").is_ok());
    /// let error = RedisLimits::new("redis+sentinel://10.0.0.1").unwrap_err();
    /// assert!(error.source().unwrap().to_string().contains("/service"));
    /// ```
    pub fn new(url: &str) -> Result<Self, SharedLimitsError> {
        let topology = Address::parse(url).and_then(Topology::new);
        let topology = topology.map_err(|text| SharedLimitsError::new(Unreachable, text))?;
        Ok(Self {
            topology: Arc::new(topology),
            key_prefix: "dualkey:".into(),
            timeout: Self::TIMEOUT,
            script_digest: script::digest().into(),
        })
    }

    /// These limits with other keys: the prefix, and the partner's id. Default: `dualkey:`. In a cluster, a hash
    /// tag in the prefix puts all keys on one node.
    #[must_use]
    pub fn with_key_prefix(self, prefix: &str) -> Self {
        Self { key_prefix: prefix.into(), ..self }
    }

    /// These limits with another time in which each call is answered or fails, asking sentinels, connecting and
    /// redirects included. Default: 100 ms.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Connects to each server that decides, and checks what calls rely on: the user's rights, the version and
    /// `maxmemory-policy`. It writes the key `check` of the prefix for a millisecond, and takes 5 seconds at
    /// most. Each warning is also an event of the level warn.
    ///
    /// # Errors
    ///
    /// A server did not answer, or the user lacks a right, which the source of the error names.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = dualkey_testing::redis::Server::start();
    /// # let url = server.url();
    /// let limits = dualkey_redis::RedisLimits::new(&url)?;
    /// let reports = limits.check().await?;
    /// assert!(reports[0].warnings.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn check(&self) -> Result<Vec<ServerReport>, SharedLimitsError> {
        let key = format!("{}check", self.key_prefix);
        let is_cluster = matches!(*self.topology, Topology::Cluster(_));
        let checks = async {
            let mut reports = Vec::new();
            for connection in self.topology.connections().await.map_err(unreachable)? {
                reports.push(check::check(&connection, &key, is_cluster).await?);
            }
            Ok(reports)
        };
        let late = |_elapsed| {
            SharedLimitsError::new(TimedOut, format!("no answer within {:?}", Self::CHECK_TIMEOUT))
        };
        timeout(Self::CHECK_TIMEOUT, checks).await.map_err(late)?
    }

    /// Sends the call again only where a redirect says that it did not run.
    async fn decide(
        &self,
        call: SharedCall<'_>,
        action: Action<'_>,
    ) -> Result<SharedTaken, SharedLimitsError> {
        let deadline = Instant::now() + self.timeout;
        let key = self.key(call.partner);
        let request = Request { key: key.as_bytes(), call, action, deadline };
        let mut redirect = None;
        for _ in 0..=Self::MAX_REDIRECTS {
            let connection = self.connection(&request, redirect.as_ref()).await?;
            let is_asking = redirect.is_some_and(|redirect: Redirect| redirect.is_asking);
            let answer = timeout_at(deadline, self.ask(&connection, is_asking, &request)).await;
            let answer = answer.unwrap_or_else(|_elapsed| Err(self.timed_out(TimedOut)));
            let Err(error) = answer else { return answer };
            if error.may_have_run() {
                self.topology.forget(&connection);
            }
            redirect = cause(&error).and_then(|cause| self.topology.redirect(cause, &connection));
            if redirect.is_none() {
                return Err(error);
            }
        }
        Err(SharedLimitsError::new(Rejected, "the nodes of the cluster name each other"))
    }

    async fn connection(
        &self,
        request: &Request<'_>,
        redirect: Option<&Redirect>,
    ) -> Result<Arc<Connection>, SharedLimitsError> {
        let connection = self.topology.connection(request.key, redirect);
        let connection = match timeout_at(request.deadline, connection).await {
            Ok(connection) => connection.map_err(unreachable),
            Err(_elapsed) => Err(self.timed_out(Unreachable)),
        };
        connection.inspect_err(|_| self.topology.note_unreachable())
    }

    /// Asks once more if the call was void before its deadline: the server's clock is ahead of what was known
    /// of it.
    async fn ask(
        &self,
        connection: &Connection,
        is_asking: bool,
        request: &Request<'_>,
    ) -> Result<SharedTaken, SharedLimitsError> {
        for _ in 0..2 {
            let number = connection.next_number();
            let answer = self.run(connection, is_asking, number, request).await.map_err(failure)?;
            match script::reply(&answer, number, request.call, request.action) {
                Some(Reply::Decided { server_time, taken }) => {
                    connection.note_server_time(server_time);
                    return Ok(taken);
                }
                Some(Reply::Void { server_time }) => connection.note_server_time(server_time),
                None => {
                    return Err(SharedLimitsError::new(AnswerLost, "not the answer to this call"));
                }
            }
        }
        Err(SharedLimitsError::new(Void, "the call came too late by the server's clock"))
    }

    /// Names the script by its digest. A server that does not know it ran nothing, and gets its text.
    async fn run(
        &self,
        connection: &Connection,
        is_asking: bool,
        number: u32,
        request: &Request<'_>,
    ) -> RedisResult<Vec<u8>> {
        let Request { key, call, action, deadline } = *request;
        let envelope = Envelope { void_after: connection.server_time(deadline), number };
        let run = async |name, script| {
            let cmd = script::command((name, script), key, call, action, envelope);
            match is_asking {
                true => connection.query_asking(&cmd).await,
                false => connection.query(&cmd).await,
            }
        };
        match run("EVALSHA", &self.script_digest).await {
            Err(error) if refuses_script(&error) => run("EVAL", script::TEXT).await,
            answer => answer,
        }
    }

    fn key(&self, partner: PartnerId) -> String {
        format!("{}{partner}", self.key_prefix)
    }

    fn timed_out(&self, kind: SharedLimitsErrorKind) -> SharedLimitsError {
        SharedLimitsError::new(kind, format!("no answer within {:?}", self.timeout))
    }
}

/// One call, until its deadline.
struct Request<'a> {
    key: &'a [u8],
    call: SharedCall<'a>,
    action: Action<'a>,
    deadline: Instant,
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
