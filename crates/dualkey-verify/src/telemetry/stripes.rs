use std::array;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use super::code::{Code, Found};
use super::trace::Trace;

/// One count for each decision with what it found in the cache. One increment counts all three.
///
/// Threads count in different stripes, and a stripe shares no cache line with another: one counter for all
/// threads would move between their processors at each request (`cargo bench -p dualkey-benches --bench
/// metrics` measures both). They are summed when they are published.
pub(crate) struct Stripes(Box<[Stripe]>);

/// Two cache lines, since processors fetch them in pairs.
#[repr(align(128))]
struct Stripe([[[AtomicU64; FOUND]; FOUND]; CODES]);

/// The sums of all stripes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Totals {
    pub(crate) decisions: [u64; CODES],
    pub(crate) partners: [u64; FOUND],
    pub(crate) tokens: [u64; FOUND],
    /// Decisions that were made before a token was looked up.
    pub(crate) without_token: [u64; CODES],
}

pub(crate) const CODES: usize = Code::TEXTS.len();
pub(crate) const FOUND: usize = Found::Hit as usize + 1;

impl Stripes {
    pub(crate) fn new() -> Self {
        // Twice as many as there are processors, so that few threads share one.
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let stripe = || Stripe(array::from_fn(|_| array::from_fn(|_| zeros())));
        Self((0..2 * processors).map(|_| stripe()).collect())
    }

    #[inline]
    pub(crate) fn count(&self, code: Code, trace: &Trace) {
        let Stripe(counts) = &self.0[thread_number() % self.0.len()];
        let count = &counts[code as usize][trace.partner as usize][trace.token as usize];
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for Stripe(counts) in &self.0 {
            for (code, by_partner) in counts.iter().enumerate() {
                for (partner, by_token) in by_partner.iter().enumerate() {
                    for (token, count) in by_token.iter().enumerate() {
                        let count = count.load(Ordering::Relaxed);
                        totals.decisions[code] += count;
                        totals.partners[partner] += count;
                        totals.tokens[token] += count;
                        if token == Found::NotLookedUp as usize {
                            totals.without_token[code] += count;
                        }
                    }
                }
            }
        }
        totals
    }
}

pub(crate) fn zeros<const N: usize>() -> [AtomicU64; N] {
    array::from_fn(|_| AtomicU64::new(0))
}

/// The number of this thread among those that have decided on a request.
#[inline]
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    NUMBER.with(|number| *number)
}
