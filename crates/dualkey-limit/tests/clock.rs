//! A clock that only a test moves, and times as those of the standard library.
#![allow(clippy::arithmetic_side_effects, reason = "tests may panic")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dualkey_limit::{Clock, FakeClock, Timestamp};

#[test]
fn a_fake_clock_and_its_clones_show_what_one_of_them_is_set_to() {
    let clock = FakeClock::new(Timestamp::from_secs(7));
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    assert_eq!((clock.now(), shared.now()), (Timestamp::from_secs(7), Timestamp::from_secs(7)));
    clock.advance(Duration::from_nanos(5));
    assert_eq!(shared.now(), Timestamp::from_nanos(7_000_000_005));
    clock.set(Timestamp::from_secs(3));
    assert_eq!(Arc::new(shared).now(), Timestamp::from_secs(3));
}

#[test]
fn a_timestamp_is_the_same_time_in_the_standard_library() {
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 5);
    let timestamp = Timestamp::from_nanos(1_700_000_000_000_000_005);
    assert_eq!(Timestamp::from(time), timestamp);
    assert_eq!(SystemTime::from(timestamp), time);
    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    assert_eq!(Timestamp::from(before), Timestamp::EPOCH);
}
