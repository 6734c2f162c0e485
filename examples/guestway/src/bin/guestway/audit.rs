use clap::Args;
use dualkey::{
    AuditAction, AuditEntry, AuditId, AuditTarget, OrganizationId, Page, PartnerId, TokenId,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::arguments::organization;
use crate::cli::GlobalOptions;
use crate::failure::Failure;
use crate::output::{Output, Show};
use crate::times::{brief, to_jiff};

/// Show the audit trail of an organization's tokens or, without one, of partners; newest first
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Audit {
    /// The organization of the tokens [default: show partners]
    #[arg(long, value_name = "ORG", value_parser = organization)]
    organization: Option<OrganizationId>,
    /// The maximum number of entries
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    limit: u32,
    #[command(flatten)]
    output: Output,
}

const EXAMPLE: &str = "\
Example:
  guestway audit --organization harbour-stays";

impl Audit {
    pub(crate) async fn run(self, global: &GlobalOptions) -> Result<(), Failure> {
        let registry = global.registry().await?;
        let entries = registry.audit(self.organization.as_ref(), Page::first(self.limit)).await?;
        self.output.list(&Vec::from_iter(entries.into_iter().map(EntryView::from)))
    }
}

/// An entry of the audit trail as commands show it, about a token or a partner.
#[derive(Serialize)]
struct EntryView {
    id: AuditId,
    at: Timestamp,
    actor: String,
    action: AuditAction,
    organization: Option<OrganizationId>,
    token: Option<TokenId>,
    partner: Option<PartnerId>,
    detail: String,
}

impl From<AuditEntry> for EntryView {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { id, at, actor, action, subject, detail } = entry;
        let (organization, token, partner) = match subject {
            AuditTarget::Token { organization, id } => (Some(organization), Some(id), None),
            AuditTarget::Partner { id } => (None, None, Some(id)),
        };
        Self { id, at: to_jiff(at), actor, action, organization, token, partner, detail }
    }
}

impl Show for EntryView {
    const HEADINGS: &'static [&'static str] = &["AT", "ACTOR", "ACTION", "SUBJECT", "DETAIL"];

    fn cells(&self) -> Vec<String> {
        let token = self.token.map(|id| id.to_string());
        let subject = token.or_else(|| self.partner.map(|id| id.to_string()));
        vec![
            brief(Some(self.at)),
            self.actor.clone(),
            self.action.as_str().to_owned(),
            subject.unwrap_or_default(),
            self.detail.clone(),
        ]
    }
}
