use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use serde::{Deserialize, Serialize};

use crate::table::{Row, Run, Table};
use crate::work::is_measuring;

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

    /// Adds a run to the table of this title, and returns the table.
    fn push(&mut self, title: &str, run: Run) -> &Table {
        let known = self.tables.iter().position(|table| table.title == title);
        let at = known.unwrap_or_else(|| {
            self.tables.push(Table { title: title.to_owned(), runs: Vec::new() });
            self.tables.len() - 1
        });
        self.tables[at].push(run);
        &self.tables[at]
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
        let date = jiff::Timestamp::now().strftime("%F").to_string();
        let run = Run { date, commit: commit(), load: load(), rows: measure() };
        if !is_measuring() {
            println!("{}/{title}: runs", self.0);
            return;
        }
        let mut record = Record::read(self.0);
        let table = record.push(title, run);
        println!("\n{}: {title}\n{}\n\n{}", self.0, table.taken(), table.markdown());
        record.write(self.0).expect("the target folder can be written");
    }
}

/// With a mark if files differ from it.
fn commit() -> String {
    let output = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).trim().to_owned()
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
