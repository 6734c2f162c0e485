use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::{sleep, timeout};

use crate::activity::Activity;

/// The limits of a server's connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// The maximum number of open connections. A further one takes the place of the one that has been idle
    /// for longest; while none is idle, it waits. Default: 1,000.
    pub max_open: usize,
    /// The time after which a connection without a request in progress is closed. The head of a request has
    /// to arrive within the same time. Default: one minute.
    pub idle_timeout: Duration,
}

/// The interval of the pings that detect a dead HTTP/2 connection, and the time to answer one.
const PING: Duration = Duration::from_secs(10);

/// How long a connection that is to close may take to complete its requests.
const GRACE: Duration = Duration::from_secs(3);

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { max_open: 1_000, idle_timeout: Duration::from_secs(60) }
    }
}

/// Serves HTTP/1.1 and HTTP/2 with prior knowledge, until `stop` is ready. Requests in progress then
/// have 3 seconds to complete.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    limits: ConnectionLimits,
    stop: impl Future<Output = ()>,
) {
    let (stopping, stopped) = watch::channel(());
    let any_is_idle = Arc::new(Notify::new());
    let mut connections = Connections::default();
    let mut waiting: Option<TcpStream> = None;
    let mut stop = pin!(stop);
    loop {
        if let Some(stream) = waiting.take_if(|_| connections.make_room(limits.max_open)) {
            let activity = Activity::new(any_is_idle.clone());
            let serving =
                connection(stream, app.clone(), activity.clone(), limits, stopped.clone());
            connections.spawn(activity, serving);
        }
        tokio::select! {
            () = &mut stop => break,
            () = connections.ended(), if !connections.tasks.is_empty() => {}
            () = any_is_idle.notified(), if waiting.is_some() => {}
            stream = accept(&listener), if waiting.is_none() => waiting = Some(stream),
        }
    }
    drop((listener, stopping, waiting));
    while !connections.tasks.is_empty() {
        connections.ended().await;
    }
}

/// The tasks of the open connections.
#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    /// Without those that are aborted and have not ended yet.
    open: HashMap<Id, (Arc<Activity>, AbortHandle)>,
}

impl Connections {
    fn spawn(
        &mut self,
        activity: Arc<Activity>,
        serving: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = self.tasks.spawn(serving);
        self.open.insert(task.id(), (activity, task));
    }

    /// Waits until a connection has ended.
    async fn ended(&mut self) {
        if let Some(ended) = self.tasks.join_next_with_id().await {
            let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
            self.open.remove(&id);
        }
    }

    /// Whether one more connection may be open. At the maximum, closes the one that has been idle for longest.
    fn make_room(&mut self, max_open: usize) -> bool {
        if self.open.len() < max_open {
            return true;
        }
        let idle = self.open.iter();
        let idle = idle.filter_map(|(id, (activity, _))| Some((activity.idle_since()?, *id)));
        let oldest = idle.min_by_key(|(since, _)| *since);
        let Some((_, task)) = oldest.and_then(|(_, id)| self.open.remove(&id)) else {
            return false;
        };
        tracing::debug!("an idle connection makes room");
        task.abort();
        true
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

async fn connection(
    stream: TcpStream,
    app: Router,
    activity: Arc<Activity>,
    limits: ConnectionLimits,
    mut stopped: watch::Receiver<()>,
) {
    let _ = stream.set_nodelay(true);
    let app = TowerToHyperService::new(app);
    let service = service_fn(|request| {
        let request_in_progress = activity.begin();
        let answer = app.call(request);
        async move {
            let answer = answer.await?;
            // In progress until the body is sent or dropped.
            Ok::<_, Infallible>(answer.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    let _ = &request_in_progress;
                    frame
                }))
            }))
        }
    });
    let builder = builder(limits.idle_timeout);
    let mut served = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let is_stopping = tokio::select! {
        ended = served.as_mut() => return log_end(ended),
        () = activity.idle_for(limits.idle_timeout) => false,
        _ = stopped.changed() => true,
    };
    served.as_mut().graceful_shutdown();
    match timeout(GRACE, served).await {
        Ok(ended) => log_end(ended),
        Err(_) if is_stopping => tracing::warn!("an open connection is cut off"),
        Err(_) => tracing::debug!("an idle connection is cut off"),
    }
}

fn log_end(ended: Result<(), Box<dyn Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(error = &*error, "a connection ended early");
    }
}

fn builder(head_timeout: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(64 * 1024);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(PING).keep_alive_timeout(PING);
    builder
}
