//! `guestway serve --metrics`: what a scrape shows, beside what was sent.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use hyper::StatusCode;

use crate::support::client::{Call, Client};
use crate::support::program::Program;
use crate::support::sandbox::{Sandbox, output_of};

/// An address that was free a moment ago.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn serve(sandbox: &Sandbox, options: &[&str]) -> Program {
    let demo = ["serve", "--demo", "--listen", "127.0.0.1:0"];
    Program::start(sandbox.command(&[&demo, options].concat()), "info")
}

/// The head and the body of an answer.
fn get(address: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// The value of each series.
fn scrape(address: &str) -> HashMap<String, f64> {
    let (head, body) = get(address, "/metrics");
    assert!(
        head.starts_with("HTTP/1.1 200") && head.contains("text/plain; version=0.0.4"),
        "{head}"
    );
    let lines = body.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let series = lines.map(|line| line.rsplit_once(' ').unwrap());
    series.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
}

fn decisions(series: &HashMap<String, f64>, code: &str) -> f64 {
    series[&format!("dualkey_decisions_total{{code=\"{code}\"}}")]
}

#[tokio::test]
async fn a_scrape_shows_what_was_sent() {
    let (sandbox, address) = (Sandbox::new(), free_address());
    let program = serve(&sandbox, &["--metrics", &address]);
    let client = Client::http1();
    let known = program.calls[0].clone();
    let stranger = Call { api_key: "no-such-partner1".to_owned(), ..known.clone() };
    let guess = Call { token: "gw_guessed".to_owned(), ..known.clone() };
    for (times, call, status) in [(7, &known, 200), (3, &stranger, 401), (2, &guess, 401)] {
        for _ in 0..times {
            assert_eq!(client.send(call.get()).await.status, StatusCode::from_u16(status).unwrap());
        }
    }
    let series = scrape(&address);
    for (code, count) in
        [("granted", 7.0), ("api_key_invalid", 3.0), ("token_invalid", 2.0), ("rate_limited", 0.0)]
    {
        assert_eq!(decisions(&series, code), count, "{code}: {series:?}");
    }
    let value = |name: &str| series[name];
    assert_eq!(value("dualkey_store_up"), 1.0);
    assert!(value("dualkey_feed_age_seconds") < 5.0);
    assert_eq!(value("dualkey_cache_entries{cache=\"tokens\"}"), 1.0);
    assert!(series.keys().any(|name| name.starts_with("dualkey_store_wait_seconds_bucket")));
    assert!(series.keys().all(|name| !name.contains("partner=")), "no partner is a label");

    let alerts = include_str!("../../deploy/alerts.yml");
    let names = alerts.split(|at: char| !at.is_alphanumeric() && at != '_');
    for name in names.filter(|name| name.starts_with("dualkey_")) {
        assert!(series.keys().any(|key| key.starts_with(name)), "no series is named {name}");
    }
}

#[tokio::test]
async fn the_address_of_metrics_is_also_in_the_environment() {
    let (sandbox, address) = (Sandbox::new(), free_address());
    let mut command = sandbox.command(&["serve", "--demo", "--listen", "127.0.0.1:0"]);
    command.env("GUESTWAY_METRICS", &address);
    let program = Program::start(command, "info");
    assert_eq!(decisions(&scrape(&address), "granted"), 0.0);
    assert!(
        get(&address, "/v1/organization").0.starts_with("HTTP/1.1 404"),
        "the API is elsewhere"
    );
    let idle = TcpStream::connect(&address).unwrap();
    let (status, log) = program.stop("TERM").await;
    assert!(status.success() && log.contains("stopped"), "{status}: {log}");
    drop(idle);
    assert!(TcpStream::connect(&address).is_err(), "nothing listens any more");
}

#[test]
fn the_environment_counts_without_a_command_too() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&[]);
    let output = output_of(command.env("GUESTWAY_METRICS", "nowhere"));
    assert_eq!(output.status, Some(2));
    assert!(output.stderr.contains("--metrics <ADDRESS:PORT>"), "{}", output.stderr);
}

#[test]
fn a_port_in_use_for_metrics_is_a_one_line_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--metrics", &address];
    let error = Sandbox::new().refused(1, &arguments);
    assert!(error.starts_with(&format!("cannot listen on {address} for metrics: ")), "{error}");
}
