use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dualkey_limit::Timestamp;
use dualkey_store::{DailyUsage, Store, StoreError, TokenUse};

use super::partners::{CachedPartner, Partners};
use super::tokens::{Token, Tokens, UsedToken};

/// Usage and last uses that the store does not know of yet: counted in memory, written behind.
#[derive(Default)]
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
}

/// The last use of a token is written at most this often.
const WRITE_EVERY: Duration = Duration::from_secs(60);
/// The rows of one statement, so that each ends well within the timeout of a store.
const BATCH: usize = 10_000;

#[derive(Clone, Copy)]
struct PendingWrite {
    token: UsedToken,
    first_at: Timestamp,
    last_at: Timestamp,
}

impl WriteBehind {
    /// Records that a partner was charged for a use of this token.
    #[inline]
    pub(crate) fn record_use(
        &self,
        tokens: &Tokens,
        partner: CachedPartner<'_>,
        token: &Token<'_>,
        now: Timestamp,
    ) {
        if let Some(token) = tokens.record_use(token, now) {
            let pending = PendingWrite { token, first_at: now, last_at: now };
            self.buffer().uses.push(pending);
        }
        self.record_charge(partner);
    }

    fn record_charge(&self, partner: CachedPartner<'_>) {
        if partner.entry.mark_dirty() {
            self.buffer().charged.push(partner.number);
        }
    }

    /// Writes what partners used of their quotas. What fails, or is dropped on the way, is enqueued again.
    pub(crate) async fn write_usage(
        &self,
        store: &dyn Store,
        partners: &Partners,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let charged = mem::take(&mut self.buffer().charged);
        let usage = |number| {
            let partner = partners.by_number(number)?;
            Some((number, partner.entry.take_usage(partner.policy, now)?))
        };
        let usage: Vec<_> = charged.into_iter().filter_map(usage).collect();
        let written = AtomicUsize::new(0);
        let _requeue = OnDrop(|| {
            self.requeue_usage(partners, &usage[written.load(Ordering::Relaxed)..]);
        });
        for batch in usage.chunks(BATCH) {
            let rows: Vec<_> = batch.iter().map(|(_, usage)| *usage).collect();
            store.add_usage(&rows).await?;
            written.fetch_add(batch.len(), Ordering::Relaxed);
        }
        Ok(())
    }

    fn requeue_usage(&self, partners: &Partners, usage: &[(u32, DailyUsage)]) {
        for (number, usage) in usage {
            if let Some(partner) = partners.by_number(*number) {
                partner.entry.return_usage(usage);
                self.record_charge(partner);
            }
        }
    }

    /// Writes the last uses that are due, or all. What fails, or is dropped on the way, is enqueued again.
    pub(crate) async fn write_uses(
        &self,
        store: &dyn Store,
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
            let rows: Vec<_> = batch.iter().map(PendingWrite::token_use).collect();
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
    /// Removes the uses that may be written again, or all that are not written.
    fn take_due(&mut self, tokens: &Tokens, now: Timestamp, all: bool) -> Vec<PendingWrite> {
        let mut due = mem::take(&mut self.uses);
        // A time in the future comes from a clock that was wrong.
        let is_due = |at: &Timestamp| *at > now || at.saturating_add(WRITE_EVERY) <= now;
        while let Some((_, written)) = self.written.pop_front_if(|(at, _)| all || is_due(at)) {
            let was_used = |use_: &PendingWrite| !tokens.clear_dirty(use_.token, use_.last_at);
            due.extend(written.into_iter().filter(was_used));
        }
        due.retain_mut(|pending| match tokens.last_use(pending.token) {
            Some(last_at) => {
                pending.last_at = pending.last_at.max(last_at);
                true
            }
            None => false,
        });
        due
    }
}

impl PendingWrite {
    fn token_use(&self) -> TokenUse {
        TokenUse { token: self.token.id, first_at: self.first_at, last_at: self.last_at }
    }
}

/// Runs a closure when it is dropped, whether the end is reached or the future is dropped before.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        self.0();
    }
}
