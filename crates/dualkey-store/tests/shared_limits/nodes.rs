//! Several processes with leases, on clocks of their own pace, and the bound over every window of what they
//! spend.

use std::collections::BTreeMap;

use dualkey_limit::LimitPolicy;
use dualkey_store::{LeaseId, LeaseRequest, LeaseSettlement, SharedStanding, SharedTake, TakeRun};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{EVENING, Shared, number, per_second};

const NODES: usize = 4;
/// The clocks of the processes run between 2 % slow and 2 % fast. A slow one spends latest.
const PACES: [u64; NODES] = [98, 99, 100, 102];

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(u64),
    /// Callers that each take some permits.
    Take(TakeRun),
    /// A process asks for a new lease, and settles the last one.
    Renew {
        node: usize,
        permits: u32,
        keeps: bool,
    },
    /// A process spends a part of its lease.
    Spend {
        node: usize,
        permits: u32,
    },
    /// A process gives back what it has not spent.
    GiveBack {
        node: usize,
    },
}

#[derive(Clone, Copy, Debug)]
struct Held {
    id: u64,
    unspent: u32,
    /// The last microsecond at which the process spends, in true time.
    last: u64,
}

struct World {
    shared: Shared,
    /// What each process may spend, and the older leases that it kept.
    held: [Vec<Held>; NODES],
    known: [Option<SharedStanding>; NODES],
    /// Each admission: its time and its permits, in the order of time.
    spent: Vec<(u64, u32)>,
    next_id: u64,
    granted: u64,
    returned: u64,
    day: i64,
}

impl World {
    fn new(policy: LimitPolicy) -> Self {
        let shared = Shared::new(policy, EVENING);
        let day = shared.peek().day;
        Self {
            shared,
            held: Default::default(),
            known: [None; NODES],
            spent: Vec::new(),
            next_id: 0,
            granted: 0,
            returned: 0,
            day,
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Wait(micros) => self.wait(micros),
            Step::Take(run) => self.call(0, vec![], Some(run), None),
            Step::Renew { node, permits, keeps } => {
                let settlements = self.settle(node, keeps);
                self.call(node, settlements, None, Some(permits));
            }
            Step::Spend { node, permits } => self.spend(node, permits),
            Step::GiveBack { node } => {
                let settlements = self.settle(node, false);
                self.call(node, settlements, None, None);
            }
        }
    }

    /// Every process hoards: it spends what is left of a lease in its last microsecond.
    fn wait(&mut self, micros: u64) {
        let until = self.shared.micros() + micros;
        let mut hoards = Vec::new();
        for held in &mut self.held {
            hoards.extend(held.extract_if(.., |held| held.last <= until));
        }
        hoards.sort_by_key(|held| held.last);
        self.spent.extend(hoards.iter().map(|held| (held.last, held.unspent)));
        self.shared.advance(micros);
    }

    fn settle(&mut self, node: usize, keeps: bool) -> Vec<LeaseSettlement> {
        let now = self.shared.micros();
        let settle = |held: &Held| {
            let (keep, give_back) = if keeps { (held.unspent, 0) } else { (0, held.unspent) };
            LeaseSettlement { id: LeaseId::from_bits(held.id), keep, give_back }
        };
        let settlements = self.held[node].iter().map(settle).collect();
        if !keeps {
            self.held[node].clear();
        }
        self.held[node].retain(|held| held.last >= now);
        settlements
    }

    fn spend(&mut self, node: usize, permits: u32) {
        let now = self.shared.micros();
        for held in &mut self.held[node] {
            let part = permits.min(held.unspent);
            held.unspent -= part;
            self.spent.push((now, part));
        }
    }

    fn call(
        &mut self,
        node: usize,
        settlements: Vec<LeaseSettlement>,
        run: Option<TakeRun>,
        lease: Option<u32>,
    ) {
        let now = self.shared.micros();
        let id = self.next_id * NODES as u64 + node as u64;
        let lease = lease.map(|permits| LeaseRequest { id: LeaseId::from_bits(id), permits });
        let take = SharedTake { settlements, runs: Vec::from_iter(run), lease };
        let taken = self.shared.step(self.known[node].as_ref(), &take);
        self.next_id += 1;
        for (run, &callers) in take.runs.iter().zip(&taken.granted) {
            self.spent.push((now, run.permits * callers));
        }
        if let Some(lease) = taken.lease {
            let usable = u64::try_from(lease.usable_for().as_micros()).unwrap();
            // On a clock that is 2 % slow, 98 µs pass in 100.
            let last = now + (usable * 100).div_ceil(PACES[node]) - 1;
            self.held[node].push(Held { id, unspent: lease.permits, last });
        }
        self.count(&taken.standing, &taken.granted, &take, taken.lease.map_or(0, |l| l.permits));
        self.known[node] = Some(taken.standing);
    }

    /// The count of the day follows from the grants and returns, whatever the processes know.
    fn count(
        &mut self,
        standing: &SharedStanding,
        granted: &[u32],
        take: &SharedTake,
        leased: u32,
    ) {
        if standing.day > self.day {
            (self.day, self.granted, self.returned) = (standing.day, 0, 0);
        }
        let taken: u64 =
            take.runs.iter().zip(granted).map(|(run, &n)| u64::from(run.permits * n)).sum();
        self.granted += taken + u64::from(leased);
        assert_eq!(standing.granted, self.granted);
        assert!(standing.returned >= self.returned, "it only grows");
        let most: u64 = take.settlements.iter().map(|it| u64::from(it.give_back)).sum();
        assert!(standing.returned <= self.returned + most);
        self.returned = standing.returned;
    }

    /// In every window at most `burst + rate × T`, and on each day at most the quota.
    fn check(&self) {
        let policy = &self.shared.policy;
        let (rate, period) =
            (i128::from(policy.rate().permits().get()), policy.rate().period().as_micros());
        let period = i128::try_from(period).unwrap();
        // Each admission lifts the curve `spent × period − rate × time`. A window breaks the bound where the
        // curve has risen by more than a burst.
        let (mut total, mut lowest) = (0_i128, i128::MAX);
        for &(at, permits) in &self.spent {
            let elapsed = rate * i128::from(at);
            lowest = lowest.min(total * period - elapsed);
            total += i128::from(permits);
            let risen = total * period - elapsed - lowest;
            assert!(risen <= i128::from(policy.burst().get()) * period, "{at}: {:?}", self.spent);
        }
        let mut days = BTreeMap::<u64, u64>::new();
        for &(at, permits) in &self.spent {
            *days.entry(at / 86_400_000_000).or_default() += u64::from(permits);
        }
        if let Some(daily) = policy.daily() {
            assert!(days.values().all(|&used| used <= u64::from(daily.get())), "{days:?}");
        }
    }
}

fn steps(burst: u32) -> impl Strategy<Value = Step> {
    let wait = prop_oneof![
        0..2_000_u64,
        0..200_000_u64,
        400_000..600_000_u64,
        Just(500_000),
        Just(500_001),
        0..3_000_000_u64
    ];
    let part = move || prop_oneof![1..=burst, 1..=burst.div_ceil(4), Just(burst)];
    let take = prop_oneof![Just((1, u32::MAX)), (part(), 1..4_u32), Just((1, 1))];
    prop_oneof![
        5 => wait.prop_map(Step::Wait),
        3 => take.prop_map(|(permits, count)| Step::Take(TakeRun { permits, count })),
        4 => (0..NODES, part(), any::<bool>())
            .prop_map(|(node, permits, keeps)| Step::Renew { node, permits, keeps }),
        2 => (0..NODES, part()).prop_map(|(node, permits)| Step::Spend { node, permits }),
        1 => (0..NODES).prop_map(|node| Step::GiveBack { node }),
    ]
}

fn worlds() -> impl Strategy<Value = (LimitPolicy, Vec<Step>)> {
    let daily = prop_oneof![Just(None), (100..20_000_u32).prop_map(Some)];
    (1..2_000_u32, 1..2_000_u32, daily).prop_flat_map(|(rate, burst, daily)| {
        let policy = per_second(rate, burst);
        let policy = match daily {
            Some(daily) => policy.with_daily(number(daily)).unwrap(),
            None => policy,
        };
        (Just(policy), vec(steps(burst), 1..60))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_window_of_what_is_spent_exceeds_the_bound((policy, steps) in worlds()) {
        let mut world = World::new(policy);
        for step in steps {
            world.run(step);
        }
        world.wait(1_000_000);
        world.check();
    }
}
