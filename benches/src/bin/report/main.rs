//! Makes the results in `benches/README.md` and the charts from what the benchmarks left in `target`:
//! their tables, and criterion's estimates.

mod chart;
mod criterion;
mod machine;

use std::path::{Path, PathBuf};
use std::{error, fs};

use chart::{Bar, Chart};
use tollgate_benches::{Record, Table};

const BEGIN: &str = "<!-- results: made by `cargo run -p tollgate-benches` -->";
const END: &str = "<!-- end of results -->";
const BENCHES: [&str; 5] = ["decision", "limiter", "layers", "peers", "memory"];

fn main() -> Result<(), Box<dyn error::Error>> {
    let readme = here().join("README.md");
    let text = fs::read_to_string(&readme)?;
    let (before, rest) = text.split_once(BEGIN).ok_or("the README has no place for results")?;
    let (_, after) = rest.split_once(END).ok_or("the results in the README have no end")?;
    fs::write(&readme, format!("{before}{BEGIN}\n\n{}{END}{after}", results()))?;

    for (name, chart) in charts() {
        fs::write(here().join("charts").join(name), chart.svg())?;
    }
    Ok(())
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn results() -> String {
    let mut text = machine::described();
    for bench in BENCHES {
        for table in &Record::read(bench).tables {
            text += &format!(
                "### {bench}: {}\n\n{}\n{}\n",
                table.title,
                taken(table),
                table.markdown()
            );
        }
    }
    text + &criterion::tables()
}

fn taken(table: &Table) -> String {
    let busy = if table.load < 1.5 { "" } else { ", **a busy machine**" };
    format!("{}, load {:.1}{busy}.\n", table.date, table.load)
}

/// A chart for each question that a reader has; one whose tables are missing is left as it is.
fn charts() -> Vec<(&'static str, Chart)> {
    [decision(), limiter(), layers(), peers()].into_iter().flatten().collect()
}

fn table(bench: &str, title: &str) -> Option<Table> {
    Record::read(bench).tables.into_iter().find(|table| table.title == title)
}

/// The lines that begin so, by what of them is shown.
fn bars(
    table: &Table,
    name: &str,
    works: &[&str],
    value: fn(&tollgate_benches::Row) -> Option<f64>,
) -> Vec<Bar> {
    let find = |work: &&str| {
        let row = table.rows.iter().find(|row| row.work == **work)?;
        let is_ours = row.work.contains("ollgate");
        Some(Bar { label: format!("{name}{}", row.work), value: value(row)?, is_ours })
    };
    works.iter().filter_map(find).collect()
}

fn decision() -> Option<(&'static str, Chart)> {
    let works = ["Tollgate", "by hand, lean", "by hand, plain"];
    let hot = table("decision", "one partner and token, hot")?;
    let cold = table("decision", "100,000 partners and tokens at random")?;
    let mut all = bars(&hot, "hot: ", &works, |row| row.hashes);
    all.extend(bars(&cold, "over 100,000: ", &works, |row| row.hashes));
    let title = "A whole decision, in SHA-256 digests of its token";
    Some(("decision.svg", Chart { title, unit: "", bars: all }))
}

fn limiter() -> Option<(&'static str, Chart)> {
    let works = ["tollgate_limit::Limiter, both limits", "governor, one limit", "two governors"];
    let hot = table("limiter", "[u8; 16], hot")?;
    let cold = table("limiter", "[u8; 16], over 100,000 keys")?;
    let mut all = bars(&hot, "hot: ", &works, |row| row.nanos);
    all.extend(bars(&cold, "over 100,000 keys: ", &works, |row| row.nanos));
    Some((
        "limiter.svg",
        Chart { title: "Both limits of a key of 16 bytes", unit: " ns", bars: all },
    ))
}

fn layers() -> Option<(&'static str, Chart)> {
    let table = table("layers", "one route, hot")?;
    let works: Vec<&str> = table.rows.iter().map(|row| row.work.as_str()).collect();
    let over = |row: &tollgate_benches::Row| {
        row.measured.as_ref().filter(|(_, unit)| unit.ends_with("bare")).map(|(over, _)| *over)
    };
    let bars = bars(&table, "", &works, over);
    Some(("layers.svg", Chart { title: "What guarding a route of axum adds", unit: " ns", bars }))
}

/// What takes a thousand times as long would leave no bar of the others.
fn peers() -> Option<(&'static str, Chart)> {
    let table = table("peers", "a bearer credential, hot")?;
    let works: Vec<&str> = table.rows.iter().map(|row| row.work.as_str()).collect();
    let fast = |row: &tollgate_benches::Row| row.nanos.filter(|nanos| *nanos < 10_000.0);
    let bars = bars(&table, "", &works, fast);
    let title = "Checking a bearer credential, where it takes less than 10 µs";
    Some(("peers.svg", Chart { title, unit: " ns", bars }))
}
