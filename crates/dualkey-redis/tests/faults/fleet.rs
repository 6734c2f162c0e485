//! Processes that share the limits of one partner and ask for more than these allow.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use dualkey_limit::{Clock, LimitPolicy, Rate, SystemClock};
use dualkey_redis::RedisLimits;
use dualkey_shared::{OutagePolicies, OutagePolicy, SharedLimiter};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::bound::{Admission, excess};
use crate::support::{PARTNER, used};

/// A call of the store is answered or fails within this time.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(200);
/// A caller may wait for the call before its own, and count first what was granted locally. What is more is
/// for a busy machine.
const LONGEST_WAIT: Duration = Duration::from_millis(3 * 200 + 1_000);
/// The time between two requests of one caller.
const PAUSE: Duration = Duration::from_millis(3);

/// What the processes of a test have in common.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) url: String,
    pub(crate) policies: Arc<dyn Fn() -> LimitPolicy + Send + Sync>,
    pub(crate) outages: OutagePolicies,
    /// In each process.
    pub(crate) callers: usize,
}

pub(crate) struct Fleet {
    plan: Plan,
    processes: Vec<Process>,
}

struct Process {
    limiter: SharedLimiter,
    journal: Arc<Journal>,
    callers: Vec<JoinHandle<()>>,
    maintenance: (oneshot::Sender<()>, JoinHandle<()>),
}

#[derive(Default)]
struct Journal {
    admissions: Mutex<Vec<Admission>>,
    away: AtomicU64,
    longest_wait: AtomicU64,
    is_over: AtomicBool,
}

/// What callers saw until the end.
pub(crate) struct Record {
    pub(crate) admissions: Vec<Admission>,
    /// Calls of the store that failed.
    pub(crate) failed: u64,
}

/// A policy whose day does not end while a test runs.
pub(crate) fn policy(per_second: u32, burst: u32) -> LimitPolicy {
    let number = |n| NonZeroU32::new(n).unwrap();
    let time_of_day = i32::try_from(SystemClock.now().as_secs() % 86_400).unwrap();
    let policy = LimitPolicy::new(Rate::per_second(number(per_second)), number(burst));
    policy.with_utc_offset_secs(43_200 - time_of_day / 3_600 * 3_600).unwrap()
}

pub(crate) fn with_quota(policy: LimitPolicy, quota: u32) -> LimitPolicy {
    policy.with_daily(NonZeroU32::new(quota).unwrap()).unwrap()
}

/// The most permits that processes hold as leases: each up to a quarter of the burst.
pub(crate) fn most_leased(policy: &LimitPolicy, processes: usize) -> u64 {
    u64::from(policy.burst().get() / 4) * u64::try_from(processes).unwrap()
}

pub(crate) fn micros() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_micros()).unwrap()
}

pub(crate) fn limits(url: &str) -> RedisLimits {
    RedisLimits::new(url).unwrap().with_timeout(TIMEOUT)
}

impl Plan {
    /// Processes that refuse while the store does not answer.
    pub(crate) fn new(url: &str, policy: LimitPolicy) -> Self {
        let outages = OutagePolicies::default();
        Self { url: url.to_owned(), policies: Arc::new(move || policy), outages, callers: 4 }
    }

    /// Processes that decide by a share of the limits while the store does not answer.
    pub(crate) fn local(self, processes: u32) -> Self {
        let local = OutagePolicy::Local { processes: NonZeroU32::new(processes).unwrap() };
        Self { outages: OutagePolicies { burst: local, quota: local }, ..self }
    }

    pub(crate) fn start(self, processes: usize) -> Fleet {
        let clocks = (0..processes).map(|_| Arc::new(SystemClock) as Arc<dyn Clock>);
        self.start_with(clocks)
    }

    pub(crate) fn start_with(self, clocks: impl IntoIterator<Item = Arc<dyn Clock>>) -> Fleet {
        let processes = clocks.into_iter().map(|clock| Process::start(&self, clock)).collect();
        Fleet { plan: self, processes }
    }
}

impl Process {
    fn start(plan: &Plan, clock: Arc<dyn Clock>) -> Self {
        let limiter = SharedLimiter::new(Arc::new(limits(&plan.url)), clock);
        let limiter = limiter.with_outage_policies(plan.outages);
        let (partner, journal) = (limiter.partner(PARTNER), Arc::<Journal>::default());
        let callers = (0..plan.callers).map(|_| {
            let (limiter, partner) = (limiter.clone(), partner.clone());
            let (policies, journal) = (Arc::clone(&plan.policies), Arc::clone(&journal));
            tokio::spawn(async move {
                while !journal.is_over.load(Ordering::Relaxed) {
                    let (called, policy) = (micros(), policies());
                    let decision = limiter.take(&partner, &policy, 1).await;
                    let admission = Admission { called, answered: micros() + 1 };
                    journal.record(admission, decision.ok().map(|outcome| outcome.is_allowed()));
                    sleep(PAUSE).await;
                }
            })
        });
        let callers = callers.collect();
        let (stop, stopped) = oneshot::channel();
        let maintained = limiter.clone();
        let maintenance = tokio::spawn(async move {
            maintained.run(|| sleep(Duration::from_millis(50)), stopped).await;
        });
        Self { limiter, journal, callers, maintenance: (stop, maintenance) }
    }

    /// Waits until the store has decided for it several times.
    async fn goes_on(&self) {
        let enough = self.limiter.counts().answered + 2;
        while self.limiter.counts().answered < enough || self.limiter.counts().is_away {
            sleep(Duration::from_millis(1)).await;
        }
    }

    async fn end(self) -> Record {
        self.journal.is_over.store(true, Ordering::Relaxed);
        for caller in self.callers {
            caller.await.unwrap();
        }
        let (stop, maintenance) = self.maintenance;
        stop.send(()).unwrap();
        maintenance.await.unwrap();
        let longest_wait = Duration::from_micros(self.journal.longest_wait.load(Ordering::Relaxed));
        assert!(longest_wait < LONGEST_WAIT, "{longest_wait:?}");
        let admissions = std::mem::take(&mut *self.journal.admissions.lock().unwrap());
        Record { admissions, failed: self.limiter.counts().failed }
    }
}

impl Journal {
    /// `None`: neither the store nor the process decided.
    fn record(&self, admission: Admission, is_allowed: Option<bool>) {
        let wait = admission.answered.saturating_sub(admission.called);
        self.longest_wait.fetch_max(wait, Ordering::Relaxed);
        match is_allowed {
            Some(true) => self.admissions.lock().unwrap().push(admission),
            Some(false) => {}
            None => _ = self.away.fetch_add(1, Ordering::Relaxed),
        }
    }
}

impl Fleet {
    /// Waits until the store has decided for each process several times: again, or still.
    pub(crate) async fn goes_on(&self) {
        let all = async {
            for process in &self.processes {
                process.goes_on().await;
            }
        };
        timeout(Duration::from_secs(30), all).await.expect("it recovers by itself");
    }

    /// Permits that were granted until now.
    pub(crate) fn granted(&self) -> u64 {
        let granted =
            self.processes.iter().map(|process| process.journal.admissions.lock().unwrap().len());
        u64::try_from(granted.sum::<usize>()).unwrap()
    }

    /// Waits until as many permits are granted.
    pub(crate) async fn has_granted(&self, permits: u64) {
        let began = Instant::now();
        while self.granted() < permits {
            assert!(began.elapsed() < Duration::from_secs(30), "{} are granted", self.granted());
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Requests that were refused since the store did not answer.
    pub(crate) fn away(&self) -> u64 {
        self.processes.iter().map(|process| process.journal.away.load(Ordering::Relaxed)).sum()
    }

    /// The end of all processes, and the count of the day once they have given their leases back.
    pub(crate) async fn end(self) -> (Record, u64) {
        let mut all = Record { admissions: Vec::new(), failed: 0 };
        for process in self.processes {
            let Record { admissions, failed } = process.end().await;
            all.admissions.extend(admissions);
            all.failed += failed;
        }
        let policy = (self.plan.policies)();
        let limits = limits(&self.plan.url).with_timeout(Duration::from_secs(60));
        (all, used(&limits, &policy).await)
    }
}

impl Record {
    pub(crate) fn granted(&self) -> u64 {
        u64::try_from(self.admissions.len()).unwrap()
    }

    pub(crate) fn excess(&self, policy: &LimitPolicy) -> u64 {
        excess(self.admissions.clone(), policy)
    }
}
