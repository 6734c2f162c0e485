use std::io;

use dualkey::{
    Catalogue, DigestMethod, IssuedToken, OrganizationId, PartnerId, PlainToken, Registry,
    RegistryError, TokenId, TokenRecord,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{Output, Show, print};
use crate::times::{brief, to_jiff};

/// A token as lists show it.
#[derive(Serialize)]
pub(crate) struct TokenView {
    pub(crate) id: TokenId,
    pub(crate) organization: OrganizationId,
    pub(crate) name: String,
    masked: String,
    permissions: Vec<Permission>,
    created: Timestamp,
    first_used: Option<Timestamp>,
    last_used: Option<Timestamp>,
    last_used_by: Option<PartnerId>,
    /// The name of that partner, for tables.
    #[serde(skip)]
    partner_name: Option<String>,
    expires: Option<Timestamp>,
    pub(crate) status: &'static str,
    replaces: Option<TokenId>,
    replaced_by: Option<TokenId>,
}

#[derive(Serialize)]
struct Permission {
    name: String,
    /// None if the scope is no longer in the catalogue.
    label: Option<String>,
}

impl TokenView {
    pub(crate) fn new(token: TokenRecord, catalogue: &Catalogue, now: dualkey::Timestamp) -> Self {
        let status = token.status(now).as_str();
        let permission = |name: String| {
            let label = catalogue.scope(&name).map(|scope| scope.label().to_owned());
            Permission { name, label }
        };
        Self {
            id: token.id,
            organization: token.organization,
            name: token.name,
            masked: token.hint.to_string(),
            permissions: token.scopes.into_iter().map(permission).collect(),
            created: to_jiff(token.created_at),
            first_used: token.first_used_at.map(to_jiff),
            last_used: token.last_used_at.map(to_jiff),
            last_used_by: token.last_used_by,
            partner_name: None,
            expires: token.expires_at.map(to_jiff),
            status,
            replaces: token.replaces,
            replaced_by: token.replaced_by,
        }
    }

    fn permissions(&self) -> String {
        Vec::from_iter(self.permissions.iter().map(|permission| &*permission.name)).join(" ")
    }
}

/// Tokens with the names of the partners that used them last.
pub(crate) async fn views(
    tokens: Vec<TokenRecord>,
    registry: &Registry,
) -> Result<Vec<TokenView>, RegistryError> {
    let (catalogue, now) = (registry.catalogue(), registry.clock().now());
    let partners = registry.partners().await?;
    let view = |token: TokenRecord| {
        let partner = partners.iter().find(|partner| Some(partner.id) == token.last_used_by);
        let partner_name = partner.map(|partner| partner.name.clone());
        TokenView { partner_name, ..TokenView::new(token, catalogue, now) }
    };
    Ok(tokens.into_iter().map(view).collect())
}

impl Show for TokenView {
    const HEADINGS: &'static [&'static str] = &[
        "ID",
        "NAME",
        "MASKED",
        "STATUS",
        "CREATED",
        "LAST USED",
        "LAST USED BY",
        "EXPIRES",
        "PERMISSIONS",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.name.clone(),
            self.masked.clone(),
            self.status.to_owned(),
            brief(Some(self.created)),
            brief(self.last_used),
            self.partner_name.clone().unwrap_or_else(|| "-".to_owned()),
            brief(self.expires),
            self.permissions(),
        ]
    }
}

/// A newly issued token, with its text.
#[derive(Serialize)]
pub(crate) struct IssuedView {
    #[serde(serialize_with = "expose")]
    token: PlainToken,
    #[serde(flatten)]
    record: TokenView,
}

fn expose<S: serde::Serializer>(token: &PlainToken, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.expose_secret())
}

impl IssuedView {
    pub(crate) fn new(issued: IssuedToken, catalogue: &Catalogue) -> Self {
        let IssuedToken { secret, record } = issued;
        let now = record.created_at;
        Self { token: secret, record: TokenView::new(record, catalogue, now) }
    }

    /// Prints the token. If that fails, its text is lost, and the message names the command that
    /// revokes it.
    pub(crate) fn print(&self, output: &Output, remark: &str) -> Result<(), Failure> {
        let remark = format!("Copy the token now: it cannot be shown again. {remark}");
        self.shown(output.one_with_remark(self, remark.trim_end()))
    }

    /// Prints only the token.
    pub(crate) fn print_token(&self) -> Result<(), Failure> {
        self.shown(print(&format!("{}\n", self.token.expose_secret())))
    }

    fn shown(&self, printed: io::Result<()>) -> Result<(), Failure> {
        let TokenView { id, organization, .. } = &self.record;
        printed.map_err(|error| {
            Failure::new(format!("the token {id} was issued and cannot be shown: {error}")).and(
                &format!("`guestway token revoke --organization '{organization}' {id}` revokes it"),
            )
        })
    }
}

impl Show for IssuedView {
    const HEADINGS: &'static [&'static str] =
        &["TOKEN", "ID", "ORGANIZATION", "NAME", "PERMISSIONS", "EXPIRES"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.token.expose_secret().to_owned(),
            self.record.id.to_string(),
            self.record.organization.to_string(),
            self.record.name.clone(),
            self.record.permissions(),
            self.record.expires.map_or_else(|| "never".to_owned(), |time| brief(Some(time))),
        ]
    }
}

/// A revoked token.
#[derive(Serialize)]
pub(crate) struct Revoked {
    pub(crate) id: TokenId,
    pub(crate) organization: OrganizationId,
    pub(crate) status: &'static str,
}

impl Show for Revoked {
    const HEADINGS: &'static [&'static str] = &["ID", "ORGANIZATION", "STATUS"];

    fn cells(&self) -> Vec<String> {
        vec![self.id.to_string(), self.organization.to_string(), self.status.to_owned()]
    }
}

/// The number of tokens that were deleted because they had expired.
#[derive(Serialize)]
pub(crate) struct Pruned {
    pub(crate) pruned: u64,
}

impl Show for Pruned {
    const HEADINGS: &'static [&'static str] = &["PRUNED"];

    fn cells(&self) -> Vec<String> {
        vec![self.pruned.to_string()]
    }
}

/// A token that is not known to be stored under a pepper.
#[derive(Serialize)]
pub(crate) struct UnpepperedView {
    id: TokenId,
    organization: OrganizationId,
    name: String,
    created: Timestamp,
    digest_method: DigestMethod,
}

impl From<TokenRecord> for UnpepperedView {
    fn from(token: TokenRecord) -> Self {
        let TokenRecord { id, organization, name, created_at, digest_method, .. } = token;
        Self { id, organization, name, created: to_jiff(created_at), digest_method }
    }
}

impl Show for UnpepperedView {
    const HEADINGS: &'static [&'static str] =
        &["ID", "ORGANIZATION", "NAME", "CREATED", "DIGEST METHOD"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.organization.to_string(),
            self.name.clone(),
            brief(Some(self.created)),
            self.digest_method.to_string(),
        ]
    }
}
