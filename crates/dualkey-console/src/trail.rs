use dualkey_store::{
    AuditAction, AuditEntry, AuditId, AuditTarget, OrganizationId, Page, Registry, RegistryError,
    TokenId,
};
use maud::{Markup, html};

use crate::fields::Fields;
use crate::links::with_query;
use crate::times::exact_tag;

/// The entries of one page.
const ENTRIES: usize = 50;

/// A page of the audit trail.
pub(crate) struct TrailPage {
    entries: Vec<AuditEntry>,
    is_first: bool,
    /// The last entry, if others follow it.
    next: Option<AuditId>,
}

impl TrailPage {
    /// The page that a query names: of an organization's tokens, or of partners.
    pub(crate) async fn read(
        registry: &Registry,
        organization: Option<&OrganizationId>,
        fields: &Fields,
    ) -> Result<Self, RegistryError> {
        let after: Option<AuditId> = fields.first("after").parse().ok();
        // One more than a page has, to know whether there is another page.
        let limit = u32::try_from(ENTRIES + 1).unwrap_or(u32::MAX);
        let mut entries = registry.audit(organization, Page { after, limit }).await?;
        let has_more = entries.len() > ENTRIES;
        entries.truncate(ENTRIES);
        let next = entries.last().filter(|_| has_more).map(|entry| entry.id);
        Ok(Self { entries, is_first: after.is_none(), next })
    }

    /// The entries, and links to the other pages at this URL.
    pub(crate) fn markup(
        &self,
        url: &str,
        subject_label: &str,
        subject: impl Fn(&AuditEntry) -> Markup,
    ) -> Markup {
        html! {
            @if self.entries.is_empty() {
                div.dk-empty { p { "No changes." } }
            } @else {
                (table("Audit trail", subject_label, &self.entries, subject))
            }
            @if !self.is_first || self.next.is_some() {
                nav.dk-pages aria-label="Pages" {
                    @if !self.is_first { a href=(url) { "Newest" } }
                    @if let Some(next) = self.next {
                        a rel="next" href=(with_query(url, [("after", next.to_string().as_str())])) {
                            "Older"
                        }
                    }
                }
            }
        }
    }
}

/// What an entry of the audit trail records, in words.
pub(crate) fn action(action: AuditAction) -> &'static str {
    match action {
        AuditAction::TokenIssued => "Created",
        AuditAction::TokenRotated => "Rotated",
        AuditAction::TokenRenamed => "Renamed",
        AuditAction::TokenRevoked => "Removed",
        AuditAction::TokenPruned => "Deleted after its expiry",
        AuditAction::PartnerRegistered => "Registered",
        AuditAction::LimitsChanged => "Limits changed",
        AuditAction::PartnerEnabled => "Enabled",
        AuditAction::PartnerDisabled => "Disabled",
        other => other.as_str(),
    }
}

/// The token that an entry is about.
pub(crate) fn token(entry: &AuditEntry) -> Option<TokenId> {
    match entry.subject {
        AuditTarget::Token { id, .. } => Some(id),
        AuditTarget::Partner { .. } => None,
    }
}

/// A table of entries, with a cell that says what each is about.
pub(crate) fn table(
    label: &str,
    subject_label: &str,
    entries: &[AuditEntry],
    subject: impl Fn(&AuditEntry) -> Markup,
) -> Markup {
    html! {
        table.dk-table role="table" aria-label=(label) {
            thead role="rowgroup" {
                tr role="row" {
                    @for heading in ["Time", "Actor", "Change", subject_label] {
                        th role="columnheader" scope="col" { (heading) }
                    }
                }
            }
            tbody role="rowgroup" {
                @for entry in entries {
                    tr.dk-row role="row" {
                        td role="cell" data-label="Time" { (exact_tag(entry.at)) }
                        td role="cell" data-label="Actor" { bdi { (entry.actor) } }
                        td role="cell" data-label="Change" { (action(entry.action)) }
                        td role="cell" data-label=(subject_label) { (subject(entry)) }
                    }
                }
            }
        }
    }
}
