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

/// Refuses a standard output that would discard a secret: the null device, which the runtime also opens in
/// place of a closed descriptor, and a descriptor that is not open for writing, whose error the standard
/// library ignores.
#[cfg(unix)]
pub(crate) fn require_output() -> Result<(), Failure> {
    use std::fs::{File, metadata};
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::MetadataExt as _;

    let is_kept = || {
        let mut output = File::from(stdout().as_fd().try_clone_to_owned()?);
        let _ = output.write(&[])?;
        let (output, null) = (output.metadata()?, metadata("/dev/null")?);
        io::Result::Ok(output.rdev() != null.rdev())
    };
    if is_kept().unwrap_or(false) {
        return Ok(());
    }
    let message = "standard output is closed or discarded, and the new token is shown only once";
    Err(Failure::new(message)
        .and("nothing was changed; send the output to a terminal, pipe or file"))
}

#[cfg(not(unix))]
pub(crate) fn require_output() -> Result<(), Failure> {
    Ok(())
}

pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

pub(crate) fn output_failure(error: &io::Error) -> Failure {
    Failure::new(format!("cannot write to standard output: {error}"))
}
