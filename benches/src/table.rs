use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use serde::{Deserialize, Serialize};

use crate::is_measuring;

/// One row of a table.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Row {
    /// What was measured.
    pub work: String,
    /// How long it took, in nanoseconds.
    pub nanos: Option<f64>,
    /// The time in units of one SHA-256 of a token.
    pub hashes: Option<f64>,
    /// The value that the target bounds, with its unit.
    pub measured: Option<(f64, String)>,
    /// The target in the unit of `measured`, and whether it was met.
    pub target: Option<(String, bool)>,
}

impl Row {
    /// A row without numbers.
    #[must_use]
    pub fn new(work: &str) -> Self {
        Self { work: work.to_owned(), ..Self::default() }
    }

    /// Sets the time in nanoseconds.
    #[must_use]
    pub fn nanos(self, nanos: f64) -> Self {
        Self { nanos: Some(nanos), ..self }
    }

    /// Sets the time in hashes.
    #[must_use]
    pub fn hashes(self, hashes: f64) -> Self {
        Self { hashes: Some(hashes), ..self }
    }

    /// Sets another measured value.
    #[must_use]
    pub fn measured(self, value: f64, unit: &str) -> Self {
        Self { measured: Some((value, unit.to_owned())), ..self }
    }

    /// Sets a measured value with an upper bound as its target.
    #[must_use]
    pub fn at_most(self, value: f64, bound: f64, unit: &str) -> Self {
        let target = Some((format!("≤ {bound} {unit}"), value <= bound));
        Self { target, ..self.measured(value, unit) }
    }

    /// Sets a measured value with a lower bound as its target.
    #[must_use]
    pub fn at_least(self, value: f64, bound: f64, unit: &str) -> Self {
        let target = Some((format!("≥ {bound} {unit}"), value >= bound));
        Self { target, ..self.measured(value, unit) }
    }

    fn cells(&self) -> [String; 6] {
        let number = |value: Option<f64>| value.map_or(String::new(), shown);
        let measured = self.measured.as_ref();
        let met = |(_, is_met): &(_, bool)| if *is_met { "yes" } else { "**no**" }.to_owned();
        [
            self.work.clone(),
            number(self.nanos),
            number(self.hashes),
            measured.map_or(String::new(), |(value, unit)| format!("{} {unit}", shown(*value))),
            self.target.as_ref().map_or(String::new(), |(target, _)| target.clone()),
            self.target.as_ref().map_or(String::new(), met),
        ]
    }
}

/// Three significant digits.
fn shown(value: f64) -> String {
    match value {
        _ if value >= 99.95 => format!("{value:.0}"),
        _ if value >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Measurements of one benchmark that were taken together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Table {
    /// The title, which names the table in the report.
    pub title: String,
    /// The day of the measurement.
    pub date: String,
    /// The load average of the minute before the measurement.
    pub load: f64,
    /// Its rows.
    pub rows: Vec<Row>,
}

impl Table {
    /// The table in Markdown, without empty columns.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut lines =
            vec![["work", "ns", "in hashes", "measured", "target", "met?"].map(String::from)];
        lines.extend(self.rows.iter().map(Row::cells));
        let filled = |column: &usize| lines[1..].iter().any(|line| !line[*column].is_empty());
        let columns: Vec<usize> = (0..6).filter(filled).collect();
        let mut text = String::new();
        for (number, line) in lines.iter().enumerate() {
            let cells: Vec<&str> = columns.iter().map(|column| line[*column].as_str()).collect();
            let _ = writeln!(text, "| {} |", cells.join(" | "));
            if number == 0 {
                let _ = writeln!(text, "| --- |{}", " ---: |".repeat(columns.len() - 1));
            }
        }
        text
    }
}

/// The tables that a benchmark wrote to the target folder.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    /// In the order in which they were first made.
    pub tables: Vec<Table>,
}

impl Record {
    /// Reads the tables of this benchmark; empty if it has not run.
    #[must_use]
    pub fn read(bench: &str) -> Self {
        let text = fs::read_to_string(path(bench)).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn upsert(&mut self, table: Table) {
        match self.tables.iter_mut().find(|other| other.title == table.title) {
            Some(other) => *other = table,
            None => self.tables.push(table),
        }
    }

    fn write(&self, bench: &str) -> io::Result<()> {
        fs::create_dir_all(path(bench).parent().unwrap_or(Path::new(".")))?;
        fs::write(path(bench), serde_json::to_string_pretty(self)?)
    }
}

/// Prints a benchmark's tables and writes them to the target folder for the report.
#[derive(Clone, Copy, Debug)]
pub struct Report(&'static str);

impl Report {
    /// The report of this benchmark.
    #[must_use]
    pub const fn new(bench: &'static str) -> Self {
        Self(bench)
    }

    /// Measures a table, unless the filter of the command line excludes it.
    ///
    /// # Panics
    ///
    /// If the target folder cannot be written.
    pub fn table(&self, title: &str, measure: impl FnOnce() -> Vec<Row>) {
        let wanted = env::args().skip(1).find(|arg| !arg.starts_with('-'));
        let is_wanted = wanted.is_none_or(|wanted| format!("{}/{title}", self.0).contains(&wanted));
        if !is_wanted {
            return;
        }
        let (title, date) = (title.to_owned(), jiff::Timestamp::now().strftime("%F").to_string());
        let table = Table { title, date, load: load(), rows: measure() };
        if !is_measuring() {
            println!("{}/{}: runs", self.0, table.title);
            return;
        }
        let busy = if table.load >= 1.5 { ", on a busy machine" } else { "" };
        println!(
            "\n{}: {} (load {:.1}{busy})\n\n{}",
            self.0,
            table.title,
            table.load,
            table.markdown()
        );
        let mut record = Record::read(self.0);
        record.upsert(table);
        record.write(self.0).expect("the target folder can be written");
    }
}

fn load() -> f64 {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().and_then(|minute| minute.parse().ok()).unwrap_or(f64::NAN)
}

fn path(bench: &str) -> PathBuf {
    target_dir().join(format!("dualkey/{bench}.json"))
}

/// The target folder of cargo, which criterion uses too.
#[must_use]
pub fn target_dir() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| here.join("../target"), PathBuf::from)
}
