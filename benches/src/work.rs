use std::fmt;
use std::hint::black_box;
use std::sync::{Barrier, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A piece of work to measure beside others.
pub struct Work<'a> {
    name: String,
    run: Box<dyn FnMut(u64) -> Duration + 'a>,
}

/// The duration of one turn of a work: short, so that load on the machine affects all works alike.
const TURN: Duration = Duration::from_micros(200);

impl<'a> Work<'a> {
    /// Calls the closure repeatedly.
    pub fn new<T>(name: &str, mut ask: impl FnMut() -> T + 'a) -> Self {
        Self::timed(name, move |times| {
            let start = Instant::now();
            for _ in 0..times {
                black_box(&ask());
            }
            start.elapsed()
        })
    }

    /// Calls `ask` with each of the inputs. They are rewritten before the time is taken, since a
    /// server has just read the request that it decides on. The time is taken once for all of them.
    pub fn over<R, T>(
        name: &str,
        mut inputs: Vec<R>,
        mut write: impl FnMut(&mut R) + 'a,
        mut ask: impl FnMut(&mut R) -> T + 'a,
    ) -> Self
    where
        R: 'a,
    {
        Self::timed(name, move |times| {
            let (mut remaining, mut total) = (times, Duration::ZERO);
            while remaining > 0 {
                let part = usize::try_from(remaining).unwrap_or(usize::MAX).min(inputs.len());
                inputs[..part].iter_mut().for_each(&mut write);
                let start = Instant::now();
                for input in &mut inputs[..part] {
                    black_box(&ask(black_box(input)));
                }
                total += start.elapsed();
                remaining -= part as u64;
            }
            total
        })
    }

    fn timed(name: &str, run: impl FnMut(u64) -> Duration + 'a) -> Self {
        Self { name: name.to_owned(), run: Box::new(run) }
    }

    fn repetitions_per_turn(&mut self) -> u64 {
        let mut times = 1;
        while (self.run)(times) < TURN / 2 {
            times *= 2;
        }
        times
    }
}

impl fmt::Debug for Work<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The times of interleaved works, turn by turn, in nanoseconds per call.
#[derive(Debug)]
pub struct Samples(Vec<(String, Vec<f64>)>);

impl Samples {
    /// The median time of this work.
    #[must_use]
    pub fn nanos(&self, name: &str) -> f64 {
        median(self.of(name).to_vec())
    }

    /// The median, over the rounds, of this work's time divided by that of `unit` in the same round.
    #[must_use]
    pub fn ratio(&self, name: &str, unit: &str) -> f64 {
        median(self.of(name).iter().zip(self.of(unit)).map(|(a, b)| a / b).collect())
    }

    fn of(&self, name: &str) -> &[f64] {
        let named = self.0.iter().find(|(other, _)| other == name);
        &named.unwrap_or_else(|| panic!("{name:?} was not measured")).1
    }
}

/// Runs the works in turns for this many rounds, so that other load on the machine affects all of them
/// alike. Each runs once if nothing is being measured.
#[must_use]
pub fn interleave(rounds: usize, mut works: Vec<Work<'_>>) -> Samples {
    let is_measuring = is_measuring();
    let (times, rounds): (Vec<u64>, _) = match is_measuring {
        true => (works.iter_mut().map(Work::repetitions_per_turn).collect(), rounds),
        false => (vec![1; works.len()], 1),
    };
    let mut samples = Samples(works.iter().map(|work| (work.name.clone(), Vec::new())).collect());
    for _ in 0..rounds {
        for ((work, times), (_, nanos)) in works.iter_mut().zip(&times).zip(&mut samples.0) {
            nanos.push((work.run)(*times).as_secs_f64() * 1e9 / *times as f64);
        }
    }
    samples
}

/// The throughput of two threads divided by that of one, as the median of the rounds. The work receives
/// the number of its thread.
pub fn speed_up(rounds: usize, work: impl Fn(usize) + Sync) -> f64 {
    let rounds = if is_measuring() { rounds } else { 1 };
    let times: u64 = if is_measuring() { 50_000 } else { 1 };
    let run = |thread| {
        let start = Instant::now();
        (0..times).for_each(|_| work(thread));
        start.elapsed().as_secs_f64()
    };
    let (barrier, beside) = (Barrier::new(2), Mutex::new(0.0));
    let other = || {
        for _ in 0..rounds {
            barrier.wait();
            let took = run(1);
            *beside.lock().unwrap_or_else(PoisonError::into_inner) = took;
            barrier.wait();
        }
    };
    thread::scope(|scope| {
        scope.spawn(other);
        let rounds = (0..rounds).map(|_| {
            let alone = run(0);
            barrier.wait();
            let took = run(0);
            barrier.wait();
            let beside = *beside.lock().unwrap_or_else(PoisonError::into_inner);
            alone / took + alone / beside
        });
        median(rounds.collect())
    })
}

/// Whether this run measures (`cargo bench` without `--test`) or only checks that everything runs.
#[must_use]
pub fn is_measuring() -> bool {
    let has = |name: &str| std::env::args().any(|arg| arg == name);
    has("--bench") && !has("--test")
}

/// The median; not a number if there is none.
#[must_use]
pub fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
}
