//! Repeats one operation, so that callgrind can count its instructions: `count parse 1000` parses 1,000
//! times. The names are those in `instructions.txt`, and the clock is fixed.

use std::hint::black_box;
use std::num::NonZeroU32;

use dualkey_benches::{PREFIX, Refusals, World, partner_key, request, swapped, token_text};
use dualkey_limit::{FakeClock, LimitPolicy, Limiter, Meter, Rate, Timestamp};
use dualkey_token::PlainToken;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn main() {
    let mut args = std::env::args().skip(1);
    let work = args.next().unwrap_or_default();
    let times: u64 = args.next().and_then(|times| times.parse().ok()).unwrap_or(1);
    let mut run =
        operation_named(&work).unwrap_or_else(|| panic!("no operation is named {work:?}"));
    for turn in 0..times {
        run(turn);
    }
}

/// An operation, with the number of the repetition.
type Operation = Box<dyn FnMut(u64)>;

fn operation_named(name: &str) -> Option<Operation> {
    let text = token_text(0);
    let policy = dualkey_benches::ample_policy();
    Some(match name {
        "parse" => Box::new(move |_| used(PlainToken::parse(&PREFIX, black_box(text)))),
        "parse-refused" => {
            let text = swapped(&text);
            Box::new(move |_| used(PlainToken::parse(&PREFIX, black_box(&text))))
        }
        "digest" => {
            let token = PlainToken::parse(&PREFIX, text).ok()?;
            Box::new(move |_| used(black_box(&token).digest()))
        }
        "meter-allowed" => {
            let meter = Meter::new();
            Box::new(move |turn| used(meter.take(black_box(&policy), at(turn), 1)))
        }
        "meter-refused" => {
            let (meter, policy) = (Meter::new(), one_a_day());
            Box::new(move |_| used(meter.take(black_box(&policy), NOW, 1)))
        }
        "limiter-allowed" => {
            let limiter = Limiter::<u64>::new(policy);
            Box::new(move |turn| used(limiter.take(black_box(&1), at(turn), 1)))
        }
        "verify" => {
            let clock = FakeClock::new(NOW);
            let world = World::cold(1, 1, clock.clone());
            let headers = request(&partner_key(0), &text);
            Box::new(move |turn| {
                clock.set(at(turn));
                used(world.verify(black_box(&headers)));
            })
        }
        "unknown-key" | "bad-checksum" | "burst-used-up" => {
            let refusals = Refusals::new(FakeClock::new(NOW));
            let headers = match name {
                "unknown-key" => refusals.unknown_key.clone(),
                "bad-checksum" => refusals.bad_checksum.clone(),
                _ => refusals.spent_burst.clone(),
            };
            Box::new(move |_| used(refusals.verify(black_box(&headers))))
        }
        "partner-lookup" => {
            let world = World::cold(1, 1, FakeClock::new(NOW));
            let mut headers = request(&partner_key(0), &text);
            headers.remove("authorization");
            Box::new(move |_| used(world.verify(black_box(&headers))))
        }
        _ => return None,
    })
}

/// Keeps the compiler from removing an operation whose result is not used.
fn used<T>(result: T) {
    black_box(result);
}

fn at(turn: u64) -> Timestamp {
    Timestamp::from_nanos(NOW.as_nanos() + turn * 1_000_000)
}

fn one_a_day() -> LimitPolicy {
    LimitPolicy::new(Rate::per_day(NonZeroU32::MIN), NonZeroU32::MIN)
}
