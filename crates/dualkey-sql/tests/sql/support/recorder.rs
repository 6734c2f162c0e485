use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dualkey_store::{Change, ChangeListener, Store};
use dualkey_token::TokenDigest;

/// Records the changes that a store publishes, each with its time.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<(String, Instant)>>);

impl Recorder {
    pub(crate) fn subscribed_to(store: &dyn Store) -> Arc<Self> {
        let recorder = Arc::new(Self::default());
        store.changes().subscribe(&recorder);
        recorder
    }

    /// Waits for a change since the last `clear`, and returns when it was published.
    pub(crate) async fn received(&self, name: &str) -> Instant {
        let began = Instant::now();
        loop {
            if let Some(at) = self.time_of(name) {
                return at;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "no change of {name}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) async fn received_token(&self, digest: &TokenDigest) -> Instant {
        self.received(&token_name(digest)).await
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.time_of(name).is_some()
    }

    pub(crate) fn contains_token(&self, digest: &TokenDigest) -> bool {
        self.contains(&token_name(digest))
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    fn time_of(&self, name: &str) -> Option<Instant> {
        let recorded = self.0.lock().unwrap();
        recorded.iter().find(|(recorded, _)| recorded == name).map(|(_, at)| *at)
    }
}

impl ChangeListener for Recorder {
    fn on_change(&self, change: &Change) {
        let name = match change {
            Change::Partner(api_key) => api_key.to_string(),
            Change::Token(digest) => token_name(digest),
            _ => "all".to_owned(),
        };
        self.0.lock().unwrap().push((name, Instant::now()));
    }
}

fn token_name(digest: &TokenDigest) -> String {
    format!("{:?}", digest.as_bytes())
}
