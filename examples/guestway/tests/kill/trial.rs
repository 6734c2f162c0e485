//! Rounds of kills on one database.

use std::ops::Range;
use std::process::Stdio;
use std::time::{Duration, Instant};

use dualkey::{LimitPolicy, NewPartner, Partner, Rate, Registry};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;

use crate::ledger::Ledger;
use crate::load::Load;
use crate::support::client::{Call, Client};
use crate::support::program::Program;
use crate::support::sandbox::Sandbox;
use crate::writer::Writer;
use crate::{below, issue};

/// How a round ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Killed early, possibly before any usage was written.
    Soon,
    /// Killed after usage was written.
    Late,
    /// Stopped by SIGTERM.
    Clean,
}

/// A sequence of rounds on one database. In each round a server and a process that changes tokens work
/// under load until they are killed.
pub(crate) struct Trial {
    sandbox: Sandbox,
    registry: Registry,
    partner: Partner,
    /// A partner for checks, whose usage is not compared.
    examiner: Partner,
    token: String,
    /// The changes that the writer of each round reported.
    ledgers: Vec<Ledger>,
    measured: Measured,
}

#[derive(Default)]
struct Measured {
    changes: usize,
    /// The changes in progress when the writer was killed, and how many of them took effect.
    in_progress: [usize; 2],
    requests: usize,
    loss: Duration,
}

impl Trial {
    pub(crate) async fn new(sandbox: Sandbox) -> Self {
        let registry = sandbox.registry().await;
        let partner = register(&registry).await;
        let examiner = register(&registry).await;
        let token = issue(&registry, "load").await.1;
        let measured = Measured::default();
        Self { sandbox, registry, partner, examiner, token, ledgers: Vec::new(), measured }
    }

    /// Runs the rounds of these numbers. Every twentieth ends late, and every twentieth with a clean
    /// stop.
    pub(crate) async fn run(mut self, rounds: Range<u32>) {
        let began = Instant::now();
        for round in rounds.clone() {
            let end = match round % 20 {
                9 => End::Late,
                19 => End::Clean,
                _ => End::Soon,
            };
            self.round(round, end).await;
        }
        for ledger in &self.ledgers {
            ledger.assert_kept(&self.registry).await;
        }
        let Measured { changes, in_progress: [attempts, happened], requests, loss } = self.measured;
        println!(
            "rounds {rounds:?} in {:?}: {changes} changes and {requests} requests were acknowledged; \
             of {attempts} changes in progress {happened} took effect; at most {loss:?} of usage were lost",
            began.elapsed()
        );
        assert!(changes > rounds.len(), "the writers were under load");
    }

    async fn round(&mut self, round: u32, end: End) {
        self.kill_while_it_starts().await;
        let writer = Writer::start(&self.sandbox, &format!("round-{round}"));
        let program = self.sandbox.serve("off");
        self.assert_known_after_the_restart(&program).await;

        let used_before = self.used().await;
        let load = Load::start(2, &self.calls(&program));
        sleep(Duration::from_millis(match end {
            End::Soon => below(100),
            End::Late => 3_000 + below(1_000),
            End::Clean => 300,
        }))
        .await;
        let stopping = spawn_blocking(move || stop(program, writer, end));
        let (stopped, answered) = tokio::join!(stopping, load.join());
        let (ledger, stopped_at) = stopped.unwrap();
        let happened = ledger.assert_kept(&self.registry).await;

        let counted = self.used().await - used_before;
        let loss = answered.loss(counted, stopped_at);
        // Usage is written every second; the rest is the time of a write on a busy disk.
        assert!(loss <= Duration::from_millis(2_500), "{loss:?} of usage were lost");
        assert!(end != End::Clean || answered.lost(counted) == 0, "a clean stop loses nothing");
        self.measured.changes += ledger.acknowledged();
        self.measured.in_progress[0] += usize::from(ledger.has_attempt());
        self.measured.in_progress[1] += usize::from(happened);
        self.measured.requests += answered.count();
        self.measured.loss = self.measured.loss.max(loss);
        self.ledgers.push(ledger);
    }

    /// Kills a server at a random moment of its start.
    async fn kill_while_it_starts(&self) {
        let mut command = self.sandbox.command(&["serve", "--listen", "127.0.0.1:0"]);
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        sleep(Duration::from_millis(below(40))).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asserts that the new server accepts and refuses tokens as the previous round acknowledged. It asks for all
    /// at once, since those that are revoked wait for the same read of the changes.
    async fn assert_known_after_the_restart(&self, program: &Program) {
        let client = Client::http1();
        let before = self.ledgers.last().into_iter();
        let mut asked = JoinSet::new();
        for (token, is_valid) in before.flat_map(Ledger::expected).take(60) {
            let (client, call) = (client.clone(), call(program, &self.examiner, token));
            asked.spawn(async move {
                let answer = client.send(call.get()).await;
                assert_eq!(answer.status == 200, is_valid, "{}", answer.body);
            });
        }
        asked.join_all().await;
    }

    fn calls(&self, program: &Program) -> Vec<Call> {
        let before = self.ledgers.last().into_iter();
        let valid = before.flat_map(Ledger::expected).filter(|(_, is_valid)| *is_valid);
        let tokens = valid.map(|(token, _)| token).take(5).chain([&*self.token]);
        tokens.map(|token| call(program, &self.partner, token)).collect()
    }

    /// The requests of the partner that are written to the database.
    async fn used(&self) -> u64 {
        let today = self.partner.policy.day(self.registry.clock().now());
        self.registry.store().usage(self.partner.id, today).await.unwrap()
    }
}

/// Registers a partner whose limits are never reached and whose day begins now.
async fn register(registry: &Registry) -> Partner {
    let many = 1_000_000.try_into().unwrap();
    let today = i32::try_from(registry.clock().now().as_secs() % 86_400).unwrap();
    let policy =
        LimitPolicy::new(Rate::per_second(many), many).with_utc_offset_secs(-today).unwrap();
    registry.register_partner(NewPartner::new("Tests").with_policy(policy)).await.unwrap()
}

fn call(program: &Program, partner: &Partner, token: &str) -> Call {
    let api_key = partner.api_key.clone();
    Call { api_key: api_key.to_string(), ..program.call("/v1/organization", token) }
}

/// Ends both processes, in random order unless the stop is clean. Returns the changes that the writer
/// reported, and when the server ended.
fn stop(program: Program, writer: Writer, end: End) -> (Ledger, Instant) {
    if end == End::Clean {
        let stopped_at = Instant::now();
        let (status, log) = program.stop_now("TERM");
        assert!(status.success(), "{status}: {log}");
        return (writer.kill(), stopped_at);
    }
    if below(2) == 0 {
        let stopped_at = program.kill();
        (writer.kill(), stopped_at)
    } else {
        let ledger = writer.kill();
        (ledger, program.kill())
    }
}
