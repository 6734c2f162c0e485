//! The same as with the feature `metrics`, and nothing of it does anything.

use dualkey_limit::{Clock, Timestamp};
use dualkey_store::PartnerId;

use super::code::{Code, Found};
use super::gauges::Gauges;

#[derive(Clone, Copy, Default)]
pub(crate) struct Counter;

#[derive(Default)]
pub(crate) struct PartnerCounts;

#[derive(Clone, Copy, Default)]
pub(crate) struct Trace;

pub(crate) struct Telemetry;

impl Counter {
    pub(crate) const fn increment(&self, _by: u64) {}
}

impl Trace {
    pub(crate) const fn set_partner(&mut self, _number: u32) {}

    pub(crate) const fn found_partner(&mut self, _found: Found) {}

    pub(crate) const fn found_token(&mut self, _found: Found) {}
}

impl Telemetry {
    pub(crate) const fn new(_by_partner: bool) -> Self {
        Self
    }

    pub(crate) const fn evictions(&self) -> Counter {
        Counter
    }

    pub(crate) fn count<'a>(
        &self,
        _code: Code,
        _trace: &Trace,
        _counts_of: impl FnOnce(u32) -> Option<&'a PartnerCounts>,
    ) {
    }

    pub(crate) const fn start(&self, _clock: &dyn Clock) -> Option<Timestamp> {
        None
    }

    pub(crate) const fn store_was_awaited(&self, _since: Option<Timestamp>, _clock: &dyn Clock) {}

    pub(crate) const fn store_answered(&self, _is_ok: bool, _at: Timestamp) {}

    pub(crate) const fn write_failed(&self) {}

    pub(crate) fn publish<'a, P>(
        &self,
        _gauges: impl FnOnce() -> Gauges,
        _partners: impl FnOnce() -> P,
    ) where
        P: Iterator<Item = (PartnerId, &'a PartnerCounts)>,
    {
    }
}
