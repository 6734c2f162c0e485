use std::collections::HashMap;

use dualkey_shared::SharedCounts;
use dualkey_store::PartnerId;
use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};

use super::code::{Code, Found};
use super::gauges::Gauges;
use super::stripes::{CODES, FOUND, Totals};

const DECISIONS: &str = "dualkey_decisions_total";
const PARTNER_DECISIONS: &str = "dualkey_partner_decisions_total";
const WAITS: &str = "dualkey_store_wait_seconds";
const LOOKUPS: &str = "dualkey_cache_lookups_total";
const ENTRIES: &str = "dualkey_cache_entries";
const EVICTIONS: &str = "dualkey_cache_evictions_total";
const EXHAUSTED: &str = "dualkey_failure_allowance_exhausted_total";
const STORE_UP: &str = "dualkey_store_up";
const FEED_AGE: &str = "dualkey_feed_age_seconds";
const PENDING: &str = "dualkey_write_behind_pending";
const WRITE_FAILURES: &str = "dualkey_write_behind_failures_total";
const SHARED_UP: &str = "dualkey_shared_limits_up";
const SHARED_CALLS: &str = "dualkey_shared_limits_calls_total";
const SHARED_LOCAL: &str = "dualkey_shared_limits_local_total";

/// The label `result`.
const RESULTS: [(Found, &str); FOUND - 1] = [
    (Found::Hit, "hit"),
    (Found::Stale, "stale"),
    (Found::NegativeHit, "negative_hit"),
    (Found::Miss, "miss"),
];

/// The series that are recorded as they happen, and the gauges.
pub(crate) struct Handles {
    pub(crate) waits: Histogram,
    pub(crate) evictions: Counter,
    pub(crate) write_failures: Counter,
    partners: Gauge,
    tokens: Gauge,
    store_up: Gauge,
    feed_age: Gauge,
    pending: Gauge,
    shared_up: Gauge,
}

/// The counters that are published from totals.
pub(crate) struct Published {
    decisions: [Total; CODES],
    partner_lookups: [Total; FOUND - 1],
    token_lookups: [Total; FOUND - 1],
    unknown_keys: Total,
    unknown_tokens: Total,
    of_partners: HashMap<(PartnerId, usize), Total>,
    shared_answered: Total,
    shared_failed: Total,
    shared_local: Total,
}

/// A counter, and how much of its total was published. Increments, unlike an absolute value, add up where
/// several verifiers share a recorder.
struct Total {
    counter: Counter,
    published: u64,
}

impl Total {
    const fn new(counter: Counter) -> Self {
        Self { counter, published: 0 }
    }

    fn publish(&mut self, total: u64) {
        self.counter.increment(total - self.published);
        self.published = total;
    }
}

impl Handles {
    pub(crate) fn register() -> Self {
        describe();
        Self {
            waits: histogram!(WAITS),
            evictions: counter!(EVICTIONS),
            write_failures: counter!(WRITE_FAILURES),
            partners: gauge!(ENTRIES, "cache" => "partners"),
            tokens: gauge!(ENTRIES, "cache" => "tokens"),
            store_up: gauge!(STORE_UP),
            feed_age: gauge!(FEED_AGE),
            pending: gauge!(PENDING),
            shared_up: gauge!(SHARED_UP),
        }
    }

    pub(crate) fn publish(&self, gauges: &Gauges, is_store_up: bool) {
        let Gauges { now, partners, tokens, pending, feed_read_at, shared, .. } = *gauges;
        let feed_age = feed_read_at.map(|read_at| now.saturating_duration_since(read_at));
        self.partners.set(partners as f64);
        self.tokens.set(tokens as f64);
        self.store_up.set(f64::from(u8::from(is_store_up)));
        self.feed_age.set(feed_age.unwrap_or_default());
        self.pending.set(pending as f64);
        self.shared_up.set(f64::from(u8::from(!shared.is_some_and(|shared| shared.is_away))));
    }
}

impl Published {
    pub(crate) fn register() -> Self {
        let lookups = |cache| {
            RESULTS.map(|(_, result)| {
                Total::new(counter!(LOOKUPS, "cache" => cache, "result" => result))
            })
        };
        let refusals = |of| Total::new(counter!(EXHAUSTED, "allowance" => of));
        Self {
            decisions: Code::TEXTS.map(|code| Total::new(counter!(DECISIONS, "code" => code))),
            partner_lookups: lookups("partners"),
            token_lookups: lookups("tokens"),
            unknown_keys: refusals("unknown_keys"),
            unknown_tokens: refusals("partner"),
            of_partners: HashMap::new(),
            shared_answered: Total::new(counter!(SHARED_CALLS, "result" => "answered")),
            shared_failed: Total::new(counter!(SHARED_CALLS, "result" => "failed")),
            shared_local: Total::new(counter!(SHARED_LOCAL)),
        }
    }

    pub(crate) fn publish(&mut self, totals: &Totals) {
        for (total, decisions) in self.decisions.iter_mut().zip(totals.decisions) {
            total.publish(decisions);
        }
        for (series, found) in
            [(&mut self.partner_lookups, totals.partners), (&mut self.token_lookups, totals.tokens)]
        {
            for (total, (result, _)) in series.iter_mut().zip(RESULTS) {
                total.publish(found[result as usize]);
            }
        }
        // A request under an unknown key is refused before its token is looked up.
        let refused = Code::AttemptsExceeded as usize;
        self.unknown_keys.publish(totals.without_token[refused]);
        self.unknown_tokens.publish(totals.decisions[refused] - totals.without_token[refused]);
    }

    pub(crate) fn publish_shared(&mut self, counts: &SharedCounts) {
        self.shared_answered.publish(counts.answered);
        self.shared_failed.publish(counts.failed);
        self.shared_local.publish(counts.local);
    }

    /// Publishes the decisions on the requests of a partner, by code. The first one of a code registers its
    /// series.
    pub(crate) fn publish_partner(
        &mut self,
        partner: PartnerId,
        decisions: impl Iterator<Item = u64>,
    ) {
        for (code, decisions) in decisions.enumerate().filter(|(_, decisions)| *decisions > 0) {
            let register = || {
                let (partner, code) = (partner.to_string(), Code::TEXTS[code]);
                Total::new(counter!(PARTNER_DECISIONS, "partner" => partner, "code" => code))
            };
            self.of_partners.entry((partner, code)).or_insert_with(register).publish(decisions);
        }
    }
}

fn describe() {
    describe_counter!(DECISIONS, Unit::Count, "Decisions by code");
    describe_counter!(PARTNER_DECISIONS, Unit::Count, "Decisions by partner and code");
    describe_histogram!(WAITS, Unit::Seconds, "Time that decisions waited for the store");
    describe_counter!(LOOKUPS, Unit::Count, "Lookups in the cache by their result");
    describe_gauge!(ENTRIES, Unit::Count, "Entries of the cache");
    describe_counter!(EVICTIONS, Unit::Count, "Idle tokens evicted from a full cache");
    describe_counter!(EXHAUSTED, Unit::Count, "Requests refused by a used up allowance");
    describe_gauge!(
        STORE_UP,
        Unit::Count,
        "1 if the store answers and its feed is current, else 0"
    );
    describe_gauge!(FEED_AGE, Unit::Seconds, "Time since the change feed was last read");
    describe_gauge!(PENDING, Unit::Count, "Usage of partners and uses of tokens to be written");
    describe_counter!(WRITE_FAILURES, Unit::Count, "Write-behinds that failed");
    describe_gauge!(SHARED_UP, Unit::Count, "0 while shared limits do not answer, else 1");
    describe_counter!(SHARED_CALLS, Unit::Count, "Calls of shared limits by their result");
    describe_counter!(SHARED_LOCAL, Unit::Count, "Requests that outage policies decided on");
}
