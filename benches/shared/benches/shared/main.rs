//! What a decision on shared limits costs, over TCP on loopback: the time of a caller, and the processor time of
//! the server. The works take turns. The client has one thread.

mod leases;
mod limitador;
mod memory;
mod server;
mod turn;
mod work;

use dualkey_benches::{Report, Row};
use redis::aio::MultiplexedConnection;
use tokio::runtime;

use crate::server::Server;
use crate::turn::{Turns, interleave};
use crate::work::{COALESCED, DUALKEY, GCRA, LIMITADOR, SET};

fn main() {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime can be built");
    let server = Server::start();
    let control = runtime.block_on(server.connect());
    let version = runtime.block_on(server::version(&control));
    let report = Report::new("shared");
    for callers in [1, 8, 64] {
        let title = format!("one partner, callers: {callers}; redis-server {version}, one client");
        report.table(&title, || runtime.block_on(on_one_connection(&server, &control, callers)));
    }
    let title = format!("one partner, callers: 50, a connection each; redis-server {version}");
    report.table(&title, || runtime.block_on(on_connections(&server, &control, 50)));
    let title = "one process that leases, of 1,000 permits a second";
    report.table(title, || runtime.block_on(leases::measure(&server)));
    report.table("memory of the store", || runtime.block_on(memory::measure(&server, &control)));
}

/// Callers that share a connection, on which their commands wait in one pipeline.
async fn on_one_connection(
    server: &Server,
    control: &MultiplexedConnection,
    callers: usize,
) -> Vec<Row> {
    let all = interleave(work::on_one_connection(server).await, control, callers).await;
    let latency = (callers == 1).then_some(1.1);
    let mut rows = rows(&all, &Targets { latency, ..NONE });
    if callers == 64 {
        let coalesced = find(&all, COALESCED);
        let against = |name| coalesced.ratio(find(&all, name), |turn| turn.per_second);
        let row = |name: &str| Row::new(&format!("{COALESCED}, against {name}"));
        rows.push(row("separate calls").at_least(against(DUALKEY), 5.0, "× separate calls"));
        rows.push(row(LIMITADOR).measured(against(LIMITADOR), "× limitador's"));
    }
    rows
}

/// Callers of which each has a connection: the server reads and answers one command at a time.
async fn on_connections(
    server: &Server,
    control: &MultiplexedConnection,
    callers: usize,
) -> Vec<Row> {
    let all = interleave(work::on_connections(server, callers).await, control, callers).await;
    let mut rows = rows(&all, &Targets { cpu: Some(1.5), script: Some(5.0), ..NONE });
    let cpu = find(&all, DUALKEY).ratio(find(&all, GCRA), |turn| turn.cpu);
    rows.push(Row::new("Dualkey against GCRA: server CPU").at_most(cpu, 1.0, "× GCRA"));
    rows
}

/// The bounds of Dualkey's script, if a table has them.
struct Targets {
    /// In SETs.
    latency: Option<f64>,
    /// In SETs.
    cpu: Option<f64>,
    /// In microseconds.
    script: Option<f64>,
}

fn find<'a>(all: &'a [Turns], name: &str) -> &'a Turns {
    all.iter().find(|turns| turns.name == name).expect("it took turns")
}

fn rows(all: &[Turns], targets: &Targets) -> Vec<Row> {
    let set = find(all, SET);
    let rows = |turns| rows_of(turns, set, if turns.name == DUALKEY { targets } else { &NONE });
    all.iter().flat_map(rows).collect()
}

const NONE: Targets = Targets { latency: None, cpu: None, script: None };

fn rows_of(turns: &Turns, set: &Turns, targets: &Targets) -> Vec<Row> {
    let row = |about: &str| Row::new(&format!("{}: {about}", turns.name));
    let bounded = |row: Row, value, target, unit| match target {
        Some(bound) => row.at_most(value, bound, unit),
        None => row.measured(value, unit),
    };
    let p50 = row("median latency").nanos(1e3 * turns.median(|turn| turn.p50));
    let cpu = row("server CPU").nanos(1e3 * turns.median(|turn| turn.cpu));
    let mut rows = vec![
        row("decisions a second").measured(turns.median(|turn| turn.per_second), "a second"),
        bounded(p50, turns.ratio(set, |turn| turn.p50), targets.latency, "× SET"),
        row("99th percentile").nanos(1e3 * turns.median(|turn| turn.p99)),
        bounded(cpu, turns.ratio(set, |turn| turn.cpu), targets.cpu, "× SET"),
        row("commands").measured(turns.median(|turn| turn.commands), "a decision"),
    ];
    if turns.name != SET {
        let script = turns.median(|turn| turn.script);
        rows.push(bounded(row("run of a script"), script, targets.script, "µs"));
    }
    rows
}
