//! What shared limits admit beside one bucket that decides at once on the same requests, and the calls that
//! they make: a rate of 1,000 a second, requests at random, a millisecond each way.

use dualkey_shared::node::NodeState;

use crate::clocks::Nanos;
use crate::plan::{MILLI, Plan, policy};
use crate::process::{Process, Traffic};
use crate::world::{Event, World};

fn steady(burst: u32, processes: usize, demand: f64) -> World {
    World::new(Plan::steady(policy(1_000, burst), processes, demand, 1))
}

/// Fails if less than this share is admitted of what one bucket would admit, or if there are more calls.
fn check(name: &str, world: World, (least_share, most_calls): (f64, f64)) {
    let seconds = world.plan.duration as f64 / 1e9;
    let totals = world.run().checks.totals;
    let share = totals.admitted as f64 / totals.ideal as f64;
    let calls = totals.round_trips as f64 / seconds;
    println!("| {name} | {:.1} % | {calls:.0} |", share * 100.0);
    assert!(share >= least_share, "{name}: {share}");
    assert!(calls <= most_calls, "{name}: {calls} calls a second");
}

#[test]
fn one_process_uses_what_one_bucket_grants() {
    for (burst, most_calls) in [(1_000, 20.0), (100, 110.0)] {
        for demand in [0.5, 1.0, 3.0] {
            let name = format!("1 process, burst {burst}, demand {demand} × the rate");
            check(&name, steady(burst, 1, demand), (0.98, most_calls));
        }
    }
}

#[test]
fn ten_processes_use_what_one_bucket_grants() {
    for burst in [1_000, 100] {
        for demand in [1.0, 3.0] {
            let name = format!("10 processes, burst {burst}, demand {demand} × the rate");
            check(&name, steady(burst, 10, demand), (0.95, 400.0));
        }
    }
}

#[test]
fn idle_processes_with_leases_keep_little_from_others() {
    for demand in [1.0, 3.0] {
        let mut world = steady(1_000, 100, demand * 10.0);
        for process in &mut world.processes[10..] {
            process.traffic = Traffic::Sporadic;
        }
        let name = format!("100 processes, 90 of them mostly idle, demand {demand} × the rate");
        check(&name, world, (0.95, 500.0));
    }
}

#[test]
fn processes_that_end_with_their_leases_waste_little() {
    for demand in [1.0, 3.0] {
        let mut world = steady(1_000, 10, demand);
        let times = world.plan.duration / (100 * MILLI);
        (0..times).for_each(|n: Nanos| world.schedule(n * 100 * MILLI, Event::Crash));
        let name = format!("10 processes, one ends every 100 ms, demand {demand} × the rate");
        check(&name, world, (0.95, 400.0));
    }
}

#[test]
fn modest_processes_get_a_share_beside_a_greedy_one() {
    let mut world = steady(1_000, 10, 0.5);
    world.processes[0].traffic = Traffic::Steady { interval: MILLI / 10 };
    let world = world.run();
    let share = |processes: &[Process]| {
        let sum = |count: fn(&Process) -> u64| processes.iter().map(count).sum::<u64>() as f64;
        sum(|process| process.admitted) / sum(|process| process.asked)
    };
    let (greedy, modest) = (share(&world.processes[..1]), share(&world.processes[1..]));
    println!(
        "| beside a process with ten times the rate | {:.0} % of what is asked |",
        modest * 100.0
    );
    assert!(modest >= 0.9 && greedy < 0.2, "{greedy} {modest}");
    for process in &world.processes[1..] {
        assert!(process.admitted > 0);
    }
}

#[test]
fn many_processes_call_at_most_once_a_request() {
    for processes in [100, 1_000] {
        let name = format!("{processes} processes, burst 1000, demand 1 × the rate");
        check(&name, steady(1_000, processes, 1.0), (0.95, 1_150.0));
    }
    println!("a partner takes {} bytes in each process", size_of::<NodeState>());
}
