use dualkey_limit::Timestamp;
use dualkey_shared::SharedCounts;

/// The state of a cache at one time.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "metrics"), expect(dead_code, reason = "nothing is published"))]
pub(crate) struct Gauges {
    pub(crate) now: Timestamp,
    pub(crate) partners: usize,
    pub(crate) tokens: usize,
    /// Rows that wait to be written.
    pub(crate) pending: usize,
    /// The time up to which the store's change feed has read; none for a store without a feed, or before its
    /// first read.
    pub(crate) feed_read_at: Option<Timestamp>,
    /// Whether that is within `max_staleness`, or there is no feed.
    pub(crate) is_feed_current: bool,
    /// Of shared limits, if there are any.
    pub(crate) shared: Option<SharedCounts>,
}
