use clap::Args;
use guestway::document;

use crate::failure::Failure;
use crate::output::{output_failure, print};

/// Print the OpenAPI document of the API
///
/// It needs neither a server nor a database.
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct OpenApi {
    /// Print YAML instead of JSON
    #[arg(long)]
    yaml: bool,
}

const EXAMPLE: &str = "\
Example:
  guestway openapi --yaml";

impl OpenApi {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let document = document();
        let text = if self.yaml { document.to_yaml() } else { document.to_json() };
        print(&text).map_err(|error| output_failure(&error))
    }
}
