//! A process that issues, rotates and revokes tokens as fast as it can, until it is killed. It says
//! what it is about to do, and what was acknowledged.

use std::collections::VecDeque;
use std::env;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dualkey::{IssuedToken, NewToken, OrganizationId, Registry, TokenId};

use crate::ledger::Ledger;
use crate::support::desk::{Desk, registry};

const DATABASE: &str = "GUESTWAY_TEST_DATABASE";
const ORGANIZATION: &str = "GUESTWAY_TEST_ORGANIZATION";

/// How many tokens that are not revoked a writer keeps.
const KEPT: usize = 12;

/// The process, as the test sees it.
pub(crate) struct Writer {
    child: Child,
    said: Option<JoinHandle<String>>,
    organization: String,
}

impl Writer {
    /// Starts this very program again, for the test named `writer`.
    pub(crate) fn start(desk: &Desk, organization: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "writer", "--ignored", "--nocapture"])
            .env(DATABASE, desk.database())
            .env(ORGANIZATION, organization)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let said = thread::spawn(move || {
            let mut said = String::new();
            stdout.read_to_string(&mut said).unwrap();
            said
        });
        Self { child, said: Some(said), organization: organization.to_owned() }
    }

    /// What it had said when it was killed.
    pub(crate) fn kill(mut self) -> Ledger {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        let said = self.said.take().unwrap().join().unwrap();
        assert_eq!(status.code(), None, "the writer ended by itself: {said}");
        Ledger::read(&self.organization, &said)
    }
}

/// A test that fails leaves no process behind.
impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the process does.
pub(crate) async fn write() {
    let registry = registry(&env::var(DATABASE).unwrap()).await;
    let organization = OrganizationId::from(env::var(ORGANIZATION).unwrap());
    let mut kept = VecDeque::new();
    for round in 0_u64.. {
        let token = issue(&registry, &organization).await;
        let overlap = Duration::from_secs(if round % 2 == 0 { 0 } else { 3_600 });
        let successor = rotate(&registry, &organization, token, overlap).await;
        kept.extend([token, successor, issue(&registry, &organization).await]);
        while kept.len() > KEPT {
            revoke(&registry, &organization, kept.pop_front().unwrap()).await;
        }
    }
}

async fn issue(registry: &Registry, organization: &OrganizationId) -> TokenId {
    println!("try issue");
    let issued = registry.issue_token(NewToken {
        organization: organization.clone(),
        name: "Tests".to_owned(),
        scopes: vec!["full:read".to_owned()],
        expires_at: None,
    });
    let IssuedToken { secret, record } = issued.await.unwrap();
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
