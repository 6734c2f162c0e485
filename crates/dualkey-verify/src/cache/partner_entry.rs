use std::mem::offset_of;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dualkey_limit::{LimitPolicy, LimitState, Meter, Outcome, Standing, Timestamp};
use dualkey_shared::{PartnerLimits, SharedLimiter};
use dualkey_store::{ApiKey, DailyUsage, Partner, PartnerId};

use crate::telemetry::PartnerCounts;

/// A partner: its meters, and its state in the store.
///
/// Each request writes the first cache line and only reads the second. In one line, two processors that
/// verify requests of one partner would take it from one another twice a request instead of once.
#[repr(C)]
pub(crate) struct PartnerEntry {
    limits: Meter,
    /// Whether it was charged since its usage was last written.
    is_dirty: AtomicBool,
    cold: Box<ColdState>,
    _padding: [u64; 2],
    key: ApiKey,
    pub(crate) id: PartnerId,
    state: AtomicU64,
}

const _: () = assert!(offset_of!(PartnerEntry, key) == 64);

/// What no granted request reads: apart, so that the rest fits two cache lines.
#[derive(Default)]
struct ColdState {
    /// The failure allowance: the rate and burst of the limits, without a daily quota.
    failures: Meter,
    /// Token lookups in flight that may turn out to be failures.
    reserved_failures: AtomicU32,
    /// A day, and how many of its permits the store knows of.
    written: Mutex<(i32, u64)>,
    decisions: PartnerCounts,
    /// The limits that processes share. The meter then counts what this process grants, for its usage.
    shared: Option<PartnerLimits>,
}

/// The state of a partner in the store, in one word that is swapped as a whole: from the top, the time of
/// the lookup (milliseconds since the Unix epoch; zero once invalidated), whether the partner is
/// enabled, and the number of its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartnerState(u64);

impl PartnerState {
    pub(crate) const POLICY_BITS: u32 = 20;
    const ENABLED: u64 = 1 << Self::POLICY_BITS;
    const TIME_AT: u32 = Self::POLICY_BITS + 1;

    pub(crate) fn new(policy: u32, is_enabled: bool, confirmed_at: Timestamp) -> Self {
        let enabled = if is_enabled { Self::ENABLED } else { 0 };
        let millis = confirmed_at.as_nanos() / 1_000_000;
        Self(millis << Self::TIME_AT | enabled | u64::from(policy))
    }

    pub(crate) const fn policy(self) -> u32 {
        (self.0 & (Self::ENABLED - 1)) as u32
    }

    pub(crate) const fn is_enabled(self) -> bool {
        self.0 & Self::ENABLED != 0
    }

    /// When the store last confirmed this, rounded down; none once it is invalidated.
    #[inline]
    pub(crate) fn confirmed_at(self) -> Option<Timestamp> {
        let millis = self.0 >> Self::TIME_AT;
        (millis != 0).then(|| Timestamp::from_nanos(millis.saturating_mul(1_000_000)))
    }

    /// The same, to be confirmed before it is served.
    pub(crate) const fn invalidated(self) -> Self {
        Self(self.0 & (Self::ENABLED << 1).wrapping_sub(1))
    }
}

impl PartnerEntry {
    pub(crate) fn new(
        partner: &Partner,
        state: PartnerState,
        used: LimitState,
        now: Timestamp,
        limiter: Option<&SharedLimiter>,
    ) -> Self {
        let day = day_number(partner.policy.day(now));
        let used_today = used.used_today(&partner.policy, now);
        let written = Mutex::new((day, used_today));
        let shared = limiter
            .map(|limiter| limiter.partner_with_usage(partner.id, &partner.policy, used_today));
        Self {
            limits: used.into(),
            key: partner.api_key.clone(),
            id: partner.id,
            state: AtomicU64::new(state.0),
            is_dirty: AtomicBool::new(false),
            _padding: [0; 2],
            cold: Box::new(ColdState { written, shared, ..ColdState::default() }),
        }
    }

    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        self.key.as_str().as_bytes()
    }

    #[inline]
    pub(crate) fn state(&self) -> PartnerState {
        PartnerState(self.state.load(Ordering::Acquire))
    }

    /// Swaps the state. The caller holds the write lock.
    pub(crate) fn update_state(&self, state: PartnerState) {
        self.state.store(state.0, Ordering::Release);
    }

    /// Replaces the policy of both meters. The caller holds the write lock, and updates the state afterwards.
    pub(crate) fn change_policy(&self, from: &LimitPolicy, to: &LimitPolicy, now: Timestamp) {
        let mut written = self.cold.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.0 == day_number(from.day(now)) {
            written.0 = day_number(to.day(now));
        }
        self.limits.change_policy(from, to, now);
        self.cold.failures.change_policy(&from.without_daily(), &to.without_daily(), now);
    }

    /// The partner is no longer served until it is confirmed again. The caller holds the write lock.
    pub(crate) fn invalidate(&self) {
        self.state.store(self.state().invalidated().0, Ordering::Release);
    }

    /// Charges the limits of this process with what this cost exceeds the permits that were charged before.
    #[inline]
    pub(crate) fn charge(
        &self,
        policy: &LimitPolicy,
        cost: u32,
        charged: u32,
        now: Timestamp,
    ) -> Outcome {
        self.limits.take(policy, now, to_charge(policy, cost, charged))
    }

    /// What this process holds of the limits that processes share, and the limiter that takes from them.
    pub(crate) fn shared_by<'a>(
        &'a self,
        limiter: &'a SharedLimiter,
    ) -> Option<(&'a SharedLimiter, &'a PartnerLimits)> {
        Some((limiter, self.cold.shared.as_ref()?))
    }

    /// Counts permits that the shared limits granted, for the usage of this process.
    pub(crate) fn count_granted(&self, policy: &LimitPolicy, permits: u32, now: Timestamp) {
        self.limits.add_used_today(policy, now, permits.into());
    }

    /// The decisions on its requests.
    pub(crate) fn decisions(&self) -> &PartnerCounts {
        &self.cold.decisions
    }

    /// What is left of the limits. Nothing is charged.
    pub(crate) fn standing(&self, policy: &LimitPolicy, now: Timestamp) -> Standing {
        match &self.cold.shared {
            Some(shared) => shared.standing(policy, now),
            None => *self.limits.peek(policy, now, 0).standing(),
        }
    }

    /// Charges the failure allowance, unless it is used up.
    pub(crate) fn charge_failure(&self, policy: &LimitPolicy, now: Timestamp) {
        let _is_charged = self.cold.failures.try_take(&policy.without_daily(), now, 1);
    }

    /// Reserves a permit of the failure allowance for a lookup that may turn out to be a failure.
    ///
    /// # Errors
    ///
    /// The allowance does not cover it beside the lookups in flight; the time to wait.
    pub(crate) fn reserve_failure(
        &self,
        policy: &LimitPolicy,
        now: Timestamp,
    ) -> Result<(), Duration> {
        let others = self.cold.reserved_failures.fetch_add(1, Ordering::SeqCst);
        let allowance = policy.without_daily();
        let outcome = self.cold.failures.peek(&allowance, now, others.saturating_add(1));
        if outcome.is_allowed() {
            return Ok(());
        }
        self.release_failure();
        Err(outcome.retry_after().unwrap_or(allowance.rate().time_for(1)))
    }

    pub(crate) fn release_failure(&self) {
        self.cold.reserved_failures.fetch_sub(1, Ordering::SeqCst);
    }

    /// Marks the usage as not written, after a charge. True if it was written until now: the caller then
    /// enqueues it.
    ///
    /// The meter orders this: a charge that [`take_usage`](Self::take_usage) does not find in the meter's state
    /// comes after it, and finds the mark cleared.
    #[inline]
    pub(crate) fn mark_dirty(&self) -> bool {
        !self.is_dirty.load(Ordering::Relaxed) && !self.is_dirty.swap(true, Ordering::Relaxed)
    }

    /// What was used today and is not written, which from here on counts as written.
    pub(crate) fn take_usage(&self, policy: &LimitPolicy, now: Timestamp) -> Option<DailyUsage> {
        self.is_dirty.store(false, Ordering::Relaxed);
        let day = policy.day(now);
        let used = self.limits.state().used_today(policy, now);
        let mut written = self.cold.written.lock().unwrap_or_else(PoisonError::into_inner);
        let before = if written.0 == day_number(day) { written.1 } else { 0 };
        *written = (day_number(day), used.max(before));
        let permits = used.saturating_sub(before);
        (permits > 0).then_some(DailyUsage { partner: self.id, day, permits })
    }

    /// This usage was not written after all.
    pub(crate) fn return_usage(&self, usage: &DailyUsage) {
        let mut written = self.cold.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.0 == day_number(usage.day) {
            written.1 = written.1.saturating_sub(usage.permits);
        }
    }
}

/// The permits that a decision takes, of a request of which some were charged before. A request that costs
/// more than the limits ever hold costs all that they hold.
#[inline]
pub(crate) fn to_charge(policy: &LimitPolicy, cost: u32, charged: u32) -> u32 {
    let max = policy.daily().unwrap_or(policy.burst()).min(policy.burst()).get();
    cost.min(max).saturating_sub(charged)
}

/// The days of a 64-bit clock in nanoseconds fit into an `i32`.
fn day_number(day: i64) -> i32 {
    i32::try_from(day).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    #[test]
    fn an_invalidated_state_loses_only_its_time() {
        let last = (1 << PartnerState::POLICY_BITS) - 1;
        for (policy, is_enabled) in [(0, true), (last, true), (last, false)] {
            let state = PartnerState::new(policy, is_enabled, NOW);
            assert_eq!(state.confirmed_at(), Some(NOW));
            for (state, at) in [(state, Some(NOW)), (state.invalidated(), None)] {
                assert_eq!((state.policy(), state.is_enabled()), (policy, is_enabled));
                assert_eq!(state.confirmed_at(), at);
            }
        }
    }

    #[test]
    fn a_charge_is_enqueued_once_and_written_once() {
        let (policy, api_key) = (LimitPolicy::default(), "partner-key".parse().unwrap());
        let (id, name) = (PartnerId::from_bytes([1; 16]), String::new());
        let partner = Partner { id, name, api_key, policy, enabled: true, created_at: NOW };
        let state = PartnerState::new(0, true, NOW);
        let entry = PartnerEntry::new(&partner, state, LimitState::default(), NOW, None);
        let charge = || {
            assert!(entry.charge(&policy, 1, 0, NOW).is_allowed());
            entry.mark_dirty()
        };
        assert!(charge());
        assert!(!charge(), "it is enqueued already");
        assert_eq!(entry.take_usage(&policy, NOW).map(|usage| usage.permits), Some(2));
        assert!(entry.take_usage(&policy, NOW).is_none());
        assert!(charge());
    }
}
