//! The script on a real server beside the exact model, on the same random calls at the same times.
//!
//! `DUALKEY_DIFFERENTIAL_CALLS` and `DUALKEY_DIFFERENTIAL_SEED` set the number of calls and another sequence.

use std::env;
use std::num::NonZeroU32;
use std::sync::Arc;

use dualkey_limit::{FakeClock, LimitPolicy, Rate, Timestamp};
use dualkey_store::{
    LeaseId, LeaseRequest, LeaseSettlement, MemorySharedLimits, PartnerId, SharedCall,
    SharedLimits, SharedStanding, SharedTake, SharedTaken, TakeRun,
};
use dualkey_testing::redis::{Engine, Server};
use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline};

use crate::script::{self, Action, Envelope, Reply};

const DAY: u64 = 86_400_000_000;
/// In the year 2223. The script counts up to 2⁵³ microseconds, in the year 2255.
const LATEST: u64 = 8_000_000_000_000_000;

#[tokio::test]
async fn the_script_answers_as_the_model_does() {
    compare(Engine::Redis, 20_000).await;
}

#[tokio::test]
async fn the_script_answers_so_on_valkey_8_too() {
    compare(Engine::Valkey8, 5_000).await;
}

#[tokio::test]
async fn the_script_answers_so_on_valkey_9_too() {
    compare(Engine::Valkey9, 5_000).await;
}

async fn compare(engine: Engine, calls: u64) {
    let number = |name, default| match env::var(name) {
        Ok(text) => text.parse().expect("a number"),
        Err(_) => default,
    };
    let seed = number("DUALKEY_DIFFERENTIAL_SEED", 1);
    let mut left = number("DUALKEY_DIFFERENTIAL_CALLS", calls);
    let server = Server::start_engine(engine);
    let client = Client::open(server.url()).unwrap();
    // On a busy machine, an answer takes its time.
    let patient =
        AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let connection = client.get_multiplexed_async_connection_with_config(&patient).await;
    let mut connection = connection.unwrap();
    let text = script_on_the_clock_of_the_test();
    let digest: String =
        redis::cmd("SCRIPT").arg("LOAD").arg(text).query_async(&mut connection).await.unwrap();

    let mut walk = Walk::new(seed);
    while left > 0 {
        let mut pipeline = Pipeline::new();
        let mut expected = Vec::new();
        for _ in 0..left.min(500) {
            let step = walk.next(&digest).await;
            pipeline.add_command(step.cmd.clone());
            expected.push(step);
        }
        left -= expected.len() as u64;
        let answers: Vec<Vec<u8>> = pipeline.query_async(&mut connection).await.unwrap();
        for (step, answer) in expected.iter().zip(&answers) {
            step.compare(answer, seed);
        }
    }
    let seen = walk.seen;
    assert!(
        seen.granted > 0 && seen.refused > 0 && seen.leased > 0 && seen.returned > 0,
        "{seen:?}"
    );
    assert!(seen.void > 0, "{seen:?}");
}

/// The time is the last argument, and no key expires.
fn script_on_the_clock_of_the_test() -> String {
    let mut text = script::TEXT.to_owned();
    for (from, to) in
        [("redis.call('TIME')", "{ 0, table.remove(ARGV) }"), (", 'PX', expiry)", ")")]
    {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text = text.replace(from, to);
    }
    text
}

/// A call, and the answer of the model.
struct Step {
    cmd: Cmd,
    policy: LimitPolicy,
    known: Option<SharedStanding>,
    action: Chosen,
    now: u64,
    reply: Reply,
}

#[derive(Clone, Debug)]
enum Chosen {
    Take(SharedTake),
    Peek,
    Reset,
    AddUsage(i64, u64),
}

impl Chosen {
    fn action(&self) -> Action<'_> {
        match self {
            Self::Take(take) => Action::Take(take),
            Self::Peek => Action::Peek,
            Self::Reset => Action::Reset,
            &Self::AddUsage(day, permits) => Action::AddUsage { day, permits },
        }
    }
}

const NUMBER: u32 = 0x8000_0001;

impl Step {
    fn compare(&self, answer: &[u8], seed: u64) {
        let partner = PartnerId::from_bytes([0; 16]);
        let reply = script::reply(
            answer,
            NUMBER,
            SharedCall::new(partner, &self.policy),
            self.action.action(),
        );
        let Self { policy, known, action, now, .. } = self;
        assert_eq!(
            reply.as_ref(),
            Some(&self.reply),
            "seed {seed}: left the script, right the model: {policy:?} {known:?} {action:?} {now}"
        );
    }
}

/// What happened, so that the sequence is known to reach it.
#[derive(Debug, Default)]
struct Seen {
    granted: u64,
    refused: u64,
    leased: u64,
    returned: u64,
    void: u64,
}

struct Walk {
    random: Random,
    clock: FakeClock,
    model: MemorySharedLimits,
    partner: u64,
    policy: LimitPolicy,
    now: u64,
    last: Option<SharedStanding>,
    /// Standings that processes may know, some of them stale.
    known: Vec<SharedStanding>,
    leases: Vec<LeaseId>,
    /// While it is positive, each call leases a permit under one of two UTC offsets, and no time passes.
    hoarding: u32,
    seen: Seen,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let clock = FakeClock::default();
        let model = MemorySharedLimits::new(Arc::new(clock.clone()));
        Self {
            random: Random(seed),
            clock,
            model,
            partner: 0,
            policy: LimitPolicy::default(),
            now: 1_700_000_000_000_000,
            last: None,
            known: Vec::new(),
            leases: Vec::new(),
            hoarding: 0,
            seen: Seen::default(),
        }
    }

    async fn next(&mut self, digest: &str) -> Step {
        if self.random.one_in(100) {
            self.partner += 1; // no state of it, as after a restart
        }
        if self.random.one_in(200) {
            (self.partner, self.last) = (self.partner + 1, None);
            self.known.clear();
        }
        self.hoarding = self.hoarding.saturating_sub(1);
        if self.random.one_in(500) {
            self.hoarding = 40;
        }
        if self.hoarding > 0 {
            let offset = if self.random.one_in(2) { 0 } else { day_ends_soon(self.now) };
            self.policy = self.policy.with_utc_offset_secs(offset).unwrap();
        } else if self.random.one_in(12) {
            self.policy = self.random.policy(&self.policy, self.now);
        }
        if self.hoarding == 0 {
            self.now = self.move_clock();
        }
        let known = self.choose_known();
        let action = self.choose_action();
        let void_after = match self.random.below(50) {
            0 => self.now - 1,
            1 => self.now,
            _ => u64::MAX,
        };

        let (policy, now) = (self.policy, self.now);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.partner.to_be_bytes());
        let call = SharedCall {
            partner: PartnerId::from_bytes(bytes),
            policy: &policy,
            known: known.as_ref(),
        };
        let envelope = Envelope { void_after, number: NUMBER };
        let mut cmd = script::command(("EVALSHA", digest), &bytes, call, action.action(), envelope);
        cmd.arg(now);
        let reply = if now > void_after {
            self.seen.void += 1;
            Reply::Void { server_time: now }
        } else {
            Reply::Decided { server_time: now, taken: self.ask_the_model(call, &action).await }
        };
        Step { cmd, policy, known, action, now, reply }
    }

    async fn ask_the_model(&mut self, call: SharedCall<'_>, action: &Chosen) -> SharedTaken {
        self.clock.set(Timestamp::from_nanos(self.now * 1_000));
        let standing = match action {
            Chosen::Take(take) => {
                let taken = self.model.take(call, take).await.unwrap();
                self.note(take, &taken);
                return taken;
            }
            Chosen::Peek => self.model.peek(call).await,
            Chosen::Reset => self.model.reset(call).await,
            &Chosen::AddUsage(day, permits) => self.model.add_usage(call, day, permits).await,
        };
        SharedTaken { standing: standing.unwrap(), granted: vec![], lease: None }
    }

    fn note(&mut self, take: &SharedTake, taken: &SharedTaken) {
        for (run, &callers) in take.runs.iter().zip(&taken.granted) {
            self.seen.granted += u64::from(callers > 0 && run.permits > 0);
            self.seen.refused += u64::from(callers < run.count);
        }
        self.seen.leased += u64::from(taken.lease.is_some());
        let before = self.last.map_or(0, |last| last.returned);
        self.seen.returned += u64::from(taken.standing.returned > before);
        self.leases.extend(taken.lease.map(|lease| lease.id));
        if self.leases.len() > 40 {
            self.leases.remove(0);
        }
        self.last = Some(taken.standing);
        self.known.push(taken.standing);
        if self.known.len() > 12 {
            self.known.remove(0);
        }
    }

    fn move_clock(&mut self) -> u64 {
        let (now, random) = (self.now, &mut self.random);
        let call = SharedCall::new(PartnerId::from_bytes([0; 16]), &self.policy);
        let moved = match random.below(20) {
            0..6 => now,
            6..9 => now + random.below(2_000),
            9..11 => now + random.below(2_000_000),
            11..13 => {
                // The microsecond in which a number of permits is complete, or one before or after.
                let permits = 1 + random.below(self.policy.burst().get().into());
                let parts = u128::from(permits) * u128::from(SharedStanding::PARTS_PER_PERMIT);
                let micros = parts.div_ceil(call.permits_a_day().into());
                now + u64::try_from(micros).unwrap_or(LATEST).min(100_000 * DAY) + random.below(3)
                    - 1
            }
            13 => now + 499_990 + random.below(20),
            14 => now + random.below(600_000),
            15 => now - random.below(100_001),
            16 => now - [100_000, 100_001, random.below(DAY)][random.index(3)],
            17 => (now / DAY + 1) * DAY - 1 + random.below(3), // midnight in UTC
            18 => now + random.below(3 * DAY),
            _ if random.one_in(8) => random.below(LATEST),
            _ => now + 1,
        };
        if (DAY..LATEST).contains(&moved) { moved } else { 1_700_000_000_000_000 }
    }

    fn choose_known(&mut self) -> Option<SharedStanding> {
        if self.known.is_empty() || self.random.one_in(2) {
            return None;
        }
        let mut known = self.known[self.random.index(self.known.len())];
        match self.random.below(16) {
            0 => known.granted += self.random.any_u32() >> 16,
            1 => known.returned = known.granted.min(known.returned + self.random.below(9)),
            2 => known.epoch += 1,
            3 => known.epoch = 0,
            4 => known.day += 1,
            5 => known.utc_offset_secs = 0,
            6 => known.remainder = u64::from(u32::MAX) << 8,
            _ => {}
        }
        Some(known)
    }

    fn choose_action(&mut self) -> Chosen {
        match self.random.below(60) {
            0 => Chosen::Peek,
            1 => Chosen::Reset,
            2 | 3 => {
                let day =
                    self.last.map_or(0, |last| last.day) + [0, 0, 0, 1, -1][self.random.index(5)];
                Chosen::AddUsage(day, self.random.any_u32() >> self.random.below(32))
            }
            _ => Chosen::Take(self.choose_take()),
        }
    }

    fn choose_take(&mut self) -> SharedTake {
        if self.hoarding > 0 {
            let lease =
                Some(LeaseRequest { id: LeaseId::from_bits(self.random.next()), permits: 1 });
            return SharedTake { lease, ..SharedTake::default() };
        }
        let settlements = (0..self.random.below(3).min(self.leases.len() as u64)).map(|_| {
            let latest = self.leases.len() - 1;
            let index = if self.random.one_in(2) { latest } else { self.random.index(latest + 1) };
            let id = self.leases[index];
            let (keep, give_back) = (self.choose_permits(), self.choose_permits());
            let keep = if self.random.one_in(2) { 0 } else { keep };
            let give_back = if self.random.one_in(4) { u32::MAX } else { give_back };
            LeaseSettlement { id, keep, give_back }
        });
        let settlements = settlements.collect();
        let runs = (0..self.random.below(4)).map(|_| {
            let count = [1, 1, 2, 7, u32::MAX][self.random.index(5)];
            TakeRun { permits: self.choose_permits(), count }
        });
        let runs = runs.collect();
        let lease = self.random.one_in(3).then(|| {
            let id = match self.leases.last() {
                Some(&used) if self.random.one_in(20) => used,
                _ => LeaseId::from_bits(self.random.next()),
            };
            let permits = self.choose_permits().div_ceil([1, 2, 40, 40][self.random.index(4)]);
            LeaseRequest { id, permits }
        });
        SharedTake { settlements, runs, lease }
    }

    fn choose_permits(&mut self) -> u32 {
        let level = self.last.map_or(0, |last| last.level);
        let burst = self.policy.burst().get();
        match self.random.below(12) {
            0..5 => 1,
            5 => 0,
            6 => level,
            7 => level.saturating_add(1),
            8 | 9 => level / 8 + 1,
            10 => burst,
            _ => u32::try_from(self.random.below(u64::from(burst) + 1)).unwrap(),
        }
    }
}

/// A UTC offset under which the day ends within a second.
fn day_ends_soon(now: u64) -> i32 {
    i32::try_from(86_399 - now / 1_000_000 % 86_400).unwrap()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap()
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn any_u32(&mut self) -> u64 {
        self.next() >> 32
    }

    /// From 1 to `most`, each length in binary as often as another.
    fn number(&mut self, most: u64) -> NonZeroU32 {
        let bits = self.any_u32() >> self.below(32);
        NonZeroU32::new(u32::try_from(1 + bits % most).unwrap_or(u32::MAX)).unwrap()
    }

    /// Another policy. Often only its quota differs, or its rate.
    fn policy(&mut self, last: &LimitPolicy, now: u64) -> LimitPolicy {
        let rate = match self.below(4) {
            0 => Rate::per_second(self.number(1_000_000)),
            1 => Rate::per_minute(self.number(60_000_000)),
            2 => Rate::per_hour(self.number(3_600_000_000)),
            _ => Rate::per_day(self.number(u32::MAX.into())),
        };
        let burst = if self.one_in(2) { last.burst() } else { self.number(u32::MAX.into()) };
        let rate = if self.one_in(3) { last.rate() } else { rate };
        let offset = match self.below(4) {
            0 => i32::try_from(self.below(2 * 86_399)).unwrap() - 86_399,
            1 => day_ends_soon(now),
            _ => last.utc_offset_secs(),
        };
        let policy = LimitPolicy::new(rate, burst).with_utc_offset_secs(offset).unwrap();
        if self.one_in(3) {
            return policy;
        }
        policy.with_daily(self.number(u32::MAX.into())).unwrap_or(policy)
    }
}
