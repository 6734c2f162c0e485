//! What a guard costs a server: requests a second over loopback of one route, bare and guarded. Each server has
//! one worker on one core, and wrk (Debian's package of this name) is on the other. The servers take turns.

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::{env, io};

use axum::Router;
use dualkey_benches::{Report, Row, is_measuring, median, partner_key, token_text};

/// The name of the server that this process is to run; none measures.
const VARIABLE: &str = "DUALKEY_BENCH_SERVER";
const BARE: &str = "axum, bare";
const DUALKEY: &str = "Dualkey's guard, RateLimit fields included";
const STACK: &str = "two tower_governor layers and a middleware, without fields";
const STACK_WITH_FIELDS: &str = "the same, one of them with X-RateLimit fields";
const STRICT: &str = "one middleware that decides as the strict peer, without fields";
const ROUNDS: usize = 9;
const SECONDS: u32 = 2;

fn main() -> io::Result<()> {
    if let Ok(name) = env::var(VARIABLE) {
        return serve(app(&name));
    }
    Report::new("end_to_end").table("one route over loopback", end_to_end);
    Ok(())
}

fn app(name: &str) -> Router {
    match name {
        BARE => support::bare(),
        DUALKEY => support::dualkey(),
        STACK => support::stack(false),
        STACK_WITH_FIELDS => support::stack(true),
        STRICT => support::strict(),
        _ => panic!("no server is called {name:?}"),
    }
}

/// Prints its port and serves until it is killed.
fn serve(app: Router) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        axum::serve(listener, app).await
    })
}

/// A server in a process of its own, on the first core.
struct Server {
    name: &'static str,
    process: Child,
    port: u16,
    runs: Vec<Run>,
}

/// What wrk measured in one round.
struct Run {
    per_second: f64,
    /// The 99th percentile of the latency in microseconds.
    p99: f64,
}

impl Server {
    fn start(name: &'static str) -> Self {
        let own = env::current_exe().expect("a process knows its program");
        let mut process = Command::new("taskset")
            .args(["--cpu-list", "0"])
            .arg(own)
            .env(VARIABLE, name)
            .stdout(Stdio::piped())
            .spawn()
            .expect("taskset is in Debian's package util-linux");
        let mut line = String::new();
        let output = process.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("a server prints its port");
        let port = line.trim().parse().expect("a server prints its port");
        Self { name, process, port, runs: Vec::new() }
    }

    /// One request, so that a server that refuses is not measured.
    fn assert_answers(&self) {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let [key, token] = credentials();
        let request = format!(
            "GET /guests HTTP/1.1\r\nhost: api\r\n{key}\r\n{token}\r\nconnection: close\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 200"), "{}: {answer}", self.name);
    }

    fn measure(&mut self) {
        let [key, token] = credentials();
        let output = Command::new("taskset")
            .args(["--cpu-list", "1", "wrk", "--threads", "1", "--connections", "32", "--latency"])
            .args(["--duration", &SECONDS.to_string(), "--header", &key, "--header", &token])
            .arg(format!("http://127.0.0.1:{}/guests", self.port))
            .output()
            .expect("taskset is in Debian's package util-linux");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let after = |label: &str| {
            text.lines().find_map(|line| line.trim().strip_prefix(label)).map(str::trim)
        };
        assert!(
            output.status.success() && after("Non-2xx").is_none(),
            "wrk, from Debian's package of this name, failed: {text}{}",
            String::from_utf8_lossy(&output.stderr),
        );
        let per_second = after("Requests/sec:").and_then(|number| number.parse().ok());
        let p99 = after("99%").and_then(micros);
        let (Some(per_second), Some(p99)) = (per_second, p99) else {
            panic!("wrk printed no result: {text}")
        };
        self.runs.push(Run { per_second, p99 });
    }

    fn median(&self, of: impl Fn(&Run) -> f64) -> f64 {
        median(self.runs.iter().map(of).collect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The two fields of a request.
fn credentials() -> [String; 2] {
    let [key, token] = [partner_key(0).to_vec(), token_text(0).to_vec()]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    [format!("x-api-key: {key}"), format!("authorization: Bearer {token}")]
}

/// A duration as wrk prints it: `512.00us`, `1.20ms` or `1.02s`.
fn micros(text: &str) -> Option<f64> {
    let units = [("us", 1.0), ("ms", 1e3), ("s", 1e6)];
    units.into_iter().find_map(|(unit, factor)| {
        let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(number * factor)
    })
}

fn end_to_end() -> Vec<Row> {
    let mut servers = [BARE, DUALKEY, STACK, STACK_WITH_FIELDS, STRICT].map(Server::start);
    servers.iter().for_each(Server::assert_answers);
    if !is_measuring() {
        return Vec::new();
    }
    for _ in 0..ROUNDS {
        servers.iter_mut().for_each(Server::measure);
    }
    let mut rows: Vec<Row> = servers.iter().map(|server| share(server, &servers[0])).collect();
    for server in &servers {
        let above = 1e6 / server.median(|run| run.per_second)
            - 1e6 / servers[0].median(|run| run.per_second);
        let row = Row::new(&format!("{}: time above bare", server.name));
        rows.push(row.measured(above, "µs a request"));
        let row = Row::new(&format!("{}: 99th percentile", server.name));
        rows.push(row.measured(server.median(|run| run.p99), "µs"));
    }
    rows
}

/// Requests a second as a share of those of the bare server, which ran in the same rounds.
fn share(server: &Server, bare: &Server) -> Row {
    let rounds = server.runs.iter().zip(&bare.runs);
    let share = median(rounds.map(|(run, bare)| run.per_second / bare.per_second).collect());
    let nanos = 1e9 / server.median(|run| run.per_second);
    let row = Row::new(server.name).nanos(nanos);
    if server.name == DUALKEY {
        row.at_least(share, 0.9, "× bare")
    } else {
        row.measured(share, "× bare")
    }
}
