//! What metrics add to a decision, and what they would add if all threads shared one counter.

use std::hint::black_box;

use dualkey_benches::{
    Report, Row, Work, World, interleave, partner_key, request, speed_up, token_text,
};
use http::HeaderMap;
use metrics::{counter, with_local_recorder};
use metrics_exporter_prometheus::PrometheusBuilder;

const ROUNDS: usize = 1_001;

fn main() {
    let report = Report::new("metrics");
    report.table("one partner and token, hot", hot);
    report.table("an unknown key", unknown_key);
    report.table("two threads with other keys", two_threads);
}

/// A world whose verifier found a recorder.
fn recorded() -> World {
    let recorder = PrometheusBuilder::new().build_recorder();
    with_local_recorder(&recorder, || World::new(2, 2))
}

fn hot() -> Vec<Row> {
    compared(&request(&partner_key(0), &token_text(0)))
}

fn unknown_key() -> Vec<Row> {
    compared(&request(&[b'x'; 16], &token_text(0)))
}

/// The decision on this request with and without a recorder.
fn compared(headers: &HeaderMap) -> Vec<Row> {
    const WITHOUT: &str = "without a recorder";
    const WITH: &str = "with a recorder";

    let (plain, recorded) = (World::new(2, 2), recorded());
    let works = vec![
        Work::new(WITHOUT, || plain.verify(black_box(headers))),
        Work::new(WITH, || recorded.verify(black_box(headers))),
    ];
    let samples = interleave(ROUNDS, works);
    let row = |name| Row::new(name).nanos(samples.nanos(name));
    let ratio = samples.ratio(WITH, WITHOUT);
    vec![row(WITHOUT), row(WITH).at_most(ratio, 1.1, "× without")]
}

fn two_threads() -> Vec<Row> {
    let (plain, recorded) = (World::new(2, 2), recorded());
    let requests = [0, 1].map(|number| request(&partner_key(number), &token_text(number)));
    let decide = |world: &World, thread: usize| {
        assert!(world.verify(black_box(&requests[thread])).is_ok());
    };
    let recorder = PrometheusBuilder::new().build_recorder();
    let shared = with_local_recorder(&recorder, || counter!("shared"));
    let without = speed_up(201, |thread| decide(&plain, thread));
    let with = speed_up(201, |thread| decide(&recorded, thread));
    let with_shared = speed_up(201, |thread| {
        decide(&plain, thread);
        shared.increment(1);
    });
    vec![
        Row::new("without a recorder").measured(without, "× one thread"),
        Row::new("with a recorder").at_least(with, 1.8, "× one thread"),
        Row::new("one counter for all threads").measured(with_shared, "× one thread"),
    ]
}
