use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use portable_atomic::AtomicU128;

use crate::{LimitPolicy, LimitState, Outcome, Timestamp};

/// A [`LimitState`] that threads share: 32 bytes and no lock, except for a day's count that does not fit its
/// word.
///
/// A decision is one compare-and-swap, so no thread sees one limit spent and the other not. A refusal
/// only reads, with the exceptions that [`LimitState::take`] names.
///
/// ```
/// use dualkey_limit::{LimitPolicy, Meter, Timestamp};
///
/// let (meter, policy) = (Meter::new(), LimitPolicy::default());
/// let now = Timestamp::from_secs(1_700_000_000);
/// assert!(meter.take(&policy, now, 10).is_allowed());
/// assert!(!meter.take(&policy, now, 1).is_allowed());
/// ```
#[derive(Default)]
pub struct Meter {
    word: AtomicU128,
    /// Read and written only by the thread that makes or finds the word's count full.
    excess: Mutex<u64>,
}

impl Meter {
    /// An unused meter: a full bucket and an untouched daily quota.
    #[must_use]
    pub const fn new() -> Self {
        Self { word: AtomicU128::new(0), excess: Mutex::new(0) }
    }

    /// Spends permits from both limits or from neither: [`LimitState::take`], atomically.
    #[inline]
    pub fn take(&self, policy: &LimitPolicy, now: Timestamp, permits: u32) -> Outcome {
        let (state, spent) = update(self, |state| state.spend(policy, now, permits));
        Outcome::new(spent, state.standing(policy, now))
    }

    /// Spends permits as [`take`](Self::take) does, for a caller that needs neither a standing nor a wait:
    /// whether they were spent. A refusal takes half the time.
    ///
    /// ```
    /// use dualkey_limit::{LimitPolicy, Meter, Timestamp};
    ///
    /// let (meter, policy) = (Meter::new(), LimitPolicy::default());
    /// assert!(meter.try_take(&policy, Timestamp::EPOCH, 10));
    /// assert!(!meter.try_take(&policy, Timestamp::EPOCH, 1));
    /// ```
    #[inline]
    #[must_use = "an ignored refusal limits nothing"]
    pub fn try_take(&self, policy: &LimitPolicy, now: Timestamp, permits: u32) -> bool {
        update(self, |state| state.try_spend(policy, now, permits)).1
    }

    /// The outcome that [`take`](Self::take) would have now, without spending.
    ///
    /// ```
    /// use dualkey_limit::{LimitPolicy, Meter, Timestamp};
    ///
    /// let (meter, policy) = (Meter::new(), LimitPolicy::default());
    /// assert!(meter.peek(&policy, Timestamp::EPOCH, 10).is_allowed());
    /// assert_eq!(meter.peek(&policy, Timestamp::EPOCH, 0).burst_remaining(), 10);
    /// ```
    #[inline]
    pub fn peek(&self, policy: &LimitPolicy, now: Timestamp, permits: u32) -> Outcome {
        read(self).peek(policy, now, permits)
    }

    /// Adds permits that were spent elsewhere or before a restart to today's count. The bucket keeps its
    /// permits.
    ///
    /// ```
    /// use dualkey_limit::{LimitPolicy, Meter, Timestamp};
    ///
    /// let (meter, policy) = (Meter::new(), LimitPolicy::default());
    /// meter.add_used_today(&policy, Timestamp::EPOCH, 9_999);
    /// assert!(meter.take(&policy, Timestamp::EPOCH, 1).is_allowed());
    /// assert!(!meter.take(&policy, Timestamp::EPOCH, 1).is_allowed());
    /// ```
    pub fn add_used_today(&self, policy: &LimitPolicy, now: Timestamp, permits: u64) {
        update(self, |state| (state.add_used_today(policy, now, permits), ()));
    }

    /// Replaces the policy `from` by `to`: [`LimitState::change_policy`], atomically. Call it once, when the
    /// limits of a caller are changed; a take under `from` may still come after it.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use std::time::Duration;
    /// use dualkey_limit::{LimitPolicy, Meter, Rate, Timestamp};
    ///
    /// let slow = LimitPolicy::new(Rate::per_day(NonZeroU32::MIN), NonZeroU32::MIN);
    /// let (meter, now) = (Meter::new(), Timestamp::from_secs(1_700_000_000));
    /// assert!(meter.take(&slow, now, 1).is_allowed());
    ///
    /// let fast = LimitPolicy::default(); // 5 a second
    /// meter.change_policy(&slow, &fast, now);
    /// assert!(!meter.take(&fast, now, 1).is_allowed());
    /// assert!(meter.take(&fast, now.saturating_add(Duration::from_millis(200)), 1).is_allowed());
    /// ```
    pub fn change_policy(&self, from: &LimitPolicy, to: &LimitPolicy, now: Timestamp) {
        update(self, |state| (state.change_policy(from, to, now), ()));
    }

    /// The current state, for example to save it. It is in one order with all takes that were granted: each is
    /// in the state, or sees what this thread wrote to memory before the call.
    ///
    /// ```
    /// use dualkey_limit::{LimitPolicy, Meter, Timestamp};
    ///
    /// let meter = Meter::new();
    /// let _ = meter.take(&LimitPolicy::default(), Timestamp::EPOCH, 3);
    /// let restored = Meter::from(meter.state());
    /// assert_eq!(restored.state(), meter.state());
    /// ```
    #[must_use]
    pub fn state(&self) -> LimitState {
        update_in_order(self, |state| (state, ())).0
    }
}

/// A meter with a saved state.
impl From<LimitState> for Meter {
    fn from(state: LimitState) -> Self {
        Self { word: AtomicU128::new(state.to_bits()), excess: Mutex::new(state.excess()) }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Meter").field(&self.state()).finish()
    }
}

/// The ordering of each change of the word. Loads may be relaxed: what they see is changed by a
/// compare-and-swap, or not acted on.
const CHANGE: Ordering = Ordering::AcqRel;

/// The shared memory of a meter. The tests implement it on types of loom, to check every interleaving.
///
/// A take and [`Meter::state`] are compare-and-swaps: the later one of two sees what the other's thread wrote
/// before. The excess has a lock, and is written by the thread that changes the word while its count is full.
trait Storage {
    fn load(&self) -> u128;
    fn compare_exchange(&self, current: u128, new: u128) -> Result<u128, u128>;
    fn with_excess<T>(&self, use_it: impl FnOnce(&mut u64) -> T) -> T;
}

impl Storage for Meter {
    #[inline]
    fn load(&self) -> u128 {
        self.word.load(Ordering::Relaxed)
    }

    #[inline]
    fn compare_exchange(&self, current: u128, new: u128) -> Result<u128, u128> {
        self.word.compare_exchange_weak(current, new, CHANGE, Ordering::Relaxed)
    }

    fn with_excess<T>(&self, use_it: impl FnOnce(&mut u64) -> T) -> T {
        use_it(&mut self.excess.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[inline]
fn read(meter: &impl Storage) -> LimitState {
    let state = LimitState::from_bits(meter.load());
    if !state.is_count_full() {
        return state;
    }
    meter.with_excess(|excess| LimitState::from_bits(meter.load()).with_excess(*excess))
}

/// Applies `decide` to the state, and retries if another thread changed the state in between. Returns what it
/// decided.
#[inline(always)]
fn update<T>(
    meter: &impl Storage,
    decide: impl Fn(LimitState) -> (LimitState, T),
) -> (LimitState, T) {
    let mut current = meter.load();
    loop {
        let state = LimitState::from_bits(current);
        if state.is_count_full() {
            break;
        }
        let (next, answer) = decide(state);
        if next.is_count_full() {
            break;
        }
        if next.to_bits() == current {
            return (next, answer);
        }
        match meter.compare_exchange(current, next.to_bits()) {
            Ok(_) => return (next, answer),
            Err(changed) => current = changed,
        }
    }
    // Taken apart, as in `LimitState::spend`.
    let (state, answer) = update_in_order(meter, decide);
    (state, answer)
}

/// [`update`] with the excess, and with a compare-and-swap even if nothing changes. No word becomes full, or
/// changes while it is full, without the lock.
#[cold]
#[inline(never)]
fn update_in_order<T>(
    meter: &impl Storage,
    decide: impl Fn(LimitState) -> (LimitState, T),
) -> (LimitState, T) {
    meter.with_excess(|excess| {
        let mut current = meter.load();
        loop {
            let state = LimitState::from_bits(current).with_excess(*excess);
            let (next, answer) = decide(state);
            match meter.compare_exchange(current, next.to_bits()) {
                Ok(_) => {
                    *excess = next.excess();
                    return (next, answer);
                }
                Err(changed) => current = changed,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicBool, AtomicUsize};
    use loom::thread;

    use super::*;
    use crate::Rate;

    /// loom has no 128-bit atomic, so this word is an index into the list of states that were seen.
    struct LoomMeter {
        index: AtomicUsize,
        seen: std::sync::Mutex<Vec<u128>>,
        excess: loom::sync::Mutex<u64>,
    }

    impl LoomMeter {
        fn new(state: LimitState) -> Self {
            Self {
                index: AtomicUsize::new(0),
                seen: vec![state.to_bits()].into(),
                excess: loom::sync::Mutex::new(state.excess()),
            }
        }

        fn index_of(&self, state: u128) -> usize {
            let mut seen = self.seen.lock().unwrap();
            seen.iter().position(|other| *other == state).unwrap_or_else(|| {
                seen.push(state);
                seen.len().saturating_sub(1)
            })
        }

        fn state_at(&self, index: usize) -> u128 {
            self.seen.lock().unwrap()[index]
        }
    }

    impl Storage for LoomMeter {
        fn load(&self) -> u128 {
            self.state_at(self.index.load(Ordering::Relaxed))
        }

        fn compare_exchange(&self, current: u128, new: u128) -> Result<u128, u128> {
            let (current, new) = (self.index_of(current), self.index_of(new));
            self.index
                .compare_exchange(current, new, CHANGE, Ordering::Relaxed)
                .map(|index| self.state_at(index))
                .map_err(|index| self.state_at(index))
        }

        fn with_excess<T>(&self, use_it: impl FnOnce(&mut u64) -> T) -> T {
            use_it(&mut self.excess.lock().unwrap())
        }
    }

    fn policy(burst: u32, daily: u32) -> LimitPolicy {
        let number = |n| NonZeroU32::new(n).unwrap();
        let rate = Rate::per_second(number(1));
        LimitPolicy::new(rate, number(burst)).with_daily(number(daily)).unwrap()
    }

    /// In every interleaving of three threads, this one among them, the smaller limit determines how many takes
    /// are admitted, and both limits are charged for exactly these.
    fn every_interleaving_admits(policy: LimitPolicy, admitted: u32) {
        let now = Timestamp::from_secs(1);
        loom::model(move || {
            let meter = Arc::new(LoomMeter::new(LimitState::default()));
            let take = move |meter: &LoomMeter| {
                u32::from(update(meter, |state| state.spend(&policy, now, 1)).1.is_ok())
            };
            let others = [(); 2].map(|()| {
                let meter = Arc::clone(&meter);
                thread::spawn(move || take(&meter))
            });
            let own = take(&meter);
            let [second, third] = others.map(|other| other.join().unwrap());
            assert_eq!([own, second, third].iter().sum::<u32>(), admitted);

            let after = read(&*meter).peek(&policy, now, 0);
            assert_eq!(after.burst_remaining(), policy.burst().get().saturating_sub(admitted));
            let daily = policy.daily().unwrap().get();
            assert_eq!(after.daily_remaining(), Some(daily.saturating_sub(admitted)));
        });
    }

    #[test]
    fn no_interleaving_exceeds_the_burst() {
        every_interleaving_admits(policy(2, 100), 2);
    }

    #[test]
    fn no_interleaving_exceeds_the_quota_or_spends_the_burst_alone() {
        every_interleaving_admits(policy(100, 2), 2);
    }

    #[test]
    fn no_interleaving_refuses_what_both_limits_allow() {
        every_interleaving_admits(policy(3, 3), 3);
    }

    #[test]
    fn no_interleaving_loses_a_grant_beside_a_changed_policy() {
        let now = Timestamp::from_secs(1);
        let (from, to) = (policy(10, 100), policy(4, 50));
        let used = LimitState::default().take(&from, now, 7).0;
        loom::model(move || {
            let meter = Arc::new(LoomMeter::new(used));
            let takes = [from, to].map(|policy| {
                let meter = Arc::clone(&meter);
                thread::spawn(move || update(&*meter, |state| state.spend(&policy, now, 1)))
            });
            update(&*meter, |state| (state.change_policy(&from, &to, now), ()));
            for take in takes {
                assert!(take.join().unwrap().1.is_ok());
            }
            let after = read(&*meter).peek(&to, now, 0);
            assert_eq!((after.burst_remaining(), after.daily_remaining()), (1, Some(41)));
        });
    }

    /// Under a policy without a quota, whose burst leaves 7 bits for the count, and one with a quota of 129.
    #[test]
    fn no_interleaving_miscounts_what_does_not_fit_the_word() {
        let now = Timestamp::from_secs(1);
        let (narrow, wide) = (policy(10, 129), policy(u32::MAX, 1).without_daily());
        let used = LimitState::default().with_used_today(&wide, now, 126);
        loom::model(move || {
            let meter = Arc::new(LoomMeter::new(used));
            let threads = [[wide, wide], [wide, narrow]].map(|policies| {
                let meter = Arc::clone(&meter);
                thread::spawn(move || {
                    let take = |policy: &LimitPolicy| {
                        update(&*meter, |state| state.spend(policy, now, 1)).1.is_ok()
                    };
                    policies.iter().filter(|policy| take(policy)).count()
                })
            });
            let granted: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
            assert!(granted >= 3);
            for policy in [narrow, wide] {
                let used = read(&*meter).used_today(&policy, now);
                assert_eq!(used, 126 + u64::try_from(granted).unwrap());
            }
        });
    }

    /// The take moves a part of the count out of the word.
    #[test]
    fn a_read_beside_a_take_sees_a_whole_count() {
        let now = Timestamp::from_secs(1);
        let (narrow, wide) = (policy(10, 129), policy(u32::MAX, 1).without_daily());
        let used = LimitState::default().with_used_today(&narrow, now, 128);
        loom::model(move || {
            let meter = Arc::new(LoomMeter::new(used));
            let taker = Arc::clone(&meter);
            let take = move || update(&*taker, |state| state.spend(&wide, now, 1)).1.is_ok();
            let take = thread::spawn(take);
            assert!((128..=129).contains(&read(&*meter).used_today(&wide, now)));
            assert!(take.join().unwrap());
        });
    }

    /// A take that is not in the state sees the flag cleared, and would count itself: none is lost.
    #[test]
    fn a_state_has_each_take_that_does_not_see_what_came_before() {
        let (now, policy) = (Timestamp::from_secs(1), policy(10, 100));
        loom::model(move || {
            let meter = Arc::new(LoomMeter::new(LimitState::default()));
            let is_dirty = Arc::new(AtomicBool::new(true));
            let taker = (Arc::clone(&meter), Arc::clone(&is_dirty));
            let take = thread::spawn(move || {
                let (meter, is_dirty) = taker;
                assert!(update(&*meter, |state| state.spend(&policy, now, 1)).1.is_ok());
                is_dirty.load(Ordering::Relaxed)
            });
            is_dirty.store(false, Ordering::Relaxed);
            let (state, ()) = update_in_order(&*meter, |state| (state, ()));
            let is_skipped = take.join().unwrap();
            assert!(!is_skipped || state.used_today(&policy, now) == 1);
        });
    }
}
