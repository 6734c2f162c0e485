use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use dualkey_limit::Timestamp;
use dualkey_store::TokenUse;

use crate::tokens::{Tokens, Used};

/// What the store has not heard of.
#[derive(Default)]
pub(crate) struct Unwritten {
    /// The numbers of partners that were charged.
    charged: Vec<u32>,
    /// Tokens with a use to be written at once.
    new: Vec<Pending>,
    /// Tokens whose last use was written within the last minute, and when it was, in that order.
    written: VecDeque<(Timestamp, Vec<Pending>)>,
}

/// A token's last use is written at most this often.
const WRITE_EVERY: Duration = Duration::from_secs(60);

#[derive(Clone, Copy)]
pub(crate) struct Pending {
    used: Used,
    first_at: Timestamp,
    last_at: Timestamp,
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
        self.new.push(Pending { used, first_at: now, last_at: now });
    }

    /// The uses that may be written again, or all that were not written.
    pub(crate) fn take_due(&mut self, tokens: &Tokens, now: Timestamp, all: bool) -> Vec<Pending> {
        let mut due = mem::take(&mut self.new);
        let is_due = |at: &Timestamp| now.saturating_duration_since(*at) >= WRITE_EVERY;
        while let Some((_, written)) = self.written.pop_front_if(|(at, _)| all || is_due(at)) {
            // A token without a use since is news again when it is used next.
            let unsettled = |pending: &Pending| !tokens.settle(pending.used, pending.last_at);
            due.extend(written.into_iter().filter(unsettled));
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
        self.written.push_back((now, written.to_vec()));
    }

    pub(crate) fn take_back(&mut self, unwritten: &[Pending]) {
        self.new.extend(unwritten);
    }
}
