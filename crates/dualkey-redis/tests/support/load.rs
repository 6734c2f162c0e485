//! Calls that go on while a test changes the servers.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use dualkey_limit::{LimitPolicy, Rate};
use dualkey_redis::RedisLimits;
use dualkey_store::{SharedCall, SharedLimits, SharedTake};
use tokio::task::JoinHandle;

use super::{PARTNER, used};

/// Takes one permit at a time, and reports what it knows, as a process does.
pub(crate) struct Load {
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counts {
    granted: AtomicU64,
    /// Calls that may have run, without an answer.
    unanswered: AtomicU64,
    is_over: AtomicBool,
}

fn policy() -> LimitPolicy {
    let most = NonZeroU32::new(1_000_000).unwrap();
    LimitPolicy::new(Rate::per_second(most), most)
}

impl Load {
    pub(crate) fn start(limits: &RedisLimits) -> Self {
        let counts = Arc::<Counts>::default();
        let task = tokio::spawn(spend(limits.clone(), Arc::clone(&counts)));
        Self { counts, task }
    }

    /// Waits until calls are granted again, or still.
    pub(crate) async fn goes_on(&self) {
        let enough = self.counts.granted.load(Ordering::Relaxed) + 20;
        let answers = async {
            while self.counts.granted.load(Ordering::Relaxed) < enough {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), answers)
            .await
            .expect("it recovers by itself");
    }

    /// Nothing was sent twice, and nothing granted is missing from the count.
    pub(crate) async fn end(self, limits: &RedisLimits) {
        self.counts.is_over.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
        let granted = self.counts.granted.load(Ordering::Relaxed);
        let unanswered = self.counts.unanswered.load(Ordering::Relaxed);
        let used = used(limits, &policy()).await;
        assert!((granted..=granted + unanswered).contains(&used), "{used} {granted} {unanswered}");
    }
}

async fn spend(limits: RedisLimits, counts: Arc<Counts>) {
    let (policy, take) = (policy(), SharedTake::permits(1));
    let mut known = None;
    while !counts.is_over.load(Ordering::Relaxed) {
        let call = SharedCall { partner: PARTNER, policy: &policy, known: known.as_ref() };
        match limits.take(call, &take).await {
            Ok(taken) => {
                assert_eq!(taken.granted, [1]);
                counts.granted.fetch_add(1, Ordering::Relaxed);
                known = Some(taken.standing);
            }
            Err(error) => {
                counts.unanswered.fetch_add(error.may_have_run().into(), Ordering::Relaxed);
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
