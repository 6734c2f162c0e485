//! The master that sentinels name.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::{ErrorKind, RedisResult, Value};
use tokio::time::{Instant, timeout};

use crate::address::Endpoint;
use crate::connection::{Connection, Current};
use crate::connector::{Connector, first_success};

#[derive(Debug)]
pub(crate) struct Sentinels {
    /// Asks a sentinel.
    asker: Connector,
    sentinels: Vec<Endpoint>,
    service: String,
    /// Connects to the master.
    connector: Connector,
    current: Current,
    asked: Mutex<Instant>,
}

/// After a failover, the old master goes on as one for some seconds: until a sentinel sees it so, and makes it
/// a replica. Until then, only the sentinels tell.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

impl Sentinels {
    pub(crate) fn new(
        connector: Connector,
        asker: Connector,
        sentinels: Vec<Endpoint>,
        service: String,
    ) -> Self {
        let asked = Mutex::new(Instant::now());
        Self { asker, sentinels, service, connector, current: Current::default(), asked }
    }

    pub(crate) async fn connection(self: &Arc<Self>) -> RedisResult<Arc<Connection>> {
        let connection = self.current.get_or_open(self.find_master()).await?;
        self.ask_again(&connection);
        Ok(connection)
    }

    pub(crate) fn forget(&self, connection: &Arc<Connection>) {
        self.current.forget(connection);
    }

    /// Asks all sentinels at once, so that one which does not answer delays nothing.
    async fn find_master(self: &Arc<Self>) -> RedisResult<Connection> {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let attempts = self.sentinels.iter().cloned().map(|sentinel| {
            let sentinels = Arc::clone(self);
            async move { sentinels.connect(&sentinels.master(&sentinel).await?).await }
        });
        first_success(attempts).await
    }

    /// A sentinel that missed a failover may name a replica.
    async fn connect(&self, master: &Endpoint) -> RedisResult<Connection> {
        let connection = Connection::open(&self.connector, master).await?;
        let role: Vec<Value> = connection.query(&redis::cmd("ROLE")).await?;
        match role.first() {
            Some(Value::BulkString(role)) if role == b"master" => Ok(connection),
            _ => Err((ErrorKind::Io, "the sentinels name a server that is no master").into()),
        }
    }

    async fn master(&self, sentinel: &Endpoint) -> RedisResult<Endpoint> {
        let link = self.asker.open(sentinel).await?;
        let mut cmd = redis::cmd("SENTINEL");
        cmd.arg("get-master-addr-by-name").arg(&self.service);
        let master: Option<(String, u16)> = link.query(&cmd).await?;
        master.and_then(|(host, port)| Endpoint::named(&host, port, sentinel)).ok_or_else(|| {
            (ErrorKind::MasterNameNotFoundBySentinel, "the sentinel knows no such service").into()
        })
    }

    /// Asks the sentinels in the background, at most once a second. If the master is another one, the next call
    /// connects to it.
    fn ask_again(self: &Arc<Self>, connection: &Arc<Connection>) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.elapsed() < ASK_AGAIN_AFTER {
            return;
        }
        *asked = Instant::now();
        let (sentinels, connection) = (Arc::clone(self), Arc::clone(connection));
        tokio::spawn(async move {
            let attempts = sentinels.sentinels.iter().cloned().map(|sentinel| {
                let sentinels = Arc::clone(&sentinels);
                async move { sentinels.master(&sentinel).await }
            });
            let master = timeout(ASK_AGAIN_AFTER, first_success(attempts)).await;
            if master
                .is_ok_and(|master| master.is_ok_and(|master| master != *connection.endpoint()))
            {
                sentinels.forget(&connection);
            }
        });
    }
}
