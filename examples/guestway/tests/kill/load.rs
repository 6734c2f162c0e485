//! Load on a server until it is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::support::client::{Call, Client};

/// Clients that send requests until the server is gone.
pub(crate) struct Load {
    clients: JoinSet<Vec<Instant>>,
    sent: Arc<AtomicUsize>,
}

/// The requests of all clients.
pub(crate) struct Answered {
    /// How many requests were sent, whether answered or not.
    sent: usize,
    /// The times of the responses, in order.
    at: Vec<Instant>,
}

impl Load {
    pub(crate) fn start(clients: usize, calls: &[Call]) -> Self {
        let sent = Arc::new(AtomicUsize::new(0));
        let clients = (0..clients).map(|_| send_until_gone(calls.to_vec(), Arc::clone(&sent)));
        Self { clients: clients.collect(), sent }
    }

    pub(crate) async fn join(self) -> Answered {
        let mut at = self.clients.join_all().await.concat();
        at.sort_unstable();
        Answered { sent: self.sent.load(Ordering::SeqCst), at }
    }
}

async fn send_until_gone(calls: Vec<Call>, sent: Arc<AtomicUsize>) -> Vec<Instant> {
    let client = Client::http1();
    let mut at = Vec::new();
    for call in calls.iter().cycle() {
        sent.fetch_add(1, Ordering::SeqCst);
        let Some(answer) = client.try_send(call.get()).await else { break };
        assert_eq!(answer.status, 200, "{}", answer.body);
        at.push(Instant::now());
    }
    at
}

impl Answered {
    pub(crate) fn count(&self) -> usize {
        self.at.len()
    }

    /// How many answered requests are missing in the count.
    pub(crate) fn lost(&self, counted: u64) -> usize {
        self.at.len().saturating_sub(usize::try_from(counted).unwrap())
    }

    /// How long before the end the oldest uncounted request was answered.
    pub(crate) fn loss(&self, counted: u64, end: Instant) -> Duration {
        let counted = usize::try_from(counted).unwrap();
        assert!(counted <= self.sent, "{counted} requests were counted, {} sent", self.sent);
        self.at.get(counted).map_or(Duration::ZERO, |oldest| end.saturating_duration_since(*oldest))
    }
}
