//! What a decision on shared limits costs, over TCP on loopback: the time of a caller, and the processor time of
//! the server. The works take turns. The client has one thread.

mod memory;
mod server;
mod work;

use std::time::{Duration, Instant};

use dualkey_benches::{Report, Row, is_measuring, median};
use redis::aio::MultiplexedConnection;
use tokio::runtime;

use crate::server::{Server, costs};
use crate::work::{DUALKEY, SET, Work};

const ROUNDS: usize = 9;
const TURN: Duration = Duration::from_millis(300);

/// What one turn of a work measured.
struct Turn {
    per_second: f64,
    /// Latencies in microseconds.
    p50: f64,
    p99: f64,
    /// For each decision: the server's processor time in microseconds, and its commands.
    cpu: f64,
    commands: f64,
    /// Microseconds of a run of a script, as the server measures it.
    script: f64,
}

fn main() {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime can be built");
    let server = Server::start();
    let control = runtime.block_on(server.connect());
    let version = runtime.block_on(server::version(&control));
    for callers in [1, 8, 64] {
        let title = format!("one partner, callers: {callers}; redis-server {version}, one client");
        Report::new("shared")
            .table(&title, || runtime.block_on(measure(&server, &control, callers)));
    }
    Report::new("shared")
        .table("memory of the store", || runtime.block_on(memory::measure(&server, &control)));
}

async fn measure(server: &Server, control: &MultiplexedConnection, callers: usize) -> Vec<Row> {
    let works = work::all(server).await;
    let mut turns: Vec<Vec<Turn>> = works.iter().map(|_| Vec::new()).collect();
    for _ in 0..if is_measuring() { ROUNDS } else { 1 } {
        for (work, turns) in works.iter().zip(&mut turns) {
            turns.push(turn(work, control, callers).await);
        }
    }
    let unit = &turns[0];
    works
        .iter()
        .zip(&turns)
        .flat_map(|(work, turns)| rows(work.name, turns, unit, callers))
        .collect()
}

async fn turn(work: &Work, control: &MultiplexedConnection, callers: usize) -> Turn {
    assert!((work.ask)().await, "{} grants", work.name);
    let before = costs(control).await;
    let (began, duration) = (Instant::now(), if is_measuring() { TURN } else { Duration::ZERO });
    let tasks: Vec<_> =
        (0..callers).map(|_| tokio::spawn(call(work.clone(), began + duration))).collect();
    let mut micros = Vec::new();
    for task in tasks {
        micros.extend(task.await.expect("each decision is granted"));
    }
    let seconds = began.elapsed().as_secs_f64();
    let after = costs(control).await;
    micros.sort_by(f64::total_cmp);
    let decisions = micros.len() as f64;
    Turn {
        per_second: decisions / seconds,
        p50: micros[micros.len() / 2],
        p99: micros[micros.len() * 99 / 100],
        cpu: (after.cpu - before.cpu) / decisions,
        // The last command before was the one that counted.
        commands: (after.commands - before.commands - 1.0) / decisions,
        script: (after.script - before.script) / (after.scripts - before.scripts),
    }
}

/// One caller, which asks again and again until the end. Returns the time of each decision in microseconds.
async fn call(work: Work, end: Instant) -> Vec<f64> {
    let mut micros = Vec::new();
    loop {
        let began = Instant::now();
        assert!((work.ask)().await, "{} grants", work.name);
        let now = Instant::now();
        micros.push((now - began).as_secs_f64() * 1e6);
        if now >= end {
            return micros;
        }
    }
}

fn rows(name: &str, turns: &[Turn], unit: &[Turn], callers: usize) -> Vec<Row> {
    let value = |of: fn(&Turn) -> f64| median(turns.iter().map(of).collect());
    let ratio = |of: fn(&Turn) -> f64| {
        median(turns.iter().zip(unit).map(|(turn, unit)| of(turn) / of(unit)).collect())
    };
    let row = |about: &str| Row::new(&format!("{name}: {about}"));
    let (is_ours, many) = (name == DUALKEY, callers > 8);
    let latency = row("median latency").nanos(1e3 * value(|turn| turn.p50));
    let p50 = ratio(|turn| turn.p50);
    let cpu = row("server CPU").nanos(1e3 * value(|turn| turn.cpu));
    let cpu_ratio = ratio(|turn| turn.cpu);
    let mut rows = vec![
        row("decisions a second").measured(value(|turn| turn.per_second), "a second"),
        if is_ours && callers == 1 {
            latency.at_most(p50, 1.1, "× SET")
        } else {
            latency.measured(p50, "× SET")
        },
        row("99th percentile").nanos(1e3 * value(|turn| turn.p99)),
        if is_ours && many {
            cpu.at_most(cpu_ratio, 1.5, "× SET")
        } else {
            cpu.measured(cpu_ratio, "× SET")
        },
        row("commands").measured(value(|turn| turn.commands), "a decision"),
    ];
    let script = value(|turn| turn.script);
    if is_ours && many {
        rows.push(row("run of a script").at_most(script, 5.0, "µs"));
    } else if name != SET {
        rows.push(row("run of a script").measured(script, "µs"));
    }
    rows
}
