//! The events of a simulation, in the order of their times.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use dualkey_limit::{LimitPolicy, Timestamp};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::checks::Checks;
use crate::clocks::{Nanos, ProcessClock, StoreClock};
use crate::plan::{MILLI, Plan, SECOND};
use crate::process::{Call, Process, Traffic};
use crate::store::Store;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    Arrival(usize),
    /// A hoarder spends its lease.
    Spend(usize),
    /// All that is in the bucket is taken.
    Raid,
    Maintenance(usize),
    /// A call reaches the store.
    Delivery(usize),
    /// Its settlements reach the store once more.
    Duplicate(usize),
    Answer(usize),
    Deadline(usize),
    /// The callers of a call do not wait any more.
    GiveUp(usize),
    Crash,
    ProcessClockStep,
    StoreClockStep,
    Stop,
    EmptyRestart,
    ForgetWrites,
}

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) checks: Checks,
    pub(crate) now: Nanos,
    pub(crate) store: Store,
    pub(crate) processes: Vec<Process>,
    pub(crate) calls: Vec<Call>,
    queue: BinaryHeap<Reverse<(Nanos, u64, Event)>>,
    events: u64,
    pub(crate) random: SmallRng,
}

impl World {
    /// The time after the last arrival in which everything comes to rest.
    pub(crate) const QUIET: Nanos = 2 * SECOND;

    pub(crate) fn new(plan: Plan) -> Self {
        let mut random = SmallRng::seed_from_u64(!plan.seed);
        let time = StoreClock::new(plan.base, plan.pace(&mut random));
        let history = if plan.faults.forgotten_writes > 0 { 20 } else { 0 };
        let store = Store::new(time, history, plan.defect);
        let checks = Checks::new(&plan);
        let rate = f64::from(plan.policies[0].rate().permits().get()) * plan.demand;
        let mean_permits = f64::from(plan.most_permits + 1) / 2.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is random")]
        let interval = (plan.processes as f64 * 1e9 * mean_permits / rate) as Nanos;
        let processes = (0..plan.processes).map(|_| {
            let is_hoarder = random.random_bool(plan.hoarders);
            let traffic = if is_hoarder {
                Traffic::Hoarder { interval }
            } else {
                Traffic::Steady { interval }
            };
            let ppm = plan.pace(&mut random);
            Process::new(random.random(), ProcessClock::new(plan.base, ppm, 0), traffic)
        });
        let processes = processes.collect();
        let (calls, queue) = (Vec::new(), BinaryHeap::new());
        let mut world =
            Self { plan, checks, now: 0, store, processes, calls, queue, events: 0, random };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for process in 0..self.processes.len() {
            self.connect(process);
            let first = self.random.random_range(0..100 * MILLI);
            self.schedule(first, Event::Arrival(process));
            self.schedule(first / 2, Event::Maintenance(process));
        }
        let faults = self.plan.faults;
        for (times, event) in [
            (faults.crashes, Event::Crash),
            (faults.process_clock_steps, Event::ProcessClockStep),
            (faults.store_clock_steps, Event::StoreClockStep),
            (faults.stops, Event::Stop),
            (faults.empty_restarts, Event::EmptyRestart),
            (faults.forgotten_writes, Event::ForgetWrites),
        ] {
            for _ in 0..times {
                let at = self.random.random_range(0..self.plan.duration);
                self.schedule(at, event);
            }
        }
    }

    pub(crate) fn schedule(&mut self, after: Nanos, event: Event) {
        self.events += 1;
        self.queue.push(Reverse((self.now + after, self.events, event)));
    }

    /// Runs until everything has come to rest, or the first failure.
    pub(crate) fn run(mut self) -> Self {
        let end = self.plan.duration + Self::QUIET;
        while let Some(Reverse((at, _, event))) = self.queue.pop() {
            if at > end || self.checks.failure.is_some() {
                break;
            }
            self.now = at;
            self.handle(event);
        }
        self.now = self.now.max(end);
        self
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Arrival(process) => self.arrive(process),
            Event::Spend(process) => self.spend_hoard(process),
            Event::Raid => self.raid(),
            Event::Maintenance(process) => self.maintain(process),
            Event::Delivery(call) => self.deliver(call),
            Event::Duplicate(call) => self.deliver_again(call),
            Event::Answer(call) => self.answer(call),
            Event::Deadline(call) => self.fail(call),
            Event::GiveUp(call) => self.give_up(call),
            Event::Crash => self.crash(),
            Event::ProcessClockStep => self.step_process_clock(),
            Event::StoreClockStep => self.step_store_clock(),
            Event::Stop => self.stop_store(),
            Event::EmptyRestart => self.lose_state(None),
            Event::ForgetWrites => {
                let writes = self.random.random_range(1..20);
                self.lose_state(Some(writes));
            }
        }
    }

    pub(crate) fn policy(&self) -> LimitPolicy {
        self.plan.policy_at(self.now)
    }

    pub(crate) fn effective(&mut self) -> (Nanos, u64) {
        (self.now, self.store.time.effective(self.now))
    }

    pub(crate) fn day(&self) -> i64 {
        let wall = self.store.time.wall(self.now) * 1_000;
        self.policy().day(Timestamp::from_nanos(wall))
    }
}
