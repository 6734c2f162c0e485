//! A process that issues, rotates and revokes tokens in a loop, until it is killed. It prints each
//! change before it starts, and again when it is acknowledged.

use std::collections::VecDeque;
use std::env;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use dualkey::{IssuedToken, NewToken, OrganizationId, Registry, TokenId};
use tokio::time::sleep;

use crate::ledger::Ledger;
use crate::support::sandbox::{Sandbox, registry};
use crate::support::unique_name;

const DATABASE: &str = "GUESTWAY_TEST_DATABASE";
const ORGANIZATION: &str = "GUESTWAY_TEST_ORGANIZATION";

/// The number of unrevoked tokens that a writer keeps.
const KEPT: usize = 12;

/// A handle to the process.
pub(crate) struct Writer {
    child: Child,
    output: Option<JoinHandle<String>>,
    organization: String,
}

impl Writer {
    /// Starts the test binary again, for the test named `writer`.
    pub(crate) fn start(sandbox: &Sandbox, organization: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "writer", "--ignored", "--nocapture"])
            .env(DATABASE, sandbox.database())
            .env(ORGANIZATION, organization)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let output = thread::spawn(move || {
            let mut output = String::new();
            stdout.read_to_string(&mut output).unwrap();
            output
        });
        Self { child, output: Some(output), organization: organization.to_owned() }
    }

    /// Kills the process, and returns the changes that it had printed.
    pub(crate) fn kill(mut self) -> Ledger {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        let output = self.output.take().unwrap().join().unwrap();
        assert_eq!(status.code(), None, "the writer ended by itself: {output}");
        Ledger::parse(&self.organization, &output)
    }
}

/// A test that fails leaves no process behind.
impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The main loop of the process.
pub(crate) async fn write() {
    let registry = registry(&env::var(DATABASE).unwrap()).await;
    let organization = OrganizationId::from(env::var(ORGANIZATION).unwrap());
    let mut kept = VecDeque::new();
    for round in 0_u64.. {
        let token = paced(issue(&registry, &organization)).await;
        let overlap = Duration::from_secs(if round % 2 == 0 { 0 } else { 3_600 });
        let successor = paced(rotate(&registry, &organization, token, overlap)).await;
        kept.extend([token, successor, paced(issue(&registry, &organization)).await]);
        while kept.len() > KEPT {
            paced(revoke(&registry, &organization, kept.pop_front().unwrap())).await;
        }
    }
}

/// Makes a change, then pauses for as long as the change took.
///
/// SQLite does not queue writers: a waiting one retries at intervals of up to 100 ms. Without the pauses
/// this process would hold the write lock almost always, and on a slow disk the server's writes would
/// time out.
async fn paced<T>(change: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let result = change.await;
    sleep(began.elapsed()).await;
    result
}

async fn issue(registry: &Registry, organization: &OrganizationId) -> TokenId {
    println!("try issue");
    let token = NewToken::new(organization.clone(), unique_name(), ["full:read"]);
    let IssuedToken { secret, record } = registry.issue_token(token).await.unwrap();
    println!("did issue {} {}", record.id, secret.expose_secret());
    record.id
}

async fn rotate(
    registry: &Registry,
    organization: &OrganizationId,
    old: TokenId,
    overlap: Duration,
) -> TokenId {
    println!("try rotate {old}");
    let issued = registry.rotate_token(organization, &old, overlap).await;
    let IssuedToken { secret, record } = issued.unwrap();
    let end = if overlap.is_zero() { "ends" } else { "overlaps" };
    println!("did rotate {old} {end} {} {}", record.id, secret.expose_secret());
    record.id
}

async fn revoke(registry: &Registry, organization: &OrganizationId, token: TokenId) {
    println!("try revoke {token}");
    registry.revoke_token(organization, &token).await.unwrap();
    println!("did revoke {token}");
}
