//! Random processes, demands, policies and faults.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clocks::Nanos;
use crate::plan::{Faults, Plan, SECOND};
use crate::world::World;

#[test]
fn random_processes_and_faults_keep_every_promise() {
    let first = number("DUALKEY_SIMULATION_SEED").unwrap_or(1);
    let last = first + number("DUALKEY_SIMULATION_SEEDS").unwrap_or(3_000);
    let next = AtomicU64::new(first);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let run = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= last {
                return;
            }
            if let Some(failure) = failure(&World::new(Plan::random(seed)).run()) {
                panic!(
                    "{failure}\nrun it again with DUALKEY_SIMULATION_SEED={seed} \
                     DUALKEY_SIMULATION_SEEDS=1 cargo test -p dualkey-shared --test simulation random"
                );
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(run);
        }
    });
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text}")))
}

/// The first broken promise.
pub(crate) fn failure(world: &World) -> Option<String> {
    let at_rest = || at_rest(world).err();
    let fault = world.checks.failure.clone().or_else(at_rest)?;
    Some(format!("{fault}\n{:?}\n{:#?}", world.checks.totals, world.plan))
}

/// Nothing keeps a process from giving back what it does not use.
fn is_faultless(plan: &Plan) -> bool {
    plan.hoarders == 0.0 && plan.faults == Faults::default()
}

/// Two seconds after the last request, every caller has an answer, no permit is leased, the bucket holds what
/// the rate brought since the last lease can have ended, and the day counts at least what was admitted.
fn at_rest(world: &World) -> Result<(), String> {
    let plan = &world.plan;
    let totals = world.checks.totals;
    if totals.asked != totals.answered {
        return Err("a caller has no answer".into());
    }
    let policy = plan.policy_at(world.now);
    let standing = world.store.peek(world.now, &policy);
    if standing.outstanding > 0 {
        return Err("permits are leased although every lease has ended".into());
    }
    let lost = plan.faults.empty_restarts + plan.faults.forgotten_writes;
    let (used, issued) = world.checks.of_day(standing.day);
    if lost == 0 && (standing.used() < used || standing.granted != issued) {
        return Err(format!("the day counts {standing:?} after {used} used and {issued} issued"));
    }
    if is_faultless(plan) && standing.used() != used {
        return Err(format!("the day counts {} after {used} used", standing.used()));
    }
    // A call may have been under way for a deadline, or until a stopped store went on. A later one spends nothing,
    // but cuts the bucket to the burst of its policy, which may be the one before.
    const LATEST: Nanos = 1_000_000_000 + 500_000_000;
    let leasts = plan.policies.iter().map(|policy| {
        let accrued = u64::from(policy.rate().permits().get()) * (World::QUIET - LATEST) / SECOND;
        accrued.min(policy.burst().get().into())
    });
    let least = leasts.min().unwrap_or(0);
    if plan.faults.store_clock_steps == 0 && u64::from(standing.level) + 1 < least {
        return Err(format!("{} permits are in the bucket, not {least}", standing.level));
    }
    Ok(())
}
