use std::time::Duration;

use dualkey_limit::{FakeClock, Timestamp};

use super::*;

struct World {
    limiter: Limiter<String>,
    clock: FakeClock,
}

impl World {
    fn new() -> Self {
        let clock = FakeClock::new(Timestamp::from_secs(1_700_000_000));
        Self { limiter: Limiter::new(policy().unwrap()), clock }
    }

    fn answers(&self, callers: &str) -> Vec<String> {
        let mut answers = Vec::new();
        answer_all(callers.as_bytes(), &mut answers, &self.limiter, &self.clock).unwrap();
        String::from_utf8(answers).unwrap().lines().map(str::to_owned).collect()
    }
}

#[test]
fn ten_at_once_pass_and_the_eleventh_waits_for_a_fifth_of_a_second() {
    let answers = World::new().answers(&"ada\n".repeat(11));
    assert_eq!(answers[0], "ada: allowed, 9 left at once");
    assert_eq!(answers[9], "ada: allowed, 0 left at once");
    assert_eq!(answers[10], "ada: wait 200ms");
}

#[test]
fn waiting_exactly_that_long_is_enough() {
    let world = World::new();
    world.answers(&"ada\n".repeat(10));
    world.clock.advance(Duration::from_millis(200));
    assert_eq!(world.answers("ada\nada"), ["ada: allowed, 0 left at once", "ada: wait 200ms"]);
}

#[test]
fn callers_do_not_use_up_each_others_permits() {
    let world = World::new();
    world.answers(&"ada\n".repeat(11));
    assert_eq!(world.answers("bob"), ["bob: allowed, 9 left at once"]);
}

#[test]
fn a_caller_that_used_up_its_day_waits_until_midnight() {
    let world = World::new();
    for _ in 0..10 {
        world.answers(&"ada\n".repeat(10));
        world.clock.advance(Duration::from_secs(2));
    }
    // It began at 22:13:20.
    assert_eq!(world.answers("ada"), ["ada: nothing left today, wait 6380s"]);
}
