//! An axum server on a socket behind a gate, and clients that can send any bytes.

mod callers;
mod spellings;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use dualkey_token::TokenDigest;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::{Fixture, Log};

pub(crate) use spellings::spellings;

pub(crate) struct Server {
    pub(crate) fixture: Fixture,
    pub(crate) address: SocketAddr,
    pub(crate) log: Log,
    secrets: RefCell<Vec<String>>,
}

/// Runs a test against a server on the same thread, and records all log levels. Panics at the end if the log
/// contains a secret of the test.
pub(crate) fn serve(test: impl AsyncFnOnce(&Server)) {
    let (log, _guard) = Log::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let fixture = Fixture::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = app(&fixture);
        tokio::spawn(async { axum::serve(listener, app).await });
        let secrets = RefCell::new(vec![fixture.secret().to_owned()]);
        let server = Server { fixture, address, log, secrets };
        timeout(Duration::from_secs(120), test(&server)).await.expect("the test takes too long");
        server.assert_no_secret_in_log();
    });
}

fn app(fixture: &Fixture) -> Router {
    Router::new()
        .route("/reservations", get(async || "hello").post(async |body: String| body))
        .layer(fixture.gate.require(fixture.reads()))
}

impl Server {
    /// Adds a token that the log must not contain.
    pub(crate) fn keep_secret(&self, token: &str) {
        self.secrets.borrow_mut().push(token.to_owned());
    }

    /// Advances the clock until the partner's bucket and its failure allowance are full.
    pub(crate) fn wait(&self) {
        self.fixture.clock.advance(Duration::from_secs(2));
    }

    /// The head of a request with good credentials, without the empty line at its end.
    pub(crate) fn head(&self, method: &str) -> String {
        let (key, token) = (&self.fixture.partner.api_key, self.fixture.secret());
        format!(
            "{method} /reservations HTTP/1.1\r\nHost: here\r\nX-Api-Key: {key}\r\nAuthorization: Bearer {token}\r\n"
        )
    }

    fn assert_no_secret_in_log(&self) {
        let log = self.log.text();
        for secret in &*self.secrets.borrow() {
            let mut digest = String::new();
            for byte in TokenDigest::of(secret.as_bytes()).as_bytes() {
                write!(digest, "{byte:02x}").unwrap();
            }
            let (start, end) = secret.split_at(secret.len() / 2);
            for part in [start, end, &digest] {
                let line = log.lines().find(|line| line.contains(part));
                assert_eq!(line, None, "{part} is in the log");
            }
        }
    }
}
