use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use crate::cli::Cli;
use crate::failure::Failure;
use crate::output::{output_failure, print};

/// Print a completion script for a shell
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

const EXAMPLE: &str = "\
Example, for bash and until the shell ends:
  source <(guestway completions bash)";

impl Completions {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "guestway", &mut script);
        print(&String::from_utf8_lossy(&script)).map_err(|error| output_failure(&error))
    }
}
