use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tokio::task::spawn_blocking;

use super::client::Call;

/// A running server process.
pub(crate) struct Program {
    child: Child,
    log: Option<JoinHandle<String>>,
    /// The requests that the server printed.
    pub(crate) calls: [Call; 2],
}

impl Program {
    pub(crate) fn start(mut command: Command, rust_log: &str) -> Self {
        let mut child = command
            .env("RUST_LOG", rust_log)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut log = child.stderr.take().map(|stderr| thread::spawn(|| read(stderr)));
        let calls = [(); 2].map(|()| match lines.next() {
            Some(line) => parse(&line.unwrap()),
            None => panic!("the server did not start: {}", log.take().unwrap().join().unwrap()),
        });
        Self { child, log, calls }
    }

    /// A request for this path with the printed partner key and another token.
    pub(crate) fn call(&self, path: &str, token: &str) -> Call {
        let url = self.calls[0].url.replace("/v1/organization", path);
        Call { url, token: token.to_owned(), ..self.calls[0].clone() }
    }

    /// Sends the signal and waits for the program to end. Returns its exit status and its log.
    pub(crate) async fn stop(self, signal: &'static str) -> (ExitStatus, String) {
        // Clients run meanwhile, since their connections have to be closed.
        spawn_blocking(move || self.stop_now(signal)).await.unwrap()
    }

    pub(crate) fn stop_now(mut self, signal: &str) -> (ExitStatus, String) {
        let kill = format!("kill -s {signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        (status, self.log.take().unwrap().join().unwrap())
    }

    /// Ends the program as `kill -9` does. Returns the time of the kill.
    pub(crate) fn kill(mut self) -> Instant {
        let now = Instant::now();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        now
    }
}

/// A test that fails leaves no program behind.
impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(mut stderr: ChildStderr) -> String {
    let mut log = String::new();
    stderr.read_to_string(&mut log).unwrap();
    log
}

/// Parses a printed curl command: words in single quotes.
fn parse(line: &str) -> Call {
    let words: Vec<_> = line.split('\'').collect();
    let ["curl -H ", api_key, " -H ", token, " ", url, ""] = words[..] else {
        panic!("not a printed request: {line}");
    };
    Call {
        url: url.to_owned(),
        api_key: api_key.strip_prefix("X-Api-Key: ").unwrap().to_owned(),
        token: token.strip_prefix("Authorization: Bearer ").unwrap().to_owned(),
    }
}
