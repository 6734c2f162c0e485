//! What the recorder of a program gets, beside what was sent.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use dualkey_limit::{LimitPolicy, Rate};
use dualkey_scope::Requirement;
use dualkey_store::{NewPartner, Registry, SharedLimits, Store as _};
use dualkey_testing::{Fault, FaultyLimits};
use dualkey_token::Prefix;
use dualkey_verify::{Denial, Grant, Verifier};
use futures_util::FutureExt as _;
use metrics::with_local_recorder;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use pollster::block_on;

use crate::support::{KEY, START, Setting, bearer, catalogue, headers, issue, unknown_token};

/// A verifier that was built under a recorder.
struct Recorded {
    setting: Setting,
    recorder: DebuggingRecorder,
    snapshotter: Snapshotter,
}

impl Recorded {
    fn new() -> Self {
        Self::with_policy(LimitPolicy::default())
    }

    fn with_policy(policy: LimitPolicy) -> Self {
        let recorder = DebuggingRecorder::new();
        let setting = with_local_recorder(&recorder, || Setting::with_policy(policy));
        Self { snapshotter: recorder.snapshotter(), setting, recorder }
    }

    /// The same setting with another verifier.
    fn build(&mut self, build: impl FnOnce(Registry) -> Verifier) {
        let registry = self.setting.registry.clone();
        self.setting.verifier = with_local_recorder(&self.recorder, || build(registry));
    }

    /// The values of all series since the last call, by name and labels. A gauge is as published.
    fn publish(&self) -> BTreeMap<String, f64> {
        with_local_recorder(&self.recorder, || self.setting.verifier.publish_metrics());
        self.snapshot()
    }

    fn snapshot(&self) -> BTreeMap<String, f64> {
        let series = self.snapshotter.snapshot().into_vec();
        let series = series.into_iter().map(|(key, _, _, value)| {
            let labels =
                key.key().labels().map(|label| format!(",{}={}", label.key(), label.value()));
            let name = format!("{}{}", key.key().name(), labels.collect::<String>());
            (name.trim_start_matches("dualkey_").to_owned(), number(&value))
        });
        series.collect()
    }

    /// The same, without those that are zero.
    fn changed(&self, name: &str) -> BTreeMap<String, f64> {
        let mut series = self.publish();
        series.retain(|key, value| key.starts_with(name) && *value != 0.0);
        let suffix = |key: String| key[name.len()..].trim_start_matches(',').to_owned();
        series.into_iter().map(|(key, value)| (suffix(key), value)).collect()
    }
}

/// Of a histogram: the sum of its samples.
fn number(value: &DebugValue) -> f64 {
    match value {
        DebugValue::Counter(count) => *count as f64,
        DebugValue::Gauge(value) => value.into_inner(),
        DebugValue::Histogram(samples) => samples.iter().map(|sample| sample.into_inner()).sum(),
    }
}

fn expected(series: &[(&str, f64)]) -> BTreeMap<String, f64> {
    series.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

fn policy(per_second: u32, burst: u32) -> LimitPolicy {
    let number = |number| NonZeroU32::new(number).unwrap();
    LimitPolicy::new(Rate::per_second(number(per_second)), number(burst))
}

fn times(count: usize, mut ask: impl FnMut() -> Result<Grant, Denial>) {
    for _ in 0..count {
        let _ = ask();
    }
}

#[test]
fn each_decision_is_counted_by_its_code() {
    let recorded = Recorded::with_policy(policy(1, 20));
    let setting = &recorded.setting;
    let edit = setting.registry.catalogue().require_all(["b:read"]).unwrap();
    let known = bearer(KEY, setting.secret());
    let repeated = headers(&[("x-api-key", KEY), ("x-api-key", KEY)]);

    times(2, || setting.verify(&headers(&[])));
    times(3, || setting.verify(&bearer("unknown-key-0001", setting.secret())));
    times(4, || setting.verify(&headers(&[("x-api-key", KEY)])));
    times(5, || setting.verify(&repeated));
    times(6, || setting.present("malformed"));
    times(7, || block_on(setting.verifier.verify(&known, &edit)));
    times(13, || setting.verify(&known));
    times(8, || setting.verify(&known));
    assert_eq!(
        recorded.changed("decisions_total"),
        expected(&[
            ("code=api_key_missing", 2.0),
            ("code=api_key_invalid", 3.0),
            ("code=token_missing", 4.0),
            ("code=header_repeated", 5.0),
            ("code=token_invalid", 6.0),
            ("code=scope_insufficient", 7.0),
            ("code=granted", 13.0),
            ("code=rate_limited", 8.0),
        ])
    );
    assert_eq!(recorded.changed("decisions_total"), expected(&[]), "nothing is counted twice");
}

#[test]
fn a_used_up_quota_and_a_store_that_is_away_are_counted() {
    let daily = NonZeroU32::new(2).unwrap();
    let recorded = Recorded::with_policy(policy(5, 10).with_daily(daily).unwrap());
    let (setting, known) = (&recorded.setting, bearer(KEY, recorded.setting.secret()));
    times(5, || setting.verify(&known));
    setting.clock.advance(Duration::from_secs(6));
    setting.store.set_fault(Fault::Error);
    times(4, || setting.verify(&known));
    assert_eq!(
        recorded.changed("decisions_total"),
        expected(&[("code=granted", 2.0), ("code=quota_exceeded", 3.0), ("code=unavailable", 4.0)])
    );
}

#[test]
fn a_lookup_is_a_hit_stale_a_negative_hit_or_a_miss() {
    let recorded = Recorded::with_policy(policy(1, 100));
    let (setting, known) = (&recorded.setting, bearer(KEY, recorded.setting.secret()));
    times(3, || setting.verify(&known));
    assert_eq!(
        recorded.changed("cache_lookups_total"),
        expected(&[
            ("cache=partners,result=miss", 1.0),
            ("cache=partners,result=hit", 2.0),
            ("cache=tokens,result=miss", 1.0),
            ("cache=tokens,result=hit", 2.0),
        ])
    );
    let unknown = bearer(KEY, &unknown_token());
    times(4, || setting.verify(&unknown));
    times(5, || setting.verify(&bearer("unknown-key-0001", setting.secret())));
    assert_eq!(
        recorded.changed("cache_lookups_total"),
        expected(&[
            ("cache=partners,result=hit", 4.0),
            ("cache=partners,result=miss", 1.0),
            ("cache=partners,result=negative_hit", 4.0),
            ("cache=tokens,result=miss", 1.0),
            ("cache=tokens,result=negative_hit", 3.0),
        ])
    );
    setting.clock.advance(Duration::from_secs(6));
    times(2, || setting.verify(&known));
    assert_eq!(
        recorded.changed("cache_lookups_total"),
        expected(&[
            ("cache=partners,result=stale", 1.0),
            ("cache=partners,result=hit", 1.0),
            ("cache=tokens,result=stale", 1.0),
            ("cache=tokens,result=hit", 1.0),
        ])
    );
}

#[test]
fn a_decision_that_asks_the_store_is_timed() {
    let recorded = Recorded::new();
    let setting = &recorded.setting;
    let known = bearer(KEY, setting.secret());
    setting.store.set_fault(Fault::Delay);
    let mut decision = Box::pin(setting.verifier.verify(&known, &Requirement::NONE));
    let mut waited = 0.0;
    while (&mut decision).now_or_never().is_none() {
        setting.clock.advance(Duration::from_millis(250));
        waited += 0.25;
    }
    assert!(waited > 0.5, "for the partner and for the token");
    setting.store.set_fault(Fault::None);
    times(5, || setting.verify(&known));
    assert_eq!(recorded.changed("store_wait_seconds"), expected(&[("", waited)]));
}

#[test]
fn entries_and_rows_to_be_written_are_gauges() {
    let recorded = Recorded::new();
    let setting = &recorded.setting;
    let other = NewPartner::new("Two").with_api_key("second-partner-key".parse().unwrap());
    block_on(setting.registry.register_partner(other)).unwrap();
    for _ in 0..3 {
        setting.present(issue(&setting.registry, None).secret.expose_secret()).unwrap();
    }
    setting.verify(&bearer("second-partner-key", setting.secret())).unwrap();
    let of = |series: &BTreeMap<String, f64>| {
        ["cache_entries,cache=partners", "cache_entries,cache=tokens", "write_behind_pending"]
            .map(|name| series[name])
    };
    assert_eq!(of(&recorded.publish()), [2.0, 4.0, 6.0], "two partners and four tokens");
    block_on(setting.verifier.write_behind()).unwrap();
    assert_eq!(of(&recorded.publish()), [2.0, 4.0, 0.0]);
}

#[test]
fn shared_limits_show_their_calls_and_outages() {
    let mut recorded = Recorded::new();
    let limits = Arc::new(FaultyLimits::new(Arc::new(recorded.setting.clock.clone())));
    let shared: Arc<dyn SharedLimits> = limits.clone();
    recorded.build(|registry| Verifier::builder(registry).shared_limits(shared).build());
    let verify = || recorded.setting.present(recorded.setting.secret());
    times(2, verify);
    let up = ("up", 1.0);
    let answered = ("calls_total,result=answered", 2.0);
    assert_eq!(recorded.changed("shared_limits_"), expected(&[answered, up]));
    limits.set_down(true);
    times(4, verify);
    let failed = ("calls_total,result=failed", 3.0);
    assert_eq!(recorded.changed("shared_limits_"), expected(&[failed, ("local_total", 4.0)]));
}

#[test]
fn evicted_tokens_are_counted() {
    let mut recorded = Recorded::new();
    recorded.build(|registry| Verifier::builder(registry).max_tokens(2).build());
    let setting = &recorded.setting;
    let present =
        || setting.present(issue(&setting.registry, None).secret.expose_secret()).unwrap();
    for _ in 0..2 {
        present();
    }
    assert_eq!(recorded.changed("cache_evictions_total"), expected(&[]));
    setting.clock.advance(Duration::from_secs(61));
    present();
    assert_eq!(recorded.changed("cache_evictions_total"), expected(&[("", 2.0)]));
}

#[test]
fn refusals_by_either_allowance_are_counted() {
    let mut recorded = Recorded::with_policy(policy(1, 5));
    recorded.build(|registry| Verifier::builder(registry).unknown_keys(policy(1, 3)).build());
    let setting = &recorded.setting;
    times(12, || setting.present(&unknown_token()));
    for number in 0..9 {
        let _ = setting.verify(&bearer(&format!("unknown-key-{number:04}"), setting.secret()));
    }
    // The partner's own key took one of the three.
    assert_eq!(
        recorded.changed("failure_allowance_exhausted_total"),
        expected(&[("allowance=partner", 7.0), ("allowance=unknown_keys", 7.0)])
    );
}

#[test]
fn the_store_is_down_from_a_failure_to_the_next_answer() {
    let recorded = Recorded::new();
    let setting = &recorded.setting;
    let is_up = || recorded.publish()["store_up"];
    assert_eq!(is_up(), 1.0);
    setting.store.set_fault(Fault::Error);
    assert_eq!(setting.code(setting.secret()), "unavailable");
    assert_eq!(is_up(), 0.0);
    setting.store.set_fault(Fault::None);
    assert_eq!(is_up(), 0.0, "it has not been asked again");
    assert_eq!(setting.code(setting.secret()), "granted");
    assert_eq!(is_up(), 1.0);
    setting.store.set_fault(Fault::Error);
    block_on(setting.verifier.write_behind()).unwrap_err();
    assert_eq!(is_up(), 0.0);
    setting.store.set_fault(Fault::None);
    block_on(setting.verifier.write_behind()).unwrap();
    assert_eq!(is_up(), 1.0);
}

#[test]
fn the_age_of_the_feed_is_published() {
    let recorded = Recorded::new();
    let setting = &recorded.setting;
    let age_and_up = || {
        let series = recorded.publish();
        (series["feed_age_seconds"], series["store_up"])
    };
    assert_eq!(age_and_up(), (0.0, 1.0), "it has not read yet");
    setting.store.changes().advance_watermark(START);
    setting.clock.advance(Duration::from_millis(1_500));
    assert_eq!(age_and_up(), (1.5, 1.0));
    setting.clock.advance(Duration::from_secs(4));
    assert_eq!(age_and_up(), (5.5, 0.0), "more than `max_staleness`");
    setting.store.set_fault(Fault::Error);
    assert_eq!(setting.code(setting.secret()), "unavailable");
    setting.clock.advance(Duration::from_secs(1));
    setting.store.changes().advance_watermark(START.saturating_add(Duration::from_secs(6)));
    assert_eq!(age_and_up(), (0.5, 1.0), "the feed has read since the failure");
}

#[test]
fn writes_that_fail_are_counted() {
    let recorded = Recorded::new();
    let setting = &recorded.setting;
    setting.present(setting.secret()).unwrap();
    setting.store.set_fault(Fault::Error);
    for _ in 0..3 {
        block_on(setting.verifier.write_behind()).unwrap_err();
    }
    let series = recorded.publish();
    assert_eq!(series["write_behind_failures_total"], 3.0);
    assert_eq!(series["write_behind_pending"], 2.0, "nothing is lost");
}

#[test]
fn made_up_credentials_create_no_series() {
    let mut recorded = Recorded::new();
    recorded.build(|registry| Verifier::builder(registry).metrics_by_partner(true).build());
    let before: BTreeSet<_> = recorded.publish().into_keys().collect();
    for number in 0..10_000 {
        let key = format!("made-up-key-{number:05}");
        let _ = recorded.setting.verify(&bearer(&key, &unknown_token()));
    }
    let after = recorded.publish();
    let decisions = |code: &str| after[&format!("decisions_total,code={code}")];
    assert_eq!(decisions("api_key_invalid") + decisions("attempts_exceeded"), 10_000.0);
    assert_eq!(after.into_keys().collect::<BTreeSet<_>>(), before);
}

#[test]
fn partners_are_a_label_only_when_asked_for() {
    let mut recorded = Recorded::with_policy(policy(1, 3));
    let known = bearer(KEY, recorded.setting.secret());
    times(5, || recorded.setting.verify(&known));
    assert!(recorded.publish().keys().all(|name| !name.contains("partner=")), "off by default");

    recorded.build(|registry| Verifier::builder(registry).metrics_by_partner(true).build());
    let setting = &recorded.setting;
    times(5, || setting.verify(&known));
    times(2, || setting.verify(&bearer("unknown-key-0001", setting.secret())));
    times(1, || setting.verify(&headers(&[("x-api-key", KEY)])));
    let id = setting.partner.id;
    let series = |code| format!("partner={id},code={code}");
    let of_partner = [("granted", 3.0), ("rate_limited", 2.0), ("token_missing", 1.0)];
    assert_eq!(
        recorded.changed("partner_decisions_total"),
        of_partner.map(|(code, count)| (series(code), count)).into()
    );
    times(4, || setting.verify(&known));
    assert_eq!(recorded.changed("partner_decisions_total"), [(series("rate_limited"), 4.0)].into());
}

#[test]
fn a_recorder_installed_later_gets_nothing() {
    let setting = Setting::new();
    let recorder = DebuggingRecorder::new();
    let recorded = Recorded { snapshotter: recorder.snapshotter(), setting, recorder };
    times(3, || recorded.setting.present(recorded.setting.secret()));
    assert_eq!(recorded.publish(), expected(&[]));
}

#[test]
fn write_behind_publishes_after_each_tick_and_at_the_end() {
    let recorded = Recorded::new();
    let setting = &recorded.setting;
    let granted = || recorded.snapshot()["decisions_total,code=granted"];
    let present = || drop(setting.present(setting.secret()).unwrap());
    let (mut seen, mut polls) = (Vec::new(), 0);
    let tick = async || {
        seen.push(granted());
        present();
    };
    let until = poll_fn(|_| {
        polls += 1;
        if polls < 4 {
            return Poll::Pending;
        }
        present();
        Poll::Ready(())
    });
    block_on(setting.verifier.run_write_behind(tick, until)).unwrap();
    seen.push(granted());
    assert_eq!(seen, [0.0, 1.0, 1.0, 2.0]);
}

#[test]
fn the_table_lists_exactly_what_is_registered() {
    let recorded = Recorded::new();
    let by_partner = "partner_decisions_total";
    let registered: BTreeSet<_> = recorded
        .publish()
        .into_keys()
        .map(|name| name.split(',').next().unwrap().to_owned())
        .chain([by_partner.to_owned()])
        .collect();
    let table = include_str!("../../METRICS.md").lines();
    let listed = table
        .filter_map(|line| Some(line.strip_prefix("| `dualkey_")?.split('`').next()?.to_owned()));
    assert_eq!(listed.collect::<BTreeSet<_>>(), registered);
}

#[test]
fn counters_of_two_verifiers_add_up() {
    let recorded = Recorded::new();
    let setting = &recorded.setting;
    let build = || {
        let registry = Registry::in_memory(catalogue(), Prefix::new("gw"));
        Verifier::new(registry)
    };
    let other = with_local_recorder(&recorded.recorder, build);
    times(3, || setting.verify(&headers(&[])));
    times(4, || block_on(other.verify(&headers(&[]), &Requirement::NONE)));
    other.publish_metrics();
    assert_eq!(recorded.changed("decisions_total"), expected(&[("code=api_key_missing", 7.0)]));
}
