use std::cell::OnceCell;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dualkey_limit::{Clock, LimitPolicy, LimitState, Outcome, Timestamp};
use dualkey_scope::Catalogue;
use dualkey_store::{ApiKey, Change, ChangeListener, DailyUsage, Store, StoreError};
use dualkey_token::TokenDigest;

use crate::absent::Absent;
use crate::flights::{Flight, Flights};
use crate::partners::{Attempt, PartnerEntry, Partners, Sought};
use crate::tokens::{Described, Token, Tokens};
use crate::unwritten::{Pending, Unwritten};

/// What this process holds in memory: partners by key, tokens by digest, and what it knows to be
/// absent.
///
/// An entry is served for at most `max_staleness` after the store last confirmed it, and not at all
/// once a change was heard of. An answer that was under way while anything changed serves the request
/// that asked for it, and none after.
pub(crate) struct Directory {
    store: Arc<dyn Store>,
    held: Arc<Held>,
    partner_flights: Arc<Flights<PartnerAnswer>>,
    token_flights: Arc<Flights<TokenAnswer>>,
    unwritten: Mutex<Unwritten>,
}

struct Held {
    partners: Arc<Partners>,
    tokens: Tokens,
    absent_keys: Absent,
    absent_tokens: Absent,
    /// How many changes were heard of. Whoever announces one counts it, then withdraws what it is
    /// about; whoever keeps an answer looks here last, under the lock that withdrawing takes too.
    changes: AtomicU64,
}

/// So many rows are written in one statement, so that each ends well within a store's deadline.
const BATCH: usize = 10_000;

/// The time of a request, read once and only when it is asked for, and what still counts at that time.
pub(crate) struct Moment<'a> {
    clock: &'a dyn Clock,
    now: OnceCell<Timestamp>,
    /// For how long before now something must have been confirmed.
    max_staleness: Duration,
    /// When all was confirmed that was not announced as changed.
    watermark: Timestamp,
}

impl Moment<'_> {
    #[inline]
    pub(crate) fn now(&self) -> Timestamp {
        *self.now.get_or_init(|| self.clock.now())
    }

    /// Whether it counts what was confirmed then, and not announced as changed since.
    #[inline]
    pub(crate) fn counts(&self, confirmed_at: Timestamp) -> bool {
        let latest = confirmed_at.max(self.watermark);
        latest == Timestamp::MAX
            || self.now().saturating_duration_since(latest) <= self.max_staleness
    }
}

/// What this process has heard of a partner or a token.
pub(crate) enum Heard<T> {
    /// This, within the staleness allowed.
    Of(T),
    /// Something, too long ago to count.
    LongAgo,
    /// That the store has none, or none any more.
    Absent,
    /// Nothing.
    Never,
}

/// The number of a partner, if the store has it.
pub(crate) type PartnerAnswer = Result<Option<u32>, StoreIsAway>;

/// A token, if the store has it, and the attempt that it was until its failure is charged.
pub(crate) type TokenAnswer = Result<(Option<Described>, Option<Arc<Attempt>>), StoreIsAway>;

/// The store did not answer, which is logged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoreIsAway;

/// The partner of a request.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) number: u32,
    pub(crate) partner: &'a PartnerEntry,
    pub(crate) policy: &'a LimitPolicy,
}

impl Caller<'_> {
    /// Charges the partner's limits.
    #[inline]
    pub(crate) fn charge(&self, cost: NonZeroU32, now: Timestamp) -> Outcome {
        self.partner.charge(self.policy, cost.get(), now)
    }
}

impl Directory {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        catalogue: Catalogue,
        max_tokens: usize,
        now: Timestamp,
    ) -> Self {
        let held = Arc::new(Held {
            partners: Arc::new(Partners::new()),
            tokens: Tokens::new(catalogue, max_tokens, now),
            absent_keys: Absent::new(),
            absent_tokens: Absent::new(),
            changes: AtomicU64::new(0),
        });
        store.changes().subscribe(&held);
        let (partner_flights, token_flights) = (Flights::new(), Flights::new());
        Self { store, held, partner_flights, token_flights, unwritten: Mutex::default() }
    }

    /// This moment, by this clock.
    pub(crate) fn moment<'a>(&self, clock: &'a dyn Clock, max_staleness: Duration) -> Moment<'a> {
        let watermark = self.store.changes().watermark();
        Moment { clock, now: OnceCell::new(), max_staleness, watermark }
    }

    #[inline]
    pub(crate) fn seek<'a>(&self, key: &'a [u8]) -> Sought<'a> {
        self.held.partners.seek(key)
    }

    #[inline]
    pub(crate) fn has_far_partners(&self) -> bool {
        self.held.partners.are_far()
    }

    /// What this process has heard of the partner with this key.
    #[inline]
    pub(crate) fn partner(&self, sought: &Sought<'_>, moment: &Moment<'_>) -> Heard<Caller<'_>> {
        let known = self.held.partners.find(sought).and_then(|number| self.caller(number));
        match known.map(|caller| (caller, caller.partner.confirmed_at())) {
            Some((caller, Some(at))) if moment.counts(at) => Heard::Of(caller),
            Some(_) => Heard::LongAgo,
            None if self.held.absent_keys.knows(sought.key, moment) => Heard::Absent,
            None => Heard::Never,
        }
    }

    /// The partner of this number, however long ago it was confirmed.
    #[inline]
    pub(crate) fn caller(&self, number: u32) -> Option<Caller<'_>> {
        let partner = self.held.partners.get(number)?;
        Some(Caller { number, partner, policy: self.held.partners.policy(partner)? })
    }

    /// Asks the store for the partner with this key, or waits with others who do.
    pub(crate) fn look_up_partner(
        self: &Arc<Self>,
        key: &ApiKey,
        now: Timestamp,
    ) -> Flight<PartnerAnswer> {
        let (directory, owned) = (Arc::clone(self), key.clone());
        self.partner_flights.join_or_begin(key.as_str().as_bytes(), async move {
            directory.ask_for_partner(&owned, now).await.map_err(|error| is_away(&error))
        })
    }

    async fn ask_for_partner(
        &self,
        key: &ApiKey,
        now: Timestamp,
    ) -> Result<Option<u32>, StoreError> {
        let held = &self.held;
        let changes = held.changes();
        let Some(partner) = self.store.partner_by_key(key).await? else {
            held.partners.withdraw(Some(key));
            held.note_absent(&held.absent_keys, key.as_str().as_bytes(), now, changes);
            return Ok(None);
        };
        // A restart hands out no fresh day: what was used today is counted from the start.
        let mut counted = LimitState::default();
        if held.partners.find(&held.partners.seek(key.as_str().as_bytes())).is_none() {
            let used = self.store.usage(partner.id, partner.policy.day(now)).await?;
            let used = u32::try_from(used).unwrap_or(u32::MAX);
            if used > 0 {
                counted = counted.with_used_today(&partner.policy, now, used);
            }
        }
        let number = held.partners.keep(&partner, counted, now, || held.changes() == changes);
        let full = || StoreError::new("there are more partners than this process can count");
        Ok(Some(number.ok_or_else(full)?))
    }

    /// Has what is held of the token with this digest brought from memory.
    #[inline]
    pub(crate) fn fetch_token(&self, digest: &TokenDigest) {
        self.held.tokens.fetch(digest);
    }

    /// What this process has heard of the token with this digest.
    #[inline(always)]
    pub(crate) fn token(&self, digest: &TokenDigest, moment: &Moment<'_>) -> Heard<Token<'_>> {
        match self.held.tokens.find(digest, moment) {
            Heard::Never if self.held.absent_tokens.knows(digest.as_bytes(), moment) => {
                Heard::Absent
            }
            heard => heard,
        }
    }

    /// The answer about the token with these digests, if the store is being asked for it.
    pub(crate) fn token_flight(&self, digests: &[TokenDigest]) -> Option<Flight<TokenAnswer>> {
        self.token_flights.join(digests.first()?.as_bytes())
    }

    /// Asks the store for the token with one of these digests, or waits with others who do.
    pub(crate) fn look_up_token(
        self: &Arc<Self>,
        digests: Vec<TokenDigest>,
        attempt: Option<Attempt>,
        now: Timestamp,
    ) -> Flight<TokenAnswer> {
        let directory = Arc::clone(self);
        let key = digests.first().map_or([0; 32], |digest| *digest.as_bytes());
        self.token_flights.join_or_begin(&key, async move {
            let attempt = attempt.map(Arc::new);
            for digest in &digests {
                let asked = directory.ask_for_token(digest, now).await;
                if let Some(token) = asked.map_err(|error| is_away(&error))? {
                    return Ok((Some(token), attempt));
                }
            }
            Ok((None, attempt))
        })
    }

    async fn ask_for_token(
        &self,
        digest: &TokenDigest,
        now: Timestamp,
    ) -> Result<Option<Described>, StoreError> {
        let held = &self.held;
        let changes = held.changes();
        // A store may match loosely: only the row with exactly this digest counts.
        let stored = self.store.token_by_digest(digest).await?;
        match stored.filter(|stored| stored.digest.ct_eq(digest).into()) {
            Some(stored) => Ok(Some(held.tokens.keep(stored, now, || held.changes() == changes))),
            None => {
                held.tokens.forget(digest);
                held.note_absent(&held.absent_tokens, digest.as_bytes(), now, changes);
                Ok(None)
            }
        }
    }

    /// Begins a look-up of a token that may turn out to be a failure of this caller.
    pub(crate) fn attempt(&self, caller: Caller<'_>, now: Timestamp) -> Result<Attempt, Duration> {
        Attempt::begin(&self.held.partners, caller.number, caller.policy, now)
    }

    /// Notes that the partner was charged and the token used: in memory, to be written behind.
    #[inline]
    pub(crate) fn note_use(&self, caller: Caller<'_>, token: &Token<'_>, now: Timestamp) {
        if let Some(used) = self.held.tokens.note_use(token, now) {
            self.unwritten().note_use(used, now);
        }
        self.note_charge(caller);
    }

    fn note_charge(&self, caller: Caller<'_>) {
        if caller.partner.note_charge() {
            self.unwritten().note_charge(caller.number);
        }
    }

    /// Writes what the store has not heard of: usage, and the last uses that are due, or all of them.
    /// What fails to be written, or is given up, waits for the next time.
    pub(crate) async fn write_behind(&self, now: Timestamp, all: bool) -> Result<(), StoreError> {
        let usage = self.write_usage(now).await;
        self.write_uses(now, all).await.and(usage)
    }

    async fn write_usage(&self, now: Timestamp) -> Result<(), StoreError> {
        let charged = self.unwritten().take_charged();
        let usage = |number| {
            let caller = self.caller(number)?;
            Some((number, caller.partner.take_usage(caller.policy, now)?))
        };
        let usages: Vec<_> = charged.into_iter().filter_map(usage).collect();
        let written = AtomicUsize::new(0);
        let _rest = OnDrop(|| self.take_back_usage(&usages[written.load(Ordering::Relaxed)..]));
        for batch in usages.chunks(BATCH) {
            let usages: Vec<_> = batch.iter().map(|(_, usage)| *usage).collect();
            self.store.add_usage(&usages).await?;
            written.fetch_add(batch.len(), Ordering::Relaxed);
        }
        Ok(())
    }

    fn take_back_usage(&self, usages: &[(u32, DailyUsage)]) {
        for (number, usage) in usages {
            if let Some(caller) = self.caller(*number) {
                caller.partner.return_usage(usage);
                self.note_charge(caller);
            }
        }
    }

    async fn write_uses(&self, now: Timestamp, all: bool) -> Result<(), StoreError> {
        let due = self.unwritten().take_due(&self.held.tokens, now, all);
        let written = AtomicUsize::new(0);
        let rest = || self.unwritten().take_back(&due[written.load(Ordering::Relaxed)..]);
        let _rest = OnDrop(rest);
        for batch in due.chunks(BATCH) {
            let uses: Vec<_> = batch.iter().map(Pending::token_use).collect();
            self.store.record_uses(&uses).await?;
            self.unwritten().settle(batch, now);
            written.fetch_add(batch.len(), Ordering::Relaxed);
        }
        Ok(())
    }

    fn unwritten(&self) -> MutexGuard<'_, Unwritten> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_away(error: &StoreError) -> StoreIsAway {
    log_store_error(error);
    StoreIsAway
}

pub(crate) fn log_store_error(error: &StoreError) {
    let cause = std::error::Error::source(error).map(tracing::field::display);
    tracing::error!(cause, "{error}");
}

/// Runs something when it is dropped, be it that the end is reached or that a future is given up.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        self.0();
    }
}

impl Held {
    fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Notes an absence, unless something changed since it was asked for. Whoever announces a change
    /// counts it first and then forgets what it is about, so one of the two of us forgets.
    fn note_absent(&self, absent: &Absent, what: &[u8], now: Timestamp, changes: u64) {
        absent.note(what, now);
        if self.changes() != changes {
            absent.forget(what);
        }
    }
}

impl ChangeListener for Held {
    fn on_change(&self, change: &Change) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        match change {
            Change::Partner(key) => {
                self.absent_keys.forget(key.as_str().as_bytes());
                self.partners.withdraw(Some(key));
            }
            Change::Token(digest) => {
                self.absent_tokens.forget(digest.as_bytes());
                self.tokens.withdraw(digest);
            }
            _ => {
                self.absent_keys.forget_all();
                self.absent_tokens.forget_all();
                self.partners.withdraw(None);
                self.tokens.withdraw_all();
            }
        }
    }
}
