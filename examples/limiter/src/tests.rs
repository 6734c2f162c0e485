use std::time::Duration;

use dualkey_limit::{FakeClock, Timestamp};

use super::*;

struct Fixture {
    limiter: Limiter<String>,
    clock: FakeClock,
}

impl Fixture {
    fn new() -> Self {
        let clock = FakeClock::new(Timestamp::from_secs(1_700_000_000));
        Self { limiter: Limiter::new(policy().unwrap()), clock }
    }

    fn answers(&self, callers: &str) -> Vec<String> {
        let mut answers = Vec::new();
        take_for_each_line(callers.as_bytes(), &mut answers, &self.limiter, &self.clock).unwrap();
        String::from_utf8(answers).unwrap().lines().map(str::to_owned).collect()
    }
}

#[test]
fn ten_takes_at_once_pass_and_the_eleventh_waits_200_ms() {
    let answers = Fixture::new().answers(&"ada\n".repeat(11));
    assert_eq!(answers[0], "ada: allowed, 9 left at once");
    assert_eq!(answers[9], "ada: allowed, 0 left at once");
    assert_eq!(answers[10], "ada: wait 200ms");
}

#[test]
fn the_exact_wait_is_enough() {
    let fixture = Fixture::new();
    fixture.answers(&"ada\n".repeat(10));
    fixture.clock.advance(Duration::from_millis(200));
    assert_eq!(fixture.answers("ada\nada"), ["ada: allowed, 0 left at once", "ada: wait 200ms"]);
}

#[test]
fn each_caller_has_permits_of_its_own() {
    let fixture = Fixture::new();
    fixture.answers(&"ada\n".repeat(11));
    assert_eq!(fixture.answers("bob"), ["bob: allowed, 9 left at once"]);
}

#[test]
fn a_caller_over_its_quota_waits_until_midnight() {
    let fixture = Fixture::new();
    for _ in 0..10 {
        fixture.answers(&"ada\n".repeat(10));
        fixture.clock.advance(Duration::from_secs(2));
    }
    // The clock started at 22:13:20.
    assert_eq!(fixture.answers("ada"), ["ada: nothing left today, wait 6380s"]);
}
