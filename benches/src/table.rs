use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::summary::Summary;

/// One row of a table, as one run measured it.
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
    /// The target in the unit of `measured`.
    pub target: Option<Target>,
}

/// A bound that is reported, not asserted.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Target {
    /// The value is to be no larger.
    AtMost(f64),
    /// The value is to be no smaller.
    AtLeast(f64),
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
        Self { target: Some(Target::AtMost(bound)), ..self.measured(value, unit) }
    }

    /// Sets a measured value with a lower bound as its target.
    #[must_use]
    pub fn at_least(self, value: f64, bound: f64, unit: &str) -> Self {
        Self { target: Some(Target::AtLeast(bound)), ..self.measured(value, unit) }
    }
}

/// The rows of a table that were measured together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// The day of the measurement.
    pub date: String,
    /// The abbreviated hash of the commit that was measured.
    pub commit: String,
    /// The load average of the minute before the measurement.
    pub load: f64,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// The last runs of one measurement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Table {
    /// The title, which names the table in the report.
    pub title: String,
    /// At least one, the oldest first, all of one commit.
    pub runs: Vec<Run>,
}

/// How many runs a table is made of.
const RUNS: usize = 3;

impl Table {
    /// Adds a run. Runs of another commit are dropped, and so are those before the last three.
    pub(crate) fn push(&mut self, run: Run) {
        self.runs.retain(|other| other.commit == run.commit);
        self.runs.push(run);
        self.runs.drain(..self.runs.len().saturating_sub(RUNS));
    }

    /// The rows with the medians of the runs.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let last = self.runs.last().map_or(&[][..], |run| &run.rows);
        last.iter().map(|row| self.summary(row).median()).collect()
    }

    /// The rows of this name in all runs, one each.
    fn summary(&self, row: &Row) -> Summary<'_> {
        let rows = self.runs.iter().flat_map(|run| &run.rows);
        Summary(rows.filter(|other| other.work == row.work).collect())
    }

    /// When, on which commit and under which load the runs were taken.
    #[must_use]
    pub fn taken(&self) -> String {
        let Some(last) = self.runs.last() else { return String::new() };
        let loads: Vec<String> = self.runs.iter().map(|run| format!("{:.1}", run.load)).collect();
        let busy =
            if self.runs.iter().any(|run| run.load >= 1.5) { ", **a busy machine**" } else { "" };
        format!("{}, commit {}, load {}{busy}.", last.date, last.commit, loads.join(", "))
    }

    /// The table in Markdown, without empty columns. A value that differs by more than a tenth between runs
    /// is followed by its range.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut lines =
            vec![["work", "ns", "in hashes", "measured", "target", "met?"].map(String::from)];
        let last = self.runs.last().map_or(&[][..], |run| &run.rows);
        lines.extend(last.iter().map(|row| self.summary(row).cells()));
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
