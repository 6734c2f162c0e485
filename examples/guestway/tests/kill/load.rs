use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::support::client::{Call, Client};

/// Clients that use the API until its server is gone.
pub(crate) struct Load {
    clients: JoinSet<Vec<Instant>>,
    sent: Arc<AtomicUsize>,
}

/// What came of it.
pub(crate) struct Answered {
    /// How many requests were sent, answered or not.
    sent: usize,
    /// When each answer came, in order.
    at: Vec<Instant>,
}

impl Load {
    pub(crate) fn start(clients: usize, calls: &[Call]) -> Self {
        let sent = Arc::new(AtomicUsize::new(0));
        let clients = (0..clients).map(|_| use_until_gone(calls.to_vec(), Arc::clone(&sent)));
        Self { clients: clients.collect(), sent }
    }

    pub(crate) async fn join(self) -> Answered {
        let mut at = self.clients.join_all().await.concat();
        at.sort_unstable();
        Answered { sent: self.sent.load(Ordering::SeqCst), at }
    }
}

async fn use_until_gone(calls: Vec<Call>, sent: Arc<AtomicUsize>) -> Vec<Instant> {
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

    /// How many answered requests were not counted.
    pub(crate) fn lost(&self, counted: u64) -> usize {
        self.at.len().saturating_sub(usize::try_from(counted).unwrap())
    }

    /// How long before the end the oldest of the requests was answered that were not counted.
    pub(crate) fn loss(&self, counted: u64, end: Instant) -> Duration {
        let counted = usize::try_from(counted).unwrap();
        assert!(counted <= self.sent, "{counted} requests were counted, {} sent", self.sent);
        self.at.get(counted).map_or(Duration::ZERO, |oldest| end.saturating_duration_since(*oldest))
    }
}
