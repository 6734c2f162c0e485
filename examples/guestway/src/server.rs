use std::future::pending;
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// The maximum number of open connections. Further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 1_000;

/// The time within which a client must send the head of a request. An idle HTTP/1.1 connection is
/// closed after the same time.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a shutdown waits for open connections.
const GRACE: Duration = Duration::from_secs(3);

/// Serves HTTP/1.1 and HTTP/2 with prior knowledge, until `stop` is ready. Requests in progress then
/// have 3 seconds to complete.
pub async fn serve(listener: TcpListener, app: Router, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            stream = accept(&listener), if connections.len() < MAX_CONNECTIONS => {
                connections.spawn(connection(stream, app.clone(), graceful.watcher()));
            }
        }
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = sleep(GRACE) => tracing::warn!("open connections are cut off"),
    }
}

/// Accepts the next connection. When the process is out of file descriptors, it retries each second.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if is_per_connection(error.kind()) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

const fn is_per_connection(error: ErrorKind) -> bool {
    matches!(
        error,
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    )
}

async fn connection(stream: TcpStream, app: Router, watcher: Watcher) {
    let _ = stream.set_nodelay(true);
    let has_request = Arc::new(AtomicBool::new(false));
    let app = TowerToHyperService::new(app);
    let service = service_fn(|request| {
        has_request.store(true, Ordering::Relaxed);
        app.call(request)
    });
    let builder = builder();
    let served = watcher.watch(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        served = served => {
            if let Err(error) = served {
                tracing::debug!(error = &*error, "a connection ended early");
            }
        }
        () = no_request(&has_request) => tracing::debug!("a connection sent no request"),
    }
}

/// Completes when a connection has sent no request in time. The timeout of HTTP/1.1 alone does not
/// cover a client that sends too few bytes to detect the version of HTTP.
async fn no_request(has_request: &AtomicBool) {
    sleep(HEADER_TIMEOUT).await;
    if has_request.load(Ordering::Relaxed) {
        pending::<()>().await;
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(64 * 1024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEADER_TIMEOUT)
        .keep_alive_timeout(HEADER_TIMEOUT);
    builder
}
