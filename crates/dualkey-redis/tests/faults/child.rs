//! A process that is stopped for longer than its lease.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dualkey_testing::redis::Server;
use tokio::time::sleep;

use crate::bound::{Admission, excess};
use crate::fleet::{Plan, policy};

/// The name under which the test below runs a part of itself as another process.
const CHILD: &str = "DUALKEY_FAULTS_CHILD";
const TEST: &str = "child::a_process_stopped_beyond_its_lease_spends_nothing_of_it";
const STOPS: u32 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_stopped_beyond_its_lease_spends_nothing_of_it() {
    let policy = policy(500, 200);
    if let Ok(url) = env::var(CHILD) {
        return run_child(Plan::new(&url, policy)).await;
    }
    let server = Server::start();
    let fleet = Plan::new(&server.url(), policy).start(2);
    let mut child = start_child(&server.url());
    fleet.goes_on().await;
    for _ in 0..STOPS {
        sleep(Duration::from_millis(300)).await;
        signal(&child, "-STOP");
        sleep(Duration::from_millis(600)).await;
        signal(&child, "-CONT");
    }
    sleep(Duration::from_millis(300)).await;
    drop(child.stdin.take());
    let output = BufReader::new(child.stdout.take().unwrap());
    let admissions = output.lines().filter_map(|line| admission(&line.unwrap()));
    let mut all: Vec<_> = tokio::task::block_in_place(|| admissions.collect());
    assert!(child.wait().unwrap().success());
    let of_child = all.len();
    let (record, used) = fleet.end().await;
    all.extend(record.admissions);
    assert!(of_child > 300, "{of_child}");
    assert_eq!(excess(all.clone(), &policy), 0);
    assert!(used >= u64::try_from(all.len()).unwrap());
}

/// Writes its admissions once its input is closed.
async fn run_child(plan: Plan) {
    let fleet = plan.start(1);
    let input = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    input.await.unwrap().unwrap();
    for Admission { called, answered } in fleet.end().await.0.admissions {
        println!("admission {called} {answered}");
    }
}

fn start_child(url: &str) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([TEST, "--exact", "--nocapture"]).env(CHILD, url);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

fn admission(line: &str) -> Option<Admission> {
    let mut numbers =
        line.strip_prefix("admission ")?.split(' ').map(|number| number.parse().unwrap());
    Some(Admission { called: numbers.next()?, answered: numbers.next()? })
}

fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(status.expect("kill is installed").success());
}
