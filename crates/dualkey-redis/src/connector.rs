//! How a connection is opened: the transport, then the login.

use redis::aio::{ConnectionLike as _, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisConnectionInfo,
    RedisResult,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::task::{AbortHandle, JoinSet};

use crate::address::Endpoint;
use crate::tls::Tls;

#[derive(Clone, Debug)]
pub(crate) struct Connector {
    pub(crate) login: RedisConnectionInfo,
    pub(crate) tls: Option<Tls>,
}

/// A connection after its login. The task that reads and writes ends with it.
#[derive(Debug)]
pub(crate) struct Link {
    multiplexed: MultiplexedConnection,
    driver: AbortHandle,
}

impl Connector {
    pub(crate) async fn open(&self, endpoint: &Endpoint) -> RedisResult<Link> {
        let (host, port) = match endpoint {
            Endpoint::Tcp(host, port) => (&**host, *port),
            #[cfg(unix)]
            Endpoint::Unix(path) => return self.log_in(UnixStream::connect(path).await?).await,
            #[cfg(not(unix))]
            Endpoint::Unix(_) => return Err((ErrorKind::InvalidClientConfig, "no Unix").into()),
        };
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => self.log_in(stream).await,
            Some(tls) => self.log_in(tls.connect(host, stream).await?).await,
        }
    }

    async fn log_in<S>(&self, stream: S) -> RedisResult<Link>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // Every call has a deadline of its own.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let opened = MultiplexedConnection::new_with_config(&self.login, stream, config).await;
        let (multiplexed, driver) = opened?;
        Ok(Link { multiplexed, driver: tokio::spawn(driver).abort_handle() })
    }
}

impl Link {
    pub(crate) async fn query<T: FromRedisValue>(&self, cmd: &Cmd) -> RedisResult<T> {
        cmd.query_async(&mut self.multiplexed.clone()).await
    }

    /// Sends `ASKING` and the command, with no other command between them. The answer is the command's.
    pub(crate) async fn query_asking<T: FromRedisValue>(&self, cmd: &Cmd) -> RedisResult<T> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("ASKING").add_command(cmd.clone());
        let answers = self.multiplexed.clone().req_packed_commands(&pipeline, 1, 1).await?;
        let answer = answers.into_iter().next().ok_or((ErrorKind::Parse, "no answer"))?;
        Ok(T::from_redis_value(answer.extract_error()?)?)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The first success of these attempts, which run at the same time. The others are given up.
pub(crate) async fn first_success<T: Send + 'static>(
    attempts: impl Iterator<Item = impl Future<Output = RedisResult<T>> + Send + 'static>,
) -> RedisResult<T> {
    let mut attempts: JoinSet<_> = attempts.collect();
    let mut failure = (ErrorKind::Io, "no server could be asked").into();
    while let Some(attempt) = attempts.join_next().await {
        match attempt {
            Ok(Ok(success)) => return Ok(success),
            Ok(Err(error)) => failure = error,
            Err(_cancelled) => {}
        }
    }
    Err(failure)
}
