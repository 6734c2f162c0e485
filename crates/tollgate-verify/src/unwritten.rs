use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use tollgate_limit::Timestamp;
use tollgate_store::TokenUse;

use crate::tokens::{Tokens, Used};

/// What the store has not heard of.
#[derive(Default)]
pub(crate) struct Unwritten {
    /// The numbers of partners that were charged.
    charged: Vec<u32>,
    /// Tokens with a use to be written at once.
    new: Vec<Pending>,
    /// Tokens whose last use was written within the last minute, in the order in which it was.
    written: VecDeque<Pending>,
}

/// A token's last use is written at most this often.
const WRITE_EVERY: Duration = Duration::from_secs(60);

#[derive(Clone, Copy)]
pub(crate) struct Pending {
    used: Used,
    first_at: Timestamp,
    last_at: Timestamp,
    written_at: Timestamp,
}

impl Pending {
    pub(crate) fn token_use(&self) -> TokenUse {
        TokenUse { token: self.used.token, first_at: self.first_at, last_at: self.last_at }
    }
}

impl Unwritten {
    pub(crate) fn note_charge(&mut self, number: u32) {
        self.charged.push(number);
    }

    pub(crate) fn take_charged(&mut self) -> Vec<u32> {
        mem::take(&mut self.charged)
    }

    pub(crate) fn note_use(&mut self, used: Used, now: Timestamp) {
        let written_at = Timestamp::EPOCH;
        self.new.push(Pending { used, first_at: now, last_at: now, written_at });
    }

    /// The uses that may be written again, or all that were not written.
    pub(crate) fn take_due(&mut self, tokens: &Tokens, now: Timestamp, all: bool) -> Vec<Pending> {
        let mut due = mem::take(&mut self.new);
        let is_due =
            |pending: &Pending| now.saturating_duration_since(pending.written_at) >= WRITE_EVERY;
        while let Some(pending) = self.written.pop_front_if(|pending| all || is_due(pending)) {
            // A token without a use since is news again when it is used next.
            if !tokens.settle(pending.used, pending.last_at) {
                due.push(pending);
            }
        }
        if self.written.len() < self.written.capacity() / 4 {
            self.written.shrink_to(self.written.len() * 2);
        }
        due.retain_mut(|pending| match tokens.last_use(pending.used) {
            Some(last_at) => {
                pending.last_at = pending.last_at.max(last_at);
                true
            }
            None => false,
        });
        due
    }

    pub(crate) fn settle(&mut self, written: &[Pending], now: Timestamp) {
        let written = written.iter();
        self.written.extend(written.map(|pending| Pending { written_at: now, ..*pending }));
    }

    pub(crate) fn take_back(&mut self, unwritten: &[Pending]) {
        self.new.extend(unwritten);
    }
}
