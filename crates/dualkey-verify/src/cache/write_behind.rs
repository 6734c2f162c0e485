use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dualkey_limit::Timestamp;
use dualkey_store::{DailyUsage, Store, StoreError, TokenUse};

use super::partners::{CachedPartner, Partners};
use super::tokens::{LastUse, Token, Tokens, UsedToken};

/// Usage and last uses that the store does not know of yet: counted in memory, written behind.
pub(crate) struct WriteBehind {
    buffer: Mutex<WriteBehindBuffer>,
}

#[derive(Default)]
struct WriteBehindBuffer {
    /// The numbers of the partners that were charged.
    charged: Vec<u32>,
    /// Tokens with a use to be written at once.
    uses: Vec<PendingWrite>,
    /// Tokens whose last use was written within the last minute, by the time of that write.
    written: VecDeque<(Timestamp, Vec<PendingWrite>)>,
    /// Since when something waits to be written, without an attempt to write it.
    waiting_since: Option<Timestamp>,
    /// Whether the warning is logged, or not needed.
    is_warned: bool,
}

/// The last use of a token is written at most this often.
const WRITE_EVERY: Duration = Duration::from_secs(60);
/// If nothing is written for this long, the program calls no [`Verifier::run_write_behind`].
///
/// [`Verifier::run_write_behind`]: crate::Verifier::run_write_behind
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
/// The rows of one statement, so that each ends well within the timeout of a store.
const BATCH: usize = 10_000;

#[derive(Clone, Copy)]
struct PendingWrite {
    token: UsedToken,
    first_at: Timestamp,
    last: LastUse,
}

impl WriteBehind {
    /// `outlives_process` is whether what is not written to the store is lost.
    pub(crate) fn new(outlives_process: bool) -> Self {
        let buffer = WriteBehindBuffer { is_warned: !outlives_process, ..Default::default() };
        Self { buffer: Mutex::new(buffer) }
    }

    /// Records that a partner was charged for a use of this token.
    #[inline]
    pub(crate) fn record_use(
        &self,
        tokens: &Tokens,
        partner: CachedPartner<'_>,
        token: &Token<'_>,
        now: Timestamp,
    ) {
        if let Some(token) = tokens.record_use(token, partner.number, now) {
            let last = LastUse { at: now, partner: Some(partner.number) };
            let pending = PendingWrite { token, first_at: now, last };
            self.buffer().enqueue_use(pending, tokens.max_pending());
        }
        self.record_charge(partner, now);
    }

    /// Logs a warning, once, if what waits to be written has waited for a minute.
    #[cold]
    pub(crate) fn warn_if_forgotten(&self, now: Timestamp) {
        self.buffer().warn_if_forgotten(now);
    }

    /// How many rows wait to be written.
    pub(crate) fn pending(&self) -> usize {
        let buffer = self.buffer();
        buffer.charged.len() + buffer.uses.len()
    }

    fn record_charge(&self, partner: CachedPartner<'_>, now: Timestamp) {
        if partner.entry.mark_dirty() {
            let mut buffer = self.buffer();
            buffer.charged.push(partner.number);
            buffer.waiting_since.get_or_insert(now);
        }
    }

    /// Writes what partners used of their quotas. What fails, or is dropped on the way, is enqueued again.
    pub(crate) async fn write_usage(
        &self,
        store: &dyn Store,
        partners: &Partners,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let charged = self.buffer().take_charged();
        let usage = |number| {
            let partner = partners.by_number(number)?;
            Some((number, partner.entry.take_usage(partner.policy, now)?))
        };
        let usage: Vec<_> = charged.into_iter().filter_map(usage).collect();
        let written = AtomicUsize::new(0);
        let _requeue = OnDrop(|| {
            self.requeue_usage(partners, &usage[written.load(Ordering::Relaxed)..], now);
        });
        for batch in usage.chunks(BATCH) {
            let rows: Vec<_> = batch.iter().map(|(_, usage)| *usage).collect();
            store.add_usage(&rows).await?;
            written.fetch_add(batch.len(), Ordering::Relaxed);
        }
        Ok(())
    }

    fn requeue_usage(&self, partners: &Partners, usage: &[(u32, DailyUsage)], now: Timestamp) {
        for (number, usage) in usage {
            if let Some(partner) = partners.by_number(*number) {
                partner.entry.return_usage(usage);
                self.record_charge(partner, now);
            }
        }
    }

    /// Writes the last uses that are due, or all. What fails, or is dropped on the way, is enqueued again.
    pub(crate) async fn write_uses(
        &self,
        store: &dyn Store,
        partners: &Partners,
        tokens: &Tokens,
        now: Timestamp,
        all: bool,
    ) -> Result<(), StoreError> {
        let due = self.buffer().take_due(tokens, now, all);
        let written = AtomicUsize::new(0);
        let _requeue = OnDrop(|| {
            self.buffer().uses.extend(&due[written.load(Ordering::Relaxed)..]);
        });
        for batch in due.chunks(BATCH) {
            let rows: Vec<_> = batch.iter().map(|pending| pending.token_use(partners)).collect();
            store.record_uses(&rows, now).await?;
            self.buffer().written.push_back((now, batch.to_vec()));
            written.fetch_add(batch.len(), Ordering::Relaxed);
        }
        Ok(())
    }

    fn buffer(&self) -> MutexGuard<'_, WriteBehindBuffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WriteBehindBuffer {
    fn take_charged(&mut self) -> Vec<u32> {
        self.waiting_since = None;
        mem::take(&mut self.charged)
    }

    /// At the bound, the use is not written: only where nothing was written for long.
    fn enqueue_use(&mut self, pending: PendingWrite, max: usize) {
        if self.uses.len() < max {
            self.uses.push(pending);
        }
        self.waiting_since.get_or_insert(pending.last.at);
        self.warn_if_forgotten(pending.last.at);
    }

    fn warn_if_forgotten(&mut self, now: Timestamp) {
        let is_forgotten = |since| now.saturating_duration_since(since) >= FORGOTTEN_AFTER;
        if !self.is_warned && self.waiting_since.is_some_and(is_forgotten) {
            self.is_warned = true;
            tracing::warn!(
                "usage and last uses are not written to the store: spawn Verifier::run_write_behind"
            );
        }
    }

    /// Removes the uses that may be written again, or all that are not written.
    fn take_due(&mut self, tokens: &Tokens, now: Timestamp, all: bool) -> Vec<PendingWrite> {
        let mut due = mem::take(&mut self.uses);
        let evicted = tokens.take_evicted();
        if !evicted.is_empty() {
            let was_used = |pending: &&PendingWrite| {
                evicted.get(&pending.token.id).is_some_and(|last| last.at > pending.last.at)
            };
            due.extend(self.written.iter().flat_map(|(_, batch)| batch).filter(was_used));
        }
        // A time in the future comes from a clock that was wrong.
        let is_due = |at: &Timestamp| *at > now || at.saturating_add(WRITE_EVERY) <= now;
        while let Some((_, written)) = self.written.pop_front_if(|(at, _)| all || is_due(at)) {
            let was_used = |use_: &PendingWrite| !tokens.clear_dirty(use_.token, use_.last.at);
            due.extend(written.into_iter().filter(was_used));
        }
        for pending in &mut due {
            let held = tokens.last_use(pending.token);
            let evicted = evicted.get(&pending.token.id).copied();
            let known = held.max(evicted).filter(|last| last.at > pending.last.at);
            pending.last = known.unwrap_or(pending.last);
        }
        merge_by_token(due)
    }
}

impl PendingWrite {
    fn token_use(&self, partners: &Partners) -> TokenUse {
        let Self { token, first_at, last } = *self;
        let partner = last.partner.and_then(|number| partners.entry(number));
        let last_by = partner.map(|partner| partner.id);
        TokenUse { token: token.id, first_at, last_at: last.at, last_by }
    }
}

/// One row per token: a token that was evicted or not held may wait more than once.
fn merge_by_token(mut uses: Vec<PendingWrite>) -> Vec<PendingWrite> {
    uses.sort_unstable_by_key(|pending| (pending.token.id, pending.first_at));
    uses.dedup_by(|later, first| {
        let is_same = later.token.id == first.token.id;
        if is_same {
            first.last = first.last.max(later.last);
        }
        is_same
    });
    uses
}

/// Runs a closure when it is dropped, whether the end is reached or the future is dropped before.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        self.0();
    }
}
