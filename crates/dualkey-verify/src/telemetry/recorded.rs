use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use dualkey_limit::{Clock, Timestamp};
use dualkey_store::PartnerId;
use metrics::Recorder;

pub(crate) use metrics::Counter;

use super::code::Code;
use super::gauges::Gauges;
use super::series::{Handles, Published};
use super::stripes::{CODES, Stripes, zeros};
use super::trace::Trace;

/// What is counted for the recorder that was installed when the verifier was built; nothing without one.
pub(crate) struct Telemetry(Option<Box<Recorded>>);

struct Recorded {
    stripes: Stripes,
    by_partner: bool,
    /// In nanoseconds since the epoch, when the last lookup or write in the store failed; zero if it was
    /// answered.
    store_failed_at: AtomicU64,
    handles: Handles,
    published: Mutex<Published>,
}

/// The decisions on the requests of one partner, by code; empty until the first one.
#[derive(Default)]
pub(crate) struct PartnerCounts(OnceLock<Box<[AtomicU64; CODES]>>);

impl PartnerCounts {
    fn count(&self, code: Code) {
        let counts = self.0.get_or_init(|| Box::new(zeros()));
        counts[code as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Those of each code, in order; none before the first one.
    pub(crate) fn totals(&self) -> impl Iterator<Item = u64> {
        let counts = self.0.get().into_iter().flat_map(|counts| counts.iter());
        counts.map(|count| count.load(Ordering::Relaxed))
    }
}

impl Telemetry {
    /// Registers each series, except for those of partners.
    pub(crate) fn new(by_partner: bool) -> Self {
        Self(metrics::with_recorder(is_installed).then(|| {
            Box::new(Recorded {
                stripes: Stripes::new(),
                by_partner,
                store_failed_at: AtomicU64::new(0),
                handles: Handles::register(),
                published: Mutex::new(Published::register()),
            })
        }))
    }

    pub(crate) fn evictions(&self) -> Counter {
        self.0.as_ref().map_or(Counter::noop(), |recorded| recorded.handles.evictions.clone())
    }

    #[inline]
    pub(crate) fn count<'a>(
        &self,
        code: Code,
        trace: &Trace,
        counts_of: impl FnOnce(u32) -> Option<&'a PartnerCounts>,
    ) {
        let Some(recorded) = &self.0 else { return };
        recorded.stripes.count(code, trace);
        if recorded.by_partner
            && let Some(counts) = trace.number.and_then(counts_of)
        {
            counts.count(code);
        }
    }

    /// The time at which a request begins to wait for the store.
    pub(crate) fn start(&self, clock: &dyn Clock) -> Option<Timestamp> {
        self.0.is_some().then(|| clock.now())
    }

    pub(crate) fn store_was_awaited(&self, since: Option<Timestamp>, clock: &dyn Clock) {
        if let (Some(recorded), Some(since)) = (&self.0, since) {
            recorded.handles.waits.record(clock.now().saturating_duration_since(since));
        }
    }

    /// A lookup or a write that began then was answered, or failed.
    pub(crate) fn store_answered(&self, is_ok: bool, at: Timestamp) {
        if let Some(recorded) = &self.0 {
            let failed_at = if is_ok { 0 } else { at.as_nanos() };
            recorded.store_failed_at.store(failed_at, Ordering::Relaxed);
        }
    }

    pub(crate) fn write_failed(&self) {
        if let Some(recorded) = &self.0 {
            recorded.handles.write_failures.increment(1);
        }
    }

    /// Passes all counts and gauges to the recorder.
    pub(crate) fn publish<'a, P>(
        &self,
        gauges: impl FnOnce() -> Gauges,
        partners: impl FnOnce() -> P,
    ) where
        P: Iterator<Item = (PartnerId, &'a PartnerCounts)>,
    {
        let Some(recorded) = &self.0 else { return };
        let mut published = recorded.published.lock().unwrap_or_else(PoisonError::into_inner);
        published.publish(&recorded.stripes.totals());
        if recorded.by_partner {
            partners().for_each(|(id, counts)| published.publish_partner(id, counts.totals()));
        }
        let gauges = gauges();
        if let Some(counts) = &gauges.shared {
            published.publish_shared(counts);
        }
        recorded.handles.publish(&gauges, recorded.is_store_up(&gauges));
    }
}

impl Recorded {
    /// Whether the store answered last, or its feed has read since, and the feed is current.
    fn is_store_up(&self, gauges: &Gauges) -> bool {
        let failed_at = self.store_failed_at.load(Ordering::Relaxed);
        let has_read_since = |read_at: Timestamp| read_at.as_nanos() > failed_at;
        let answers = failed_at == 0 || gauges.feed_read_at.is_some_and(has_read_since);
        answers && gauges.is_feed_current
    }
}

/// The recorder of a program without one has no size.
fn is_installed(recorder: &dyn Recorder) -> bool {
    size_of_val(recorder) > 0
}
