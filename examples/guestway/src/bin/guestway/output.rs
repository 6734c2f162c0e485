use std::io::{self, Write as _, stdout};

use clap::Args;
use serde::Serialize;

use crate::failure::Failure;
use crate::table::aligned;

/// The output format of a command.
#[derive(Args)]
pub(crate) struct Output {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A value that a command prints, as JSON or as a row of a table.
pub(crate) trait Show: Serialize {
    const HEADINGS: &'static [&'static str];

    /// The cells, one for each heading.
    fn cells(&self) -> Vec<String>;
}

impl Output {
    /// Prints a list.
    pub(crate) fn list<T: Show>(&self, things: &[T]) -> Result<(), Failure> {
        let table = || {
            let headings = T::HEADINGS.iter().map(|heading| (*heading).to_owned()).collect();
            let rows = things.iter().map(Show::cells);
            aligned(&Vec::from_iter([headings].into_iter().chain(rows)))
        };
        self.print(&things, table).map_err(|error| output_failure(&error))
    }

    /// Prints one value.
    pub(crate) fn one(&self, thing: &impl Show) -> Result<(), Failure> {
        self.print(thing, || sheet(thing)).map_err(|error| output_failure(&error))
    }

    /// Prints one value and, unless the format is JSON, a remark.
    pub(crate) fn one_with_remark(&self, thing: &impl Show, remark: &str) -> io::Result<()> {
        self.print(thing, || format!("{}\n{remark}\n", sheet(thing)))
    }

    fn print(&self, thing: &impl Serialize, text: impl FnOnce() -> String) -> io::Result<()> {
        print(&if self.json { serde_json::to_string(thing)? + "\n" } else { text() })
    }
}

/// A vertical table: one line for each heading.
fn sheet<T: Show>(thing: &T) -> String {
    let headings = T::HEADINGS.iter().map(|heading| heading.to_lowercase());
    let lines = headings.zip(thing.cells()).map(|(heading, cell)| vec![heading, cell]);
    aligned(&Vec::from_iter(lines))
}

pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

pub(crate) fn output_failure(error: &io::Error) -> Failure {
    Failure::new(format!("cannot write to standard output: {error}"))
}
