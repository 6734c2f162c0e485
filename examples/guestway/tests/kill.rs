//! What survives `kill -9`, of the server and of whoever changes tokens: all that was acknowledged.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod support;

#[path = "kill/ledger.rs"]
mod ledger;
#[path = "kill/load.rs"]
mod load;
#[path = "kill/writer.rs"]
mod writer;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dualkey::{
    LimitPolicy, NewPartner, NewToken, OrganizationId, Partner, Rate, Registry, TokenId,
    TokenStatus,
};
use dualkey_testing::postgres::Server;
use ledger::Ledger;
use load::Load;
use serde_json::Value;
use support::client::{Call, Client};
use support::desk::{Desk, text};
use support::program::Program;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use writer::Writer;

/// These tests load the machine, and one measures time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_kills_lose_nothing_acknowledged_and_a_second_of_usage_at_most() {
    let _turn = ONE_AT_A_TIME.lock().await;
    Trial::new(Desk::new()).await.run(200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql_kills_lose_nothing_acknowledged_either() {
    let _turn = ONE_AT_A_TIME.lock().await;
    Trial::new(Desk::on(Server::shared().new_database())).await.run(30).await;
}

#[tokio::test]
#[ignore = "it is started by the other tests, and killed"]
async fn writer() {
    writer::write().await;
}

/// How a round ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Killed soon: nothing of its usage may have been written.
    Soon,
    /// Killed after usage was written.
    Late,
    /// Told to stop.
    Clean,
}

/// Rounds on one database.
struct Trial {
    desk: Desk,
    registry: Registry,
    partner: Partner,
    /// Whose usage is not looked at.
    examiner: Partner,
    token: String,
    /// What the writer of each round said.
    ledgers: Vec<Ledger>,
    measured: Measured,
}

#[derive(Default)]
struct Measured {
    changes: usize,
    /// Changes under way when the writer was killed, and how many of them happened.
    under_way: [usize; 2],
    requests: usize,
    loss: Duration,
}

impl Trial {
    async fn new(desk: Desk) -> Self {
        let registry = desk.registry().await;
        let partner = register(&registry).await;
        let examiner = register(&registry).await;
        let token = issue(&registry, "load").await.1;
        let measured = Measured::default();
        Self { desk, registry, partner, examiner, token, ledgers: Vec::new(), measured }
    }

    async fn run(mut self, rounds: u32) {
        let began = Instant::now();
        for round in 0..rounds {
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
        let Measured { changes, under_way: [attempts, happened], requests, loss } = self.measured;
        println!(
            "{rounds} rounds in {:?}: {changes} changes and {requests} requests were acknowledged; \
             of {attempts} changes under way {happened} happened; {loss:?} of usage were lost at most",
            began.elapsed()
        );
        assert!(changes > rounds.try_into().unwrap(), "the writers were under load");
    }

    async fn round(&mut self, round: u32, end: End) {
        self.kill_while_it_starts().await;
        let writer = Writer::start(&self.desk, &format!("round-{round}"));
        let program = self.desk.serve("off");
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
        // A tick of a second, and what the database takes where the disk is busy otherwise.
        assert!(loss <= Duration::from_millis(2_500), "{loss:?} of usage were lost");
        assert!(end != End::Clean || answered.lost(counted) == 0, "a clean stop loses nothing");
        self.measured.changes += ledger.acknowledged();
        self.measured.under_way[0] += usize::from(ledger.has_attempt());
        self.measured.under_way[1] += usize::from(happened);
        self.measured.requests += answered.count();
        self.measured.loss = self.measured.loss.max(loss);
        self.ledgers.push(ledger);
    }

    /// A server that is killed before it serves, at any moment.
    async fn kill_while_it_starts(&self) {
        let mut command = self.desk.command(&["serve", "--listen", "127.0.0.1:0"]);
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        sleep(Duration::from_millis(below(40))).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// What was acknowledged in the round before is what the new server goes by.
    async fn assert_known_after_the_restart(&self, program: &Program) {
        let client = Client::http1();
        let before = self.ledgers.last().into_iter();
        for (token, is_valid) in before.flat_map(Ledger::expected).take(60) {
            let answer = client.send(call(program, &self.examiner, token).get()).await;
            assert_eq!(answer.status == 200, is_valid, "{}", answer.body);
        }
    }

    fn calls(&self, program: &Program) -> Vec<Call> {
        let before = self.ledgers.last().into_iter();
        let valid = before.flat_map(Ledger::expected).filter(|(_, is_valid)| *is_valid);
        let tokens = valid.map(|(token, _)| token).take(5).chain([&*self.token]);
        tokens.map(|token| call(program, &self.partner, token)).collect()
    }

    /// How many requests the partner made, as far as the store knows.
    async fn used(&self) -> u64 {
        let today = self.partner.policy.day(self.registry.clock().now());
        self.registry.store().usage(self.partner.id, today).await.unwrap()
    }
}

/// A partner whose limits no test meets, and whose day begins now.
async fn register(registry: &Registry) -> Partner {
    let many = 1_000_000.try_into().unwrap();
    let today = i32::try_from(registry.clock().now().as_secs() % 86_400).unwrap();
    let policy =
        LimitPolicy::new(Rate::per_second(many), many).with_utc_offset_secs(-today).unwrap();
    let partner = NewPartner { name: "Tests".to_owned(), policy, api_key: None };
    registry.register_partner(partner).await.unwrap()
}

fn call(program: &Program, partner: &Partner, token: &str) -> Call {
    let api_key = partner.api_key.to_string();
    Call { api_key, ..program.call("/v1/organization", token) }
}

/// Ends both, in any order but for a clean stop: what the writer had said, and when the server ended.
fn stop(program: Program, writer: Writer, end: End) -> (Ledger, Instant) {
    if end == End::Clean {
        let stopped_at = Instant::now();
        assert!(program.stop_now("TERM").0.success());
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

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_killed_rotates_or_revokes_wholly_or_not_at_all() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let desk = Desk::new();
    let registry = desk.registry().await;
    let acme = OrganizationId::new("acme");
    let (mut done, mut acknowledged) = (0, 0);
    for round in 0..60 {
        let (old, _) = issue(&registry, "acme").await;
        let verb = if round % 3 == 0 { "revoke" } else { "rotate" };
        let id = old.to_string();
        let command = ["token", verb, "--organization", "acme", &id, "--json"];
        let answer =
            answer_until_killed(&mut desk.command(&command), Duration::from_millis(below(20)));

        let tokens = registry.tokens(&acme).await.unwrap();
        let valid = tokens.iter().filter(|token| {
            (token.id == old || token.replaces == Some(old))
                && token.status(registry.clock().now()) == TokenStatus::Active
        });
        let valid = Vec::from_iter(valid.map(|token| token.id));
        match verb {
            "rotate" => assert_eq!(valid.len(), 1, "the old one or the new one, {answer:?}"),
            _ => assert!(valid.is_empty() || valid == [old]),
        }
        let happened = valid != [old];
        assert!(happened || answer.is_none(), "{verb} was acknowledged: {answer:?}");
        done += usize::from(happened);
        acknowledged += usize::from(answer.is_some());
        if let Some(answer) = answer.filter(|_| verb == "rotate") {
            assert_eq!(text(&answer, "id"), valid[0].to_string());
        }
        for token in valid {
            registry.revoke_token(&acme, &token).await.unwrap();
        }
    }
    println!("of 60 commands that were killed, {done} were carried out, {acknowledged} said so");
}

/// What a command answered before it was killed, if that was all of it.
fn answer_until_killed(command: &mut Command, after: Duration) -> Option<Value> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    let answer = child.wait_with_output().unwrap().stdout;
    serde_json::from_slice(&answer).ok()
}

async fn issue(registry: &Registry, organization: &str) -> (TokenId, String) {
    let issued = registry.issue_token(NewToken {
        organization: organization.into(),
        name: "Tests".to_owned(),
        scopes: vec!["full:read".to_owned()],
        expires_at: None,
    });
    let issued = issued.await.unwrap();
    (issued.record.id, issued.secret.expose_secret().to_owned())
}

/// Any number below this one.
fn below(bound: u64) -> u64 {
    RandomState::new().build_hasher().finish() % bound
}
