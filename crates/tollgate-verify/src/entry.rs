use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tollgate_limit::{LimitPolicy, LimitState, Meter, Outcome, Timestamp};
use tollgate_scope::ScopeSet;
use tollgate_store::{OrganizationId, Partner, PartnerId, StoredToken, TokenId, TokenUse, Usage};

/// A time of reading, and what still counts at that time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AsOf {
    pub(crate) now: Timestamp,
    /// For how long before now something must have been confirmed.
    pub(crate) max_staleness: Duration,
    /// When all was confirmed that was not announced as changed.
    pub(crate) complete_until: Timestamp,
}

impl AsOf {
    /// Whether it counts what was confirmed then, and not announced as changed since.
    pub(crate) fn counts(&self, confirmed_at: Timestamp) -> bool {
        let latest = confirmed_at.max(self.complete_until);
        self.now.saturating_duration_since(latest) <= self.max_staleness
    }
}

/// When the store last said so; never, once a change was heard of.
#[derive(Debug)]
pub(crate) struct Confirmed(AtomicU64);

impl Confirmed {
    pub(crate) const NEVER: Timestamp = Timestamp::EPOCH;

    fn at(time: Timestamp) -> Self {
        Self(AtomicU64::new(time.as_nanos()))
    }

    pub(crate) fn withdraw(&self) {
        self.0.store(0, Ordering::SeqCst);
    }

    pub(crate) fn holds(&self, as_of: AsOf) -> bool {
        let at = Timestamp::from_nanos(self.0.load(Ordering::SeqCst));
        at != Self::NEVER && as_of.counts(at)
    }
}

/// A partner as last confirmed, and its meters, which outlive each confirmation.
#[derive(Debug)]
pub(crate) struct PartnerEntry {
    pub(crate) id: PartnerId,
    pub(crate) policy: LimitPolicy,
    pub(crate) enabled: bool,
    pub(crate) confirmed: Confirmed,
    pub(crate) meters: Arc<Meters>,
}

/// What is counted of a partner.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    limits: Meter,
    failures: Meter,
    /// Look-ups under way that may turn out to be failures.
    attempts: AtomicU32,
    /// Whether the partner was charged since its usage was last written.
    pub(crate) is_charged: AtomicBool,
    /// The day, and how many of its permits the store has heard of.
    written: Mutex<(i64, u32)>,
}

impl Meters {
    /// Meters that know what was used today: a restart hands out no fresh day.
    pub(crate) fn restored(policy: &LimitPolicy, now: Timestamp, used: u64) -> Self {
        let used = u32::try_from(used).unwrap_or(u32::MAX);
        let limits = match used {
            0 => Meter::new(),
            _ => LimitState::default().with_used_today(policy, now, used).into(),
        };
        Self { limits, written: Mutex::new((policy.day(now), used)), ..Self::default() }
    }
}

impl PartnerEntry {
    pub(crate) fn new(partner: &Partner, meters: Arc<Meters>, confirmed_at: Timestamp) -> Self {
        let Partner { id, policy, enabled, .. } = *partner;
        Self { id, policy, enabled, confirmed: Confirmed::at(confirmed_at), meters }
    }

    /// Charges the partner's limits. A request that costs more than they ever hold costs all that they
    /// hold.
    pub(crate) fn charge(&self, cost: u32, now: Timestamp) -> Outcome {
        let most = self.policy.daily().unwrap_or(self.policy.burst()).min(self.policy.burst());
        self.meters.limits.take(&self.policy, now, cost.min(most.get()))
    }

    /// Charges a failure to the allowance for failures, if any is left.
    pub(crate) fn note_failure(&self, now: Timestamp) {
        let _spent_or_exhausted = self.meters.failures.take(&self.allowance(), now, 1);
    }

    /// Begins a look-up of a token that may turn out to be a failure.
    ///
    /// # Errors
    ///
    /// The allowance would not cover it and all others under way; when to try again.
    pub(crate) fn attempt(&self, now: Timestamp) -> Result<Attempt, Duration> {
        let others = self.meters.attempts.fetch_add(1, Ordering::SeqCst);
        let attempt = Attempt(Arc::clone(&self.meters));
        let allowance = self.allowance();
        let outcome = self.meters.failures.peek(&allowance, now, others.saturating_add(1));
        if outcome.is_allowed() {
            return Ok(attempt);
        }
        Err(outcome.retry_after().unwrap_or(allowance.rate().time_for(1)))
    }

    /// The rate and burst of the limits, without a daily part.
    fn allowance(&self) -> LimitPolicy {
        LimitPolicy::new(self.policy.rate(), self.policy.burst())
    }

    /// What the partner used today and the store has not heard of. From here on it counts as written.
    pub(crate) fn take_usage(&self, now: Timestamp) -> Option<Usage> {
        let day = self.policy.day(now);
        self.meters.is_charged.store(false, Ordering::SeqCst);
        let used = self.meters.limits.state().used_today(&self.policy, now);
        let mut written = lock(&self.meters.written);
        let before = if written.0 == day { written.1 } else { 0 };
        *written = (day, used.max(before));
        let permits = u64::from(used.saturating_sub(before));
        (permits > 0).then_some(Usage { partner: self.id, day, permits })
    }

    /// Takes back that this was written.
    pub(crate) fn return_usage(&self, usage: &Usage) {
        let mut written = lock(&self.meters.written);
        if written.0 == usage.day {
            let permits = u32::try_from(usage.permits).unwrap_or(u32::MAX);
            written.1 = written.1.saturating_sub(permits);
        }
    }
}

/// A look-up under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Attempt(Arc<Meters>);

impl Drop for Attempt {
    fn drop(&mut self) {
        self.0.attempts.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A token as last confirmed, and its uses, which outlive each confirmation.
#[derive(Debug)]
pub(crate) struct TokenEntry {
    pub(crate) id: TokenId,
    pub(crate) organization: OrganizationId,
    pub(crate) scopes: ScopeSet,
    expires_at: Option<Timestamp>,
    pub(crate) confirmed: Confirmed,
    pub(crate) uses: Arc<Uses>,
}

/// When a token was used.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    first: AtomicU64,
    last: AtomicU64,
    /// When that was last written to the store.
    written_at: AtomicU64,
    /// Whether it was used since then.
    pub(crate) is_noted: AtomicBool,
}

/// A token's last use is written at most this often.
const WRITE_EVERY: Duration = Duration::from_secs(60);

impl TokenEntry {
    pub(crate) fn new(
        stored: StoredToken,
        scopes: ScopeSet,
        uses: Arc<Uses>,
        confirmed_at: Timestamp,
    ) -> Self {
        let record = stored.record;
        Self {
            id: record.id,
            organization: record.organization,
            scopes,
            expires_at: record.expires_at,
            confirmed: Confirmed::at(confirmed_at),
            uses,
        }
    }

    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    pub(crate) fn note_use(&self, now: Timestamp) {
        let (relaxed, now) = (Ordering::Relaxed, now.as_nanos());
        if self.uses.last.load(relaxed) < now {
            let before = self.uses.last.fetch_max(now, relaxed);
            if before == 0 {
                self.uses.first.store(now, relaxed);
            }
        }
    }

    pub(crate) fn was_used_since(&self, time: Timestamp) -> bool {
        self.uses.last.load(Ordering::Relaxed) >= time.as_nanos()
    }

    /// Whether the last use may be written again.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let written_at = Timestamp::from_nanos(self.uses.written_at.load(Ordering::Relaxed));
        now.saturating_duration_since(written_at) >= WRITE_EVERY
    }

    /// The last use. From here on it counts as written.
    pub(crate) fn take_use(&self, now: Timestamp) -> TokenUse {
        self.uses.is_noted.store(false, Ordering::SeqCst);
        self.uses.written_at.store(now.as_nanos(), Ordering::Relaxed);
        let read = |time: &AtomicU64| Timestamp::from_nanos(time.load(Ordering::SeqCst));
        let last_at = read(&self.uses.last);
        let first_at = match read(&self.uses.first) {
            Timestamp::EPOCH => last_at,
            first => first,
        };
        TokenUse { token: self.id, first_at, last_at }
    }

    /// Takes back that the last use was written.
    pub(crate) fn return_use(&self) {
        self.uses.written_at.store(0, Ordering::Relaxed);
    }
}

/// What these locks guard is whole at each step, so a panic elsewhere is no reason to refuse.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
