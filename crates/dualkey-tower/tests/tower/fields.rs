//! The bytes of the `RateLimit` fields. A caller that obeys them passes.

use std::convert::Infallible;
use std::time::Duration;

use crate::support::*;
use bytes::Bytes;
use dualkey_limit::{LimitPolicy, Rate};
use dualkey_tower::RateLimitFields;
use http::header::HeaderValue;
use http::{Request, Response, StatusCode};
use pollster::block_on;
use proptest::collection::vec;
use proptest::prelude::*;
use tower::{Layer as _, ServiceExt as _, service_fn};

const DAY: Duration = Duration::from_secs(86_400);

fn per_second(permits: u32) -> Rate {
    Rate::per_second(number(permits))
}

fn without_daily(rate: Rate, burst: u32) -> LimitPolicy {
    LimitPolicy::new(rate, number(burst))
}

#[track_caller]
fn assert_fields(answer: &Response<Bytes>, policy: &str, limit: &str) {
    assert_eq!(rate_limit(answer), [Some(policy), Some(limit)]);
}

#[test]
fn the_first_request_at_noon_gets_the_documented_fields() {
    assert_fields(
        &Fixture::new().pass(1),
        r#""burst";q=10;w=2, "daily";q=10000;w=86400"#,
        r#""burst";r=9;t=2, "daily";r=9999;t=43200"#,
    );
}

#[test]
fn a_policy_without_a_daily_quota_has_no_daily_items() {
    let fixture = Fixture::with_policy(without_daily(per_second(5), 10));
    assert_fields(&fixture.pass(1), r#""burst";q=10;w=2"#, r#""burst";r=9;t=2"#);
}

#[test]
fn the_effective_window_is_rounded_up_to_a_second() {
    let fixture = Fixture::new();
    let expected = [(9, 2), (8, 2), (7, 2), (6, 2), (5, 1), (4, 1), (3, 1), (2, 1), (1, 1), (0, 1)];
    for (permits, window) in expected {
        let answer = fixture.pass(1);
        let limit = rate_limit(&answer)[1].unwrap();
        let burst = format!(r#""burst";r={permits};t={window}, "#);
        assert!(limit.starts_with(&burst), "{limit} does not start with {burst}");
    }
}

#[test]
fn the_window_of_a_slow_rate_is_its_fill_time() {
    let fixture = Fixture::with_policy(without_daily(Rate::per_hour(number(1)), 3));
    assert_fields(&fixture.pass(1), r#""burst";q=3;w=10800"#, r#""burst";r=2;t=7200"#);
    let fixture = Fixture::with_policy(without_daily(Rate::per_minute(number(7)), 3));
    assert_fields(&fixture.pass(1), r#""burst";q=3;w=26"#, r#""burst";r=2;t=18"#);
    let fixture = Fixture::with_policy(without_daily(Rate::per_day(number(1)), 1));
    assert_fields(&fixture.pass(1), r#""burst";q=1;w=86400"#, r#""burst";r=0;t=86400"#);
}

#[test]
fn windows_are_at_least_a_second() {
    let fixture = Fixture::with_policy(without_daily(per_second(1_000_000), 2));
    assert_fields(&fixture.pass(1), r#""burst";q=2;w=1"#, r#""burst";r=1;t=1"#);
    assert_fields(&fixture.pass(1), r#""burst";q=2;w=1"#, r#""burst";r=0;t=1"#);
}

#[test]
fn the_window_of_an_empty_bucket_ends_with_the_next_permit() {
    let fixture = Fixture::with_policy(without_daily(Rate::per_hour(number(1)), 3));
    assert_fields(&fixture.pass(3), r#""burst";q=3;w=10800"#, r#""burst";r=0;t=3600"#);
    fixture.clock.advance(Duration::from_millis(1_000_500));
    let refusal = fixture.send(fixture.request());
    assert_fields(&refusal, r#""burst";q=3;w=10800"#, r#""burst";r=0;t=2600"#);
    assert_eq!(field(&refusal, "retry-after"), Some("2600"));
}

/// At 7 permits per minute, a permit takes 8,571,428,571 nanoseconds and three sevenths. If 8 seconds and
/// three sevenths of a nanosecond remain, a window of 8 seconds is too short.
#[test]
fn a_fraction_of_a_nanosecond_rounds_the_window_up() {
    let fixture = Fixture::with_policy(without_daily(Rate::per_minute(number(7)), 2));
    fixture.pass(1);
    fixture.clock.advance(Duration::from_nanos(571_428_571));
    assert_fields(&fixture.pass(1), r#""burst";q=2;w=18"#, r#""burst";r=0;t=9"#);
    assert_eq!(field(&fixture.send(fixture.request()), "retry-after"), Some("9"));
}

#[test]
fn the_window_of_an_exhausted_day_ends_with_the_day() {
    let fixture = Fixture::with_policy(daily(per_second(5), 10, 3));
    let policy = r#""burst";q=10;w=2, "daily";q=3;w=86400"#;
    assert_fields(&fixture.pass(3), policy, r#""burst";r=7;t=2, "daily";r=0;t=43200"#);
    fixture.clock.advance(Duration::from_millis(100_500));
    let refusal = fixture.send(fixture.request());
    assert_eq!(refusal.status(), 429);
    assert_fields(&refusal, policy, r#""burst";r=10;t=2, "daily";r=0;t=43100"#);
    assert_eq!(field(&refusal, "retry-after"), Some("43100"));
}

#[test]
fn daily_permits_are_limited_by_bucket_and_rate() {
    let fixture = Fixture::new();
    fixture.clock.set(NOON.saturating_add(Duration::from_millis(43_199_500)));
    // 9 permits in the bucket, and 2 that arrive in half a second.
    assert_fields(
        &fixture.pass(1),
        r#""burst";q=10;w=2, "daily";q=10000;w=86400"#,
        r#""burst";r=9;t=2, "daily";r=11;t=1"#,
    );
    fixture.clock.set(NOON.saturating_add(DAY / 2));
    assert_fields(
        &fixture.pass(1),
        r#""burst";q=10;w=2, "daily";q=10000;w=86400"#,
        r#""burst";r=9;t=2, "daily";r=9999;t=86400"#,
    );
}

#[test]
fn daily_permits_are_limited_by_a_slow_rate() {
    let fixture = Fixture::with_policy(daily(Rate::per_hour(number(1)), 1, 100));
    fixture.clock.advance(Duration::from_secs(1_200));
    // The bucket is empty: the next permit arrives at 13:20, the last at 23:20.
    let policy = r#""burst";q=1;w=3600, "daily";q=100;w=86400"#;
    assert_fields(&fixture.pass(1), policy, r#""burst";r=0;t=3600, "daily";r=11;t=42000"#);
}

#[test]
fn a_partial_permit_counts_among_the_daily_permits() {
    let fixture = Fixture::with_policy(daily(Rate::per_hour(number(1)), 1, 100));
    fixture.clock.advance(Duration::from_secs(1_200));
    fixture.pass(1);
    fixture.clock.advance(Duration::from_secs(3_000));
    // It is 13:10: the next permit arrives at 13:20, the last at 23:20.
    let policy = r#""burst";q=1;w=3600, "daily";q=100;w=86400"#;
    let refusal = fixture.send(fixture.request());
    assert_fields(&refusal, policy, r#""burst";r=0;t=600, "daily";r=11;t=39000"#);
}

#[test]
fn the_daily_window_ends_by_the_offset_of_the_policy() {
    let policy = LimitPolicy::default().with_utc_offset_secs(3_600).unwrap();
    assert_fields(
        &Fixture::with_policy(policy).pass(1),
        r#""burst";q=10;w=2, "daily";q=10000;w=86400"#,
        r#""burst";r=9;t=2, "daily";r=9999;t=39600"#,
    );
}

#[test]
fn draft_7_describes_the_limit_with_fewer_permits_remaining() {
    let draft = |mut fixture: Fixture| {
        fixture.gate = fixture.gate.with_rate_limit_fields(RateLimitFields::Draft7);
        fixture
    };
    let policy = "10;w=2, 10000;w=86400";
    assert_fields(&draft(Fixture::new()).pass(1), policy, "limit=10, remaining=9, reset=2");
    let fixture = draft(Fixture::with_policy(daily(per_second(5), 10, 3)));
    assert_fields(&fixture.pass(1), "10;w=2, 3;w=86400", "limit=3, remaining=2, reset=43200");
    let fixture = draft(Fixture::with_policy(without_daily(per_second(5), 10)));
    assert_fields(&fixture.pass(10), "10;w=2", "limit=10, remaining=0, reset=1");
}

#[test]
fn more_policies_than_the_cache_holds_get_their_own_fields() {
    let fixtures = (1..=20).map(|burst| Fixture::with_policy(without_daily(per_second(5), burst)));
    let fixtures: Vec<_> = fixtures.collect();
    for _ in 0..2 {
        for (burst, fixture) in (1_u32..).zip(&fixtures) {
            let window = burst.div_ceil(5);
            let draft_11 = fixture.pass(1);
            let policy = format!(r#""burst";q={burst};w={window}"#);
            assert_eq!(rate_limit(&draft_11)[0], Some(&*policy));
            fixture.clock.advance(Duration::from_secs(1));
            let gate = fixture.gate.clone().with_rate_limit_fields(RateLimitFields::Draft7);
            let draft_7 = send_to(&gate.require(fixture.reads()), fixture.request());
            assert_eq!(rate_limit(&draft_7)[0], Some(&*format!("{burst};w={window}")));
            fixture.clock.advance(Duration::from_secs(1));
        }
    }
}

#[test]
fn the_fields_can_be_turned_off() {
    let mut fixture = Fixture::new();
    fixture.gate = fixture.gate.with_rate_limit_fields(RateLimitFields::Off);
    assert_eq!(rate_limit(&fixture.pass(10)), [None, None]);
    let refusal = fixture.send(fixture.request());
    assert_eq!(rate_limit(&refusal), [None, None]);
    assert_eq!(field(&refusal, "retry-after"), Some("1"));
}

#[test]
fn a_403_carries_the_fields_because_it_was_charged() {
    let fixture = Fixture::new();
    let guests = fixture.registry.catalogue().require_all(["guests:read"]).unwrap();
    let answer = send_to(&fixture.gate.require(guests), fixture.request());
    assert_eq!(answer.status(), 403);
    assert_fields(
        &answer,
        r#""burst";q=10;w=2, "daily";q=10000;w=86400"#,
        r#""burst";r=9;t=2, "daily";r=9999;t=43200"#,
    );
}

#[test]
fn refusals_before_the_charge_carry_no_fields_and_are_free() {
    let fixture = Fixture::new();
    let mut requests: Vec<_> = (0..7).map(|_| fixture.request()).collect();
    let token = HeaderValue::from_str(fixture.secret()).unwrap();
    requests[0].headers_mut().remove("authorization");
    requests[1].headers_mut().remove("x-api-key");
    requests[2].headers_mut().insert("x-api-key", token.clone());
    requests[3].headers_mut().append("x-api-key", token.clone());
    requests[4].headers_mut().append("authorization", token.clone());
    requests[5].headers_mut().insert("authorization", token);
    requests[6].headers_mut().insert("authorization", HeaderValue::from_static("Bearer a"));
    for request in requests {
        let answer = fixture.send(request);
        assert!([400, 401].contains(&answer.status().as_u16()));
        assert_eq!(rate_limit(&answer), [None, None]);
    }
    fixture.guess(6);
    let exhausted = fixture.send(fixture.request());
    assert_eq!(outcome(&exhausted), "attempts_exceeded");
    assert_eq!(rate_limit(&exhausted), [None, None]);
    fixture.clock.advance(Duration::from_secs(1));
    let limit = r#""burst";r=9;t=2, "daily";r=9999;t=43199"#;
    assert_eq!(rate_limit(&fixture.pass(1))[1], Some(limit));
}

#[test]
fn the_fields_replace_those_of_the_service() {
    let fixture = Fixture::new();
    let fails = service_fn(async |_: Request<Body>| {
        let answer = Response::builder()
            .status(StatusCode::INTERNAL_SERVER_ERROR)
            .header("ratelimit", r#""burst";r=1000000"#)
            .header("x-own", "kept");
        Ok::<_, Infallible>(answer.body(Body::from("sorry")).unwrap())
    });
    let guarded = fixture.gate.require(fixture.reads()).layer(fails);
    let answer = whole(block_on(guarded.oneshot(fixture.request())).unwrap());
    assert_eq!((answer.status().as_u16(), &**answer.body()), (500, &b"sorry"[..]));
    assert_eq!(field(&answer, "x-own"), Some("kept"));
    assert_fields(
        &answer,
        r#""burst";q=10;w=2, "daily";q=10000;w=86400"#,
        r#""burst";r=9;t=2, "daily";r=9999;t=43200"#,
    );
}

#[test]
fn other_frameworks_insert_the_same_fields() {
    let fixture = Fixture::new();
    let (request, reads) = (fixture.request(), fixture.reads());
    let verified = fixture.gate.verifier().verify(request.headers(), &reads);
    let mut answer = Response::new(Bytes::new());
    fixture.gate.insert_rate_limit_fields(&block_on(verified).unwrap(), answer.headers_mut());
    assert_fields(
        &answer,
        r#""burst";q=10;w=2, "daily";q=10000;w=86400"#,
        r#""burst";r=9;t=2, "daily";r=9999;t=43200"#,
    );
}

fn policies() -> impl Strategy<Value = LimitPolicy> {
    let slow = || (1..60_u32).prop_map(number);
    let rate = prop_oneof![
        (1..1_000_u32).prop_map(per_second),
        slow().prop_map(Rate::per_minute),
        slow().prop_map(Rate::per_hour),
        slow().prop_map(Rate::per_day),
    ];
    (rate, 1..4_u32, proptest::option::of(1..8_u32)).prop_map(|(rate, burst, quota)| match quota {
        Some(quota) => daily(rate, burst, quota),
        None => without_daily(rate, burst),
    })
}

/// The time between two requests.
#[derive(Clone, Copy, Debug)]
enum Pause {
    Nanos(u64),
    /// The time of a permit minus some whole seconds, plus or minus a nanosecond, which tests rounding.
    Permit {
        seconds: u64,
        nanos: i64,
    },
}

impl Pause {
    fn time(self, policy: &LimitPolicy) -> Duration {
        let nanos = match self {
            Self::Nanos(nanos) => nanos,
            Self::Permit { seconds, nanos } => {
                let permit = policy.rate().time_for(1);
                let rest = permit - Duration::from_secs(seconds.min(permit.as_secs()));
                u64::try_from(rest.as_nanos()).unwrap().saturating_add_signed(nanos)
            }
        };
        Duration::from_nanos(nanos)
    }
}

fn pauses() -> impl Strategy<Value = Pause> {
    prop_oneof![
        Just(Pause::Nanos(0)),
        (0..10_000_000_000_u64).prop_map(Pause::Nanos),
        (0..4_u64, -1..2_i64).prop_map(|(seconds, nanos)| Pause::Permit { seconds, nanos }),
    ]
}

/// The seconds until every limit has a permit again, by the fields of this response.
fn wait_until_refilled(answer: &Response<Bytes>) -> u64 {
    let limits = ["burst", "daily"].into_iter().filter_map(|policy| remaining(answer, policy));
    limits.filter(|(permits, _)| *permits == 0).map(|(_, window)| window).max().unwrap_or(0)
}

fn retry_after(answer: &Response<Bytes>) -> Option<u64> {
    field(answer, "retry-after").map(|seconds| seconds.parse().unwrap())
}

fn fixture_after(policy: LimitPolicy, start: u64, pauses: &[Pause]) -> Fixture {
    let fixture = Fixture::with_policy(policy);
    fixture.clock.set(NOON.saturating_add(Duration::from_nanos(start)));
    for pause in pauses {
        fixture.send(fixture.request());
        fixture.clock.advance(pause.time(&policy));
    }
    fixture
}

const NANOS_OF_DAY: u64 = 86_400_000_000_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_request_after_the_effective_window_passes(
        policy in policies(),
        start in 0..NANOS_OF_DAY,
        pauses in vec(pauses(), 0..12),
    ) {
        let fixture = fixture_after(policy, start, &pauses);
        let answer = fixture.send(fixture.request());
        fixture.clock.advance(Duration::from_secs(wait_until_refilled(&answer)));
        prop_assert_eq!(fixture.send(fixture.request()).status(), 200, "{:?}", rate_limit(&answer));
    }

    #[test]
    fn a_request_after_retry_after_passes_and_not_a_second_earlier(
        policy in policies(),
        start in 0..NANOS_OF_DAY,
        pauses in vec(pauses(), 0..12),
    ) {
        let fixture = fixture_after(policy, start, &pauses);
        let refusal = (0..20).map(|_| fixture.send(fixture.request())).find(|it| it.status() == 429);
        let wait = retry_after(&refusal.unwrap()).unwrap();
        prop_assert!(wait >= 1);
        fixture.clock.advance(Duration::from_secs(wait - 1));
        prop_assert_eq!(fixture.send(fixture.request()).status(), 429);
        fixture.clock.advance(Duration::from_secs(1));
        prop_assert_eq!(fixture.send(fixture.request()).status(), 200);
    }

    #[test]
    fn the_remaining_permits_can_be_used_at_once_and_no_more(
        policy in policies(),
        start in 0..NANOS_OF_DAY,
        pauses in vec(pauses(), 0..12),
    ) {
        let fixture = fixture_after(policy, start, &pauses);
        let answer = fixture.send(fixture.request());
        let (burst, _) = remaining(&answer, "burst").unwrap();
        let (today, _) = remaining(&answer, "daily").unwrap_or((u64::MAX, 0));
        for _ in 0..burst.min(today) {
            prop_assert_eq!(fixture.send(fixture.request()).status(), 200);
        }
        prop_assert_eq!(fixture.send(fixture.request()).status(), 429);
    }
}
