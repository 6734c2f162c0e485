use clap::Args;
use dualkey::{PlainToken, RegistryError};
use guestway::PREFIX;
use serde::Serialize;

use crate::cli::GlobalOptions;
use crate::failure::Failure;
use crate::input::token_line;
use crate::output::{Output, Show};
use crate::token::TokenView;

/// Inspect the token on standard input
///
/// Shows whether it is well-formed and, if not, why; whether it is known, and its status. The token
/// itself is not printed, and cannot be given on the command line. Exit status 0 means that it is
/// known.
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Inspect {
    #[command(flatten)]
    output: Output,
}

const EXAMPLE: &str = "\
Example:
  guestway inspect < token.txt";

impl Inspect {
    pub(crate) async fn run(self, global: &GlobalOptions) -> Result<(), Failure> {
        let line = token_line("guestway inspect")?;
        let secret = match PlainToken::parse(&PREFIX, line.trim_ascii()) {
            Ok(secret) => secret,
            Err(error) => {
                let reason = error.kind().to_string();
                let failure = Failure::new(format!("this is not a token: {reason}"))
                    .and("copy the whole token again");
                self.output.one(&Finding { reason: Some(reason), ..Finding::default() })?;
                return Err(failure);
            }
        };
        let registry = global.registry().await?;
        let found = match registry.token(&secret).await {
            Ok(record) => Some(record),
            Err(RegistryError::NotFound) => None,
            Err(error) => return Err(error.into()),
        };
        let now = registry.clock().now();
        let record = found.map(|record| TokenView::new(record, registry.catalogue(), now));
        let finding = Finding::of(record);
        self.output.one(&finding)?;
        if finding.known {
            return Ok(());
        }
        let message = format!("the token is not known in {}", global.database()?);
        Err(Failure::new(message).and("it was revoked, or issued elsewhere"))
    }
}

#[derive(Default, Serialize)]
struct Finding {
    well_formed: bool,
    /// Why it is not well-formed.
    reason: Option<String>,
    known: bool,
    status: Option<&'static str>,
    record: Option<TokenView>,
}

impl Finding {
    /// The finding about a well-formed token.
    fn of(record: Option<TokenView>) -> Self {
        let status = record.as_ref().map(|record| record.status);
        Self { well_formed: true, reason: None, known: record.is_some(), status, record }
    }
}

impl Show for Finding {
    const HEADINGS: &'static [&'static str] =
        &["WELL-FORMED", "KNOWN", "STATUS", "ORGANIZATION", "NAME", "ID"];

    fn cells(&self) -> Vec<String> {
        let yes_or_no = |value| if value { "yes" } else { "no" }.to_owned();
        let well_formed = match &self.reason {
            Some(reason) => format!("no: {reason}"),
            None => yes_or_no(self.well_formed),
        };
        let mut cells = vec![well_formed, yes_or_no(self.known)];
        if let Some(record) = &self.record {
            let (organization, id) = (record.organization.to_string(), record.id.to_string());
            cells.extend([record.status.to_owned(), organization, record.name.clone(), id]);
        }
        cells
    }
}
