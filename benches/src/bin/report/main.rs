//! Renders the results in `benches/README.md` and the charts from what the benchmarks wrote to the
//! target folder: their tables, and criterion's estimates.

mod chart;
mod criterion;
mod machine;

use std::path::{Path, PathBuf};
use std::{error, fs};

use chart::{Bar, Chart, DARK, Group, LIGHT};
use dualkey_benches::{Record, Row, Table};

const BEGIN: &str = "<!-- results: made by `cargo run -p dualkey-benches` -->";
const END: &str = "<!-- end of results -->";
const BENCHES: [&str; 10] = [
    "end_to_end",
    "decision",
    "limiter",
    "layers",
    "peers",
    "metrics",
    "cache",
    "memory",
    "warm_up",
    "shared",
];

fn main() -> Result<(), Box<dyn error::Error>> {
    let readme = here().join("README.md");
    let text = fs::read_to_string(&readme)?;
    let (before, rest) = text.split_once(BEGIN).ok_or("the README has no place for results")?;
    let (_, after) = rest.split_once(END).ok_or("the results in the README have no end")?;
    fs::write(&readme, format!("{before}{BEGIN}\n\n{}{END}{after}", results()))?;

    for (name, chart) in charts() {
        fs::write(here().join(format!("charts/{name}.svg")), chart.svg(&LIGHT))?;
        fs::write(here().join(format!("charts/{name}-dark.svg")), chart.svg(&DARK))?;
    }
    Ok(())
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn results() -> String {
    let mut text = machine::described() + &pictures();
    for bench in BENCHES {
        for table in &Record::read(bench).tables {
            text += &format!(
                "### {bench}: {}\n\n{}\n\n{}\n",
                table.title,
                table.taken(),
                table.markdown()
            );
        }
    }
    text + &criterion::tables()
}

/// The charts in Markdown, each in the colours of the reader's page.
fn pictures() -> String {
    let mut text = String::new();
    for (name, chart) in charts() {
        text += &format!(
            "<picture><source media=\"(prefers-color-scheme: dark)\" srcset=\"charts/{name}-dark.svg\">\
             <img alt=\"{}\" src=\"charts/{name}.svg\"></picture>\n\n",
            chart.title,
        );
    }
    text
}

/// The charts whose tables exist; the others keep their files.
fn charts() -> Vec<(&'static str, Chart)> {
    let charts = [
        ("end-to-end", end_to_end()),
        ("decision", decision()),
        ("limiter", limiter()),
        ("layers", layers()),
        ("peers", peers()),
    ];
    charts.into_iter().filter_map(|(name, chart)| Some((name, chart?))).collect()
}

fn table(bench: &str, title: &str) -> Option<Table> {
    Record::read(bench).tables.into_iter().find(|table| table.title == title)
}

/// A bar for each row that has this value.
fn bars(rows: impl IntoIterator<Item = Row>, value: impl Fn(&Row) -> Option<f64>) -> Vec<Bar> {
    let bar = |row: Row| {
        let (label, is_ours) =
            (row.work.clone(), row.work.to_ascii_lowercase().starts_with("dualkey"));
        Some(Bar { label, value: value(&row)?, is_ours })
    };
    rows.into_iter().filter_map(bar).collect()
}

/// The rows of these names, in this order.
fn named(table: &Table, works: &[&str]) -> Vec<Row> {
    let rows = table.rows();
    works.iter().filter_map(|work| rows.iter().find(|row| row.work == *work).cloned()).collect()
}

/// The rows of these names of one table, under a heading of their own.
fn group(
    heading: &'static str,
    table: Option<Table>,
    works: &[&str],
    length: impl Fn(&Row) -> Option<f64>,
) -> Option<Group> {
    Some(Group { heading, bars: bars(named(&table?, works), length) })
}

/// The chart that the README of the repository shows too.
fn end_to_end() -> Option<Chart> {
    let table = table("end_to_end", "one route over loopback")?;
    let share = |row: &Row| {
        let measured = row.measured.as_ref().filter(|(_, unit)| unit == "× bare");
        measured.map(|(share, _)| share * 100.0)
    };
    Some(Chart {
        title: "Requests a second of a server, each with one worker on one core",
        subtitle: "as a share of the same server without a guard; longer is better",
        unit: " %",
        groups: vec![Group { heading: "", bars: bars(table.rows(), share) }],
    })
}

fn decision() -> Option<Chart> {
    let works = ["Dualkey", "by hand, strict", "by hand, plain"];
    let group = |heading, title| group(heading, table("decision", title), &works, |row| row.hashes);
    Some(Chart {
        title: "The whole decision: partner key, token, scopes and both limits",
        subtitle: "in units of one SHA-256 of the token; shorter is better",
        unit: " hashes",
        groups: vec![
            group("the same partner and token again", "one partner and token, hot")?,
            group("any of 100,000 partners and tokens", "100,000 partners and tokens at random")?,
        ],
    })
}

fn limiter() -> Option<Chart> {
    let works = ["dualkey_limit::Limiter, both limits", "two governors", "governor, one limit"];
    let group = |heading, title| group(heading, table("limiter", title), &works, |row| row.nanos);
    Some(Chart {
        title: "Taking a permit: burst and daily quota of a key of 16 bytes",
        subtitle: "in nanoseconds, clocks read; shorter is better",
        unit: " ns",
        groups: vec![
            group("the same key again", "[u8; 16], hot")?,
            group("any of 100,000 keys", "[u8; 16], over 100,000 keys")?,
        ],
    })
}

fn layers() -> Option<Chart> {
    let table = table("layers", "one route, hot")?;
    let over = |row: &Row| {
        row.measured.as_ref().filter(|(_, unit)| unit.ends_with("bare")).map(|(over, _)| *over)
    };
    Some(Chart {
        title: "What guarding a route of axum adds to it",
        subtitle: "in nanoseconds a request; shorter is better",
        unit: " ns",
        groups: vec![Group { heading: "", bars: bars(table.rows(), over) }],
    })
}

/// Values above 10 µs are left out: beside them the other bars would be invisible.
fn peers() -> Option<Chart> {
    let table = table("peers", "a bearer credential, hot")?;
    let fast = |row: &Row| row.nanos.filter(|nanos| *nanos < 10_000.0);
    Some(Chart {
        title: "Checking a bearer credential, where it takes less than 10 µs",
        subtitle: "in nanoseconds; shorter is better",
        unit: " ns",
        groups: vec![Group { heading: "", bars: bars(table.rows(), fast) }],
    })
}
