use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use dualkey_limit::{LimitPolicy, LimitState, Meter, Outcome, Timestamp};
use dualkey_store::{ApiKey, DailyUsage, Partner, PartnerId};
use foldhash::quality::RandomState;
use smol_str::SmolStr;

use crate::index::Index;
use crate::slab::{Interned, Slab};

/// The partners that this process has heard of, by key. They are never forgotten: what is counted of
/// them has to outlive every change.
pub(crate) struct Partners {
    index: Index,
    hasher: RandomState,
    entries: Slab<Place>,
    policies: Interned<LimitPolicy>,
    /// How many entries there are; held while one is written.
    writing: Mutex<u32>,
}

/// A key, hashed once.
#[derive(Clone, Copy)]
pub(crate) struct Sought<'a> {
    pub(crate) key: &'a [u8],
    hash: u64,
}

/// How many partners there can be, and how many sets of limits they can have had.
const CAPACITY: usize = 1 << 20;
/// With so many, the index takes 256 KiB.
const NEAR: usize = 1 << 15;

/// Two lines of the cache, which no two partners share: threads that charge one are not in the way of
/// those that charge another.
#[derive(Default)]
#[repr(align(128))]
struct Place(OnceLock<PartnerEntry>);

const _: () = assert!(size_of::<Place>() == 128);

/// A partner as last confirmed, and what is counted of it.
pub(crate) struct PartnerEntry {
    limits: Meter,
    /// Under the rate and burst of the limits, without a daily part.
    failures: Meter,
    key: SmolStr,
    pub(crate) id: PartnerId,
    /// When the store last said so, in nanoseconds; never, once a change was heard of.
    confirmed_at: AtomicU64,
    policy: AtomicU32,
    is_enabled: AtomicBool,
    /// Whether it was charged since its usage was last written.
    is_charged: AtomicBool,
    /// Look-ups of tokens under way that may turn out to be failures.
    attempts: AtomicU32,
    /// The day, and how many of its permits the store has heard of.
    written: Mutex<(i32, u32)>,
}

impl Partners {
    pub(crate) fn new() -> Self {
        Self {
            index: Index::of_numbers_below(CAPACITY),
            hasher: RandomState::default(),
            entries: Slab::with_capacity(CAPACITY),
            policies: Interned::with_capacity(CAPACITY),
            writing: Mutex::default(),
        }
    }

    #[inline]
    pub(crate) fn seek<'a>(&self, key: &'a [u8]) -> Sought<'a> {
        Sought { key, hash: self.hash(key) }
    }

    /// Whether their index has outgrown what a processor's caches hold beside other things, so that to wait
    /// for it takes longer than a digest.
    #[inline]
    pub(crate) fn are_far(&self) -> bool {
        self.index.len() >= NEAR
    }

    #[inline]
    pub(crate) fn find(&self, sought: &Sought<'_>) -> Option<u32> {
        let is_it = |number| (self.get(number)?.key.as_bytes() == sought.key).then_some(number);
        self.index.find(sought.hash, is_it)
    }

    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&PartnerEntry> {
        self.entries.get(number)?.0.get()
    }

    #[inline]
    pub(crate) fn policy(&self, entry: &PartnerEntry) -> Option<&LimitPolicy> {
        self.policies.get(entry.policy.load(Ordering::Acquire))
    }

    /// Keeps what the store said of a partner, confirmed only if nothing changed since it was asked.
    /// A partner of whom nothing was counted yet begins with `counted`. None when there is no room: a
    /// partner whose limits cannot be counted is not served.
    pub(crate) fn keep(
        &self,
        partner: &Partner,
        counted: LimitState,
        now: Timestamp,
        is_current: impl FnOnce() -> bool,
    ) -> Option<u32> {
        let mut count = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let policy = self.policies.number(&partner.policy)?;
        let sought = self.seek(partner.api_key.as_str().as_bytes());
        let known = self.find(&sought);
        let number = known.unwrap_or(*count);
        let place = &self.entries.make(number)?.0;
        let entry = place.get_or_init(|| PartnerEntry::new(partner, counted, now));
        entry.policy.store(policy, Ordering::Release);
        entry.is_enabled.store(partner.enabled, Ordering::Release);
        if is_current() {
            entry.confirmed_at.store(now.as_nanos(), Ordering::Release);
        }
        if known.is_none() {
            *count += 1;
            let hash_of =
                |number| self.get(number).map_or(0, |entry| self.hash(entry.key.as_bytes()));
            self.index.insert(sought.hash, number, hash_of);
        }
        Some(number)
    }

    /// No longer serves what was kept of this partner, or of all.
    pub(crate) fn withdraw(&self, key: Option<&ApiKey>) {
        let count = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let numbers = match key {
            Some(key) => self
                .find(&self.seek(key.as_str().as_bytes()))
                .map_or(0..0, |number| number..number + 1),
            None => 0..*count,
        };
        for entry in numbers.filter_map(|number| self.get(number)) {
            entry.confirmed_at.store(0, Ordering::Release);
        }
    }

    fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }
}

impl PartnerEntry {
    fn new(partner: &Partner, counted: LimitState, now: Timestamp) -> Self {
        let day = short(partner.policy.day(now));
        let written = (day, counted.used_today(&partner.policy, now));
        Self {
            limits: counted.into(),
            failures: Meter::new(),
            key: SmolStr::new(partner.api_key.as_str()),
            id: partner.id,
            confirmed_at: AtomicU64::new(0),
            policy: AtomicU32::new(0),
            is_enabled: AtomicBool::new(false),
            is_charged: AtomicBool::new(false),
            attempts: AtomicU32::new(0),
            written: Mutex::new(written),
        }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.is_enabled.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn confirmed_at(&self) -> Option<Timestamp> {
        let at = self.confirmed_at.load(Ordering::Acquire);
        (at != 0).then(|| Timestamp::from_nanos(at))
    }

    /// Charges the partner's limits. A request that costs more than they ever hold costs all that they
    /// hold.
    #[inline]
    pub(crate) fn charge(&self, policy: &LimitPolicy, cost: u32, now: Timestamp) -> Outcome {
        let most = policy.daily().unwrap_or(policy.burst()).min(policy.burst());
        self.limits.take(policy, now, cost.min(most.get()))
    }

    /// Charges a failure to the allowance for failures, if any is left.
    pub(crate) fn note_failure(&self, policy: &LimitPolicy, now: Timestamp) {
        let _spent_or_exhausted = self.failures.take(&policy.without_daily(), now, 1);
    }

    /// Notes that it was charged; whether that is news.
    pub(crate) fn note_charge(&self) -> bool {
        !self.is_charged.load(Ordering::Relaxed) && !self.is_charged.swap(true, Ordering::SeqCst)
    }

    /// What it used today and the store has not heard of. From here on it counts as written.
    pub(crate) fn take_usage(&self, policy: &LimitPolicy, now: Timestamp) -> Option<DailyUsage> {
        self.is_charged.store(false, Ordering::SeqCst);
        let day = policy.day(now);
        let used = self.limits.state().used_today(policy, now);
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let before = if written.0 == short(day) { written.1 } else { 0 };
        *written = (short(day), used.max(before));
        let permits = u64::from(used.saturating_sub(before));
        (permits > 0).then_some(DailyUsage { partner: self.id, day, permits })
    }

    /// Takes back that this was written.
    pub(crate) fn return_usage(&self, usage: &DailyUsage) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.0 == short(usage.day) {
            let permits = u32::try_from(usage.permits).unwrap_or(u32::MAX);
            written.1 = written.1.saturating_sub(permits);
        }
    }
}

/// A clock ends long before the days that an `i32` counts.
fn short(day: i64) -> i32 {
    i32::try_from(day).unwrap_or(i32::MAX)
}

/// A look-up of a token under way, until it is dropped.
pub(crate) struct Attempt {
    partners: Arc<Partners>,
    number: u32,
}

impl Attempt {
    /// Begins a look-up that may turn out to be a failure.
    ///
    /// # Errors
    ///
    /// The allowance would not cover it and all others under way; when to try again.
    pub(crate) fn begin(
        partners: &Arc<Partners>,
        number: u32,
        policy: &LimitPolicy,
        now: Timestamp,
    ) -> Result<Self, Duration> {
        let attempt = Self { partners: Arc::clone(partners), number };
        let Some(entry) = partners.get(number) else { return Ok(attempt) };
        let others = entry.attempts.fetch_add(1, Ordering::SeqCst);
        let allowance = policy.without_daily();
        let outcome = entry.failures.peek(&allowance, now, others.saturating_add(1));
        if outcome.is_allowed() {
            return Ok(attempt);
        }
        Err(outcome.retry_after().unwrap_or(allowance.rate().time_for(1)))
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(entry) = self.partners.get(self.number) {
            entry.attempts.fetch_sub(1, Ordering::SeqCst);
        }
    }
}
