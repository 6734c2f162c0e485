//! What a program calls beside its requests.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use dualkey_store::StoreError;

use crate::cache::log_store_error;
use crate::verifier::Verifier;

impl Verifier {
    /// Reads all partners and tokens of the store into memory, up to [`max_tokens`], before the program
    /// serves requests.
    ///
    /// While everything fits, a partner key or token that is not in memory is known to be invalid once the
    /// store's change feed has read since the request began. Requests share such a read, of which there are
    /// at most five a second, so made-up credentials cost the store next to nothing, at any rate, and keep no
    /// valid ones out. Where not everything fits, entries that are not in memory are looked up one by one,
    /// within the failure allowance of the partner and the allowance for [unknown keys].
    ///
    /// [`max_tokens`]: crate::VerifierBuilder::max_tokens
    /// [unknown keys]: crate::VerifierBuilder::unknown_keys
    ///
    /// ```
    /// use dualkey_testing::Fixture;
    ///
    /// # pollster::block_on(async {
    /// let fixture = Fixture::new();
    /// let verifier = fixture.gate.verifier();
    /// assert!(!verifier.is_ready());
    /// verifier.warm_up().await.unwrap();
    /// assert!(verifier.is_ready());
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// The store failed, and what was read is kept; or another call has not ended yet.
    pub async fn warm_up(&self) -> Result<(), StoreError> {
        self.decider.cache.warm_up(self.decider.registry.clock()).await
    }

    /// Whether a program that warms up is ready for requests: [`warm_up`](Self::warm_up) has ended, and the
    /// store's change feed, if it has one, has read within [`max_staleness`].
    ///
    /// [`max_staleness`]: crate::VerifierBuilder::max_staleness
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let cache = &self.decider.cache;
        cache.is_warm() && cache.is_store_up(self.now())
    }

    /// Writes to the store when tokens were last used, each at most once a minute, and what partners used of
    /// their quotas. Requests never wait for it. If it fails, or its future is dropped, what is not written
    /// is written the next time; if the store kept a dropped write after all, that usage counts twice.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn write_behind(&self) -> Result<(), StoreError> {
        self.decider.cache.write_behind(self.now(), false).await
    }

    /// Calls [`write_behind`](Self::write_behind) after each tick, and [`flush`](Self::flush) at the end. Where
    /// changes may have been missed since a [`warm_up`](Self::warm_up), it reads everything again, at most
    /// every half minute.
    /// A program whose store outlives the process spawns it with a tick of about a second, and awaits it
    /// once it serves no more requests.
    ///
    /// ```
    /// # async fn run(verifier: dualkey_verify::Verifier) {
    /// # mod tokio { pub(crate) mod time { pub(crate) async fn sleep(_: std::time::Duration) {} } }
    /// # let shutdown = async {};
    /// use std::time::Duration;
    ///
    /// let tick = || tokio::time::sleep(Duration::from_secs(1));
    /// verifier.run_write_behind(tick, shutdown).await;
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The last write failed. Failures before are logged, and what they did not write is written later.
    pub async fn run_write_behind(
        &self,
        mut tick: impl AsyncFnMut(),
        until: impl Future,
    ) -> Result<(), StoreError> {
        let mut until = pin!(until);
        let mut reload: Option<Pin<Box<dyn Future<Output = ()> + Send + '_>>> = None;
        loop {
            let is_over = {
                let mut tick = pin!(tick());
                let mut next = |cx: &mut Context<'_>| {
                    if reload.as_mut().is_some_and(|reload| reload.as_mut().poll(cx).is_ready()) {
                        reload = None;
                    }
                    match until.as_mut().poll(cx) {
                        Poll::Ready(_) => Poll::Ready(true),
                        Poll::Pending => tick.as_mut().poll(cx).map(|()| false),
                    }
                };
                poll_fn(&mut next).await
            };
            if is_over {
                let flushed = self.flush().await;
                self.decider.cache.publish_metrics(self.decider.registry.clock());
                return flushed;
            }
            if let Err(error) = self.write_behind().await {
                log_store_error(&error);
            }
            self.decider.cache.publish_metrics(self.decider.registry.clock());
            if reload.is_none() && self.decider.cache.is_reload_due(self.now()) {
                reload = Some(Box::pin(async {
                    self.warm_up().await.unwrap_or_else(|error| log_store_error(&error));
                }));
            }
        }
    }

    /// Passes what is counted to the recorder of the crate `metrics` that was installed when this verifier
    /// was built. [`run_write_behind`](Self::run_write_behind) does so after each tick. A program that renders
    /// the metrics itself calls this first, so that they are current.
    ///
    #[doc = include_str!("../METRICS.md")]
    #[cfg(feature = "metrics")]
    pub fn publish_metrics(&self) {
        self.decider.cache.publish_metrics(self.decider.registry.clock());
    }

    /// Writes everything that is not written yet. Call it once before the process ends, when no more
    /// requests are served.
    ///
    /// # Errors
    ///
    /// The store failed; what is not written is kept.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.decider.cache.write_behind(self.now(), true).await
    }
}
