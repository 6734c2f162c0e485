//! Works in turns, and what the turns measure.

use std::time::{Duration, Instant};

use dualkey_benches::{is_measuring, median};
use redis::aio::MultiplexedConnection;

use crate::server::costs;
use crate::work::{Ask, Work};

const ROUNDS: usize = 9;
const TURN: Duration = Duration::from_millis(300);

/// What one turn of a work measured.
pub(crate) struct Turn {
    pub(crate) per_second: f64,
    /// Latencies in microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// For each decision: the server's processor time in microseconds, and its commands.
    pub(crate) cpu: f64,
    pub(crate) commands: f64,
    /// Microseconds of a run of a script, as the server measures it.
    pub(crate) script: f64,
}

/// The turns of one work, one for each round.
pub(crate) struct Turns {
    /// Of the work.
    pub(crate) name: &'static str,
    turns: Vec<Turn>,
}

impl Turns {
    pub(crate) fn median(&self, of: fn(&Turn) -> f64) -> f64 {
        median(self.turns.iter().map(of).collect())
    }

    /// The median of the rounds' ratios.
    pub(crate) fn ratio(&self, unit: &Self, of: fn(&Turn) -> f64) -> f64 {
        let rounds = self.turns.iter().zip(&unit.turns);
        median(rounds.map(|(turn, unit)| of(turn) / of(unit)).collect())
    }
}

pub(crate) async fn interleave(
    works: Vec<Work>,
    control: &MultiplexedConnection,
    callers: usize,
) -> Vec<Turns> {
    let mut all: Vec<Turns> =
        works.iter().map(|work| Turns { name: work.name, turns: Vec::new() }).collect();
    for _ in 0..if is_measuring() { ROUNDS } else { 1 } {
        for (work, turns) in works.iter().zip(&mut all) {
            turns.turns.push(turn(work, control, callers).await);
        }
    }
    all
}

async fn turn(work: &Work, control: &MultiplexedConnection, callers: usize) -> Turn {
    for ask in &work.asks {
        assert!(ask().await, "{} grants", work.name);
    }
    let before = costs(control).await;
    let (began, duration) = (Instant::now(), if is_measuring() { TURN } else { Duration::ZERO });
    let asks = work.asks.iter().cycle().take(callers);
    let tasks: Vec<_> = asks.map(|ask| tokio::spawn(call(ask.clone(), began + duration))).collect();
    let mut micros = Vec::new();
    for task in tasks {
        micros.extend(task.await.unwrap_or_else(|error| panic!("{}: {error}", work.name)));
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
async fn call(ask: Ask, end: Instant) -> Vec<f64> {
    let mut micros = Vec::new();
    loop {
        let began = Instant::now();
        assert!(ask().await, "each permit is granted");
        let now = Instant::now();
        micros.push((now - began).as_secs_f64() * 1e6);
        if now >= end {
            return micros;
        }
    }
}
