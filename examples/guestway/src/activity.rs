use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Duration, Instant, sleep_until};

/// The requests in progress on one connection.
#[derive(Debug)]
pub(crate) struct Activity {
    state: Mutex<State>,
    /// For the task of the connection.
    is_idle: Notify,
    /// For the server, which may have a connection that waits for room.
    any_is_idle: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    in_progress: usize,
    /// When the last request ended, or the connection began.
    since: Instant,
}

/// A request in progress, until this is dropped.
#[derive(Debug)]
pub(crate) struct InProgress(Arc<Activity>);

impl Activity {
    /// A connection without a request, which notifies the server whenever it becomes idle.
    pub(crate) fn new(any_is_idle: Arc<Notify>) -> Arc<Self> {
        let state = Mutex::new(State { in_progress: 0, since: Instant::now() });
        Arc::new(Self { state, is_idle: Notify::new(), any_is_idle })
    }

    /// Counts a request.
    pub(crate) fn begin(self: &Arc<Self>) -> InProgress {
        self.update(|state| state.in_progress += 1);
        InProgress(self.clone())
    }

    /// Since when no request is in progress; none if one is.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        self.update(|state| (state.in_progress == 0).then_some(state.since))
    }

    /// Completes when no request has been in progress for this time.
    pub(crate) async fn idle_for(&self, time: Duration) {
        loop {
            match self.idle_since() {
                Some(since) if since.elapsed() >= time => return,
                Some(since) => sleep_until(since + time).await,
                None => self.is_idle.notified().await,
            }
        }
    }

    fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        let is_idle = self.0.update(|state| {
            state.in_progress -= 1;
            state.since = Instant::now();
            state.in_progress == 0
        });
        if is_idle {
            self.0.is_idle.notify_one();
            self.0.any_is_idle.notify_one();
        }
    }
}
