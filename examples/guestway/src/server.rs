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

/// How many connections are served at a time. More wait to be accepted.
const MAX_CONNECTIONS: usize = 1_000;

/// How long a client may take over the head of a request, and keep an idle HTTP/1.1 connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long open connections are waited for when serving ends.
const GRACE: Duration = Duration::from_secs(3);

/// Serves HTTP/1.1 and HTTP/2 with prior knowledge, until `stop` is ready. Requests under way then
/// have 3 seconds to end.
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
        () = sleep(GRACE) => tracing::warn!("connections that do not end are cut off"),
    }
}

/// The next connection. Where the machine has no room for one, the wait is for some to end.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if is_of_the_connection(error.kind()) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

const fn is_of_the_connection(error: ErrorKind) -> bool {
    matches!(
        error,
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    )
}

async fn connection(stream: TcpStream, app: Router, watcher: Watcher) {
    let _ = stream.set_nodelay(true);
    let heard = Arc::new(AtomicBool::new(false));
    let app = TowerToHyperService::new(app);
    let service = service_fn(|request| {
        heard.store(true, Ordering::Relaxed);
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
        () = silence(&heard) => tracing::debug!("a connection brought no request"),
    }
}

/// Ends when a connection has brought no request in time. The timeout of HTTP/1.1 alone does not see a
/// client that sends too little to tell which version it speaks.
async fn silence(heard: &AtomicBool) {
    sleep(HEADER_TIMEOUT).await;
    if heard.load(Ordering::Relaxed) {
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
