mod lists;
mod view;

use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Subcommand};
use dualkey::{NewToken, OrganizationId, PlainToken, Registry, RegistryError, TokenId};
use guestway::{PREFIX, catalogue};

use self::lists::{Expiring, Idle, List, Unpeppered};
pub(crate) use self::view::TokenView;
use self::view::{IssuedView, Pruned, Revoked};
use crate::arguments::{OrganizationOption, organization};
use crate::cli::GlobalOptions;
use crate::failure::Failure;
use crate::input::{confirm, token_line};
use crate::output::{Output, require_output};
use crate::times::{after, duration, formatted};

/// The commands for tokens.
#[derive(Subcommand)]
pub(crate) enum Token {
    /// Create a token, and print it once
    #[command(after_help = "\
Example, for a token that reads guests and reservations for three months:
  guestway token create --organization harbour-stays --name 'Zapier - production' \\
      --scope guests:read --scope reservations:read --expires-in 90d")]
    Create(Create),
    /// List an organization's tokens, newest first
    #[command(after_help = "\
Example:
  guestway token list --organization harbour-stays")]
    List(List),
    /// Replace a token by a new one, and print it once
    ///
    /// The new token has the same name, scopes and lifetime. The old one is refused at once, or after
    /// the overlap; it stays in the list until it is revoked.
    #[command(after_help = "\
Example, with an hour in which both work:
  guestway token rotate --organization harbour-stays 0192f0c1-2d3e-7f00-8a9b-0c1d2e3f4a5b --overlap 1h")]
    Rotate(Rotate),
    /// Give a token another name
    #[command(after_help = "\
Example:
  guestway token rename --organization harbour-stays 0192f0c1-2d3e-7f00-8a9b-0c1d2e3f4a5b \\
      --name 'Zapier - staging'")]
    Rename(Rename),
    /// Revoke a token permanently
    ///
    /// Without an id, the token itself is read from standard input. Running servers refuse it within a
    /// fraction of a second.
    #[command(after_help = "\
Example, and for a token that was found in a file:
  guestway token revoke --organization harbour-stays 0192f0c1-2d3e-7f00-8a9b-0c1d2e3f4a5b
  guestway token revoke < token.txt")]
    Revoke(Revoke),
    /// List an organization's tokens that have not been used for some time
    ///
    /// For a token that was never used, the time since its creation counts.
    #[command(after_help = "\
Example:
  guestway token idle --organization harbour-stays --since 90d")]
    Idle(Idle),
    /// List an organization's active tokens that expire within some time, soonest first
    #[command(after_help = "\
Example:
  guestway token expiring --organization harbour-stays --within 14d")]
    Expiring(Expiring),
    /// List the tokens of all organizations that are not stored under a pepper, newest first
    ///
    /// Those of unknown method were issued before it was recorded, with a pepper or without.
    #[command(after_help = "\
Example:
  guestway token unpeppered")]
    Unpeppered(Unpeppered),
    /// Delete expired tokens of all organizations
    ///
    /// Creating or rotating a token also deletes the expired tokens of its organization that are older
    /// than 30 days or more than 100. Each deleted token has an entry in the audit trail.
    #[command(after_help = "\
Example:
  guestway token prune --expired-for 30d")]
    Prune(Prune),
}

#[derive(Args)]
pub(crate) struct Create {
    #[command(flatten)]
    owner: OrganizationOption,
    /// The name of the token
    #[arg(long)]
    name: String,
    /// A scope of the token; can be given several times
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = scopes())]
    scopes: Vec<String>,
    /// The lifetime, such as 90d [default: --default-lifetime, if it is given]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    expires_in: Option<Duration>,
    /// Create a token that does not expire, whatever the default is
    #[arg(long, conflicts_with = "expires_in")]
    no_expiry: bool,
    #[command(flatten)]
    output: SecretOutput,
}

#[derive(Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    owner: OrganizationOption,
    /// The token's id, from the list
    id: TokenId,
    /// How long the old token still works, such as 1h
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    overlap: Duration,
    #[command(flatten)]
    output: SecretOutput,
}

#[derive(Args)]
pub(crate) struct Rename {
    #[command(flatten)]
    owner: OrganizationOption,
    /// The token's id, from the list
    id: TokenId,
    /// The new name
    #[arg(long)]
    name: String,
    #[command(flatten)]
    output: Output,
}

/// The output format of a command that prints a new token.
#[derive(Args)]
pub(crate) struct SecretOutput {
    #[command(flatten)]
    format: Output,
    /// Print only the token
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
}

#[derive(Args)]
pub(crate) struct Revoke {
    /// The organization of the token
    #[arg(long, value_name = "ORG", value_parser = organization)]
    organization: Option<OrganizationId>,
    /// The token's id, from the list [default: of the token on standard input]
    #[arg(requires = "organization")]
    id: Option<TokenId>,
    /// Do not ask, also on a terminal
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
pub(crate) struct Prune {
    /// The time since the tokens expired, such as 7d
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = duration)]
    expired_for: Duration,
    #[command(flatten)]
    output: Output,
}

fn scopes() -> PossibleValuesParser {
    let catalogue = catalogue();
    let values = catalogue.scopes().iter();
    let values = values
        .map(|scope| PossibleValue::new(scope.name().to_owned()).help(scope.label().to_owned()));
    PossibleValuesParser::new(values)
}

impl Token {
    pub(crate) async fn run(self, global: &GlobalOptions) -> Result<(), Failure> {
        match self {
            Self::Create(command) => command.run(global).await,
            Self::List(command) => command.run(global).await,
            Self::Rotate(command) => command.run(global).await,
            Self::Rename(command) => command.run(global).await,
            Self::Revoke(command) => command.run(global).await,
            Self::Idle(command) => command.run(global).await,
            Self::Expiring(command) => command.run(global).await,
            Self::Unpeppered(command) => command.run(global).await,
            Self::Prune(command) => command.run(global).await,
        }
    }
}

impl SecretOutput {
    fn print(&self, issued: &IssuedView, remark: &str) -> Result<(), Failure> {
        if self.quiet { issued.print_token() } else { issued.print(&self.format, remark) }
    }
}

impl Create {
    async fn run(self, global: &GlobalOptions) -> Result<(), Failure> {
        let Self { owner, name, scopes, expires_in, no_expiry, output } = self;
        require_output()?;
        let registry = global.registry().await?;
        let mut token = NewToken::new(owner.organization, name, scopes);
        if let Some(lifetime) = expires_in {
            token = token.with_expiry(after(registry.clock().now(), lifetime)?);
        }
        if no_expiry {
            token = token.without_expiry();
        }
        let issued = IssuedView::new(registry.issue_token(token).await?, registry.catalogue());
        output.print(&issued, "")
    }
}

impl Rotate {
    async fn run(self, global: &GlobalOptions) -> Result<(), Failure> {
        let Self { owner: OrganizationOption { organization }, id, overlap, output } = self;
        require_output()?;
        let registry = global.registry().await?;
        after(registry.clock().now(), overlap)?;
        let issued = registry.rotate_token(&organization, &id, overlap).await;
        let issued = issued.map_err(|error| explain(error, &organization, &id))?;
        let remark = match overlap {
            Duration::ZERO => "The old token is refused from now on.".to_owned(),
            overlap => format!("The old token works for at most {} more.", formatted(overlap)),
        };
        output.print(&IssuedView::new(issued, registry.catalogue()), &remark)
    }
}

impl Rename {
    async fn run(self, global: &GlobalOptions) -> Result<(), Failure> {
        let Self { owner: OrganizationOption { organization }, id, name, output } = self;
        let registry = global.registry().await?;
        let renamed = registry.rename_token(&organization, &id, name).await;
        let renamed = renamed.map_err(|error| explain(error, &organization, &id))?;
        output.one(&TokenView::new(renamed, registry.catalogue(), registry.clock().now()))
    }
}

impl Revoke {
    async fn run(self, global: &GlobalOptions) -> Result<(), Failure> {
        let Self { organization, id, yes, output } = self;
        let (registry, organization, id) = match (organization, id) {
            (Some(organization), Some(id)) => (global.registry().await?, organization, id),
            (organization, _) => {
                let secret = entered_token()?;
                let registry = global.registry().await?;
                let (owner, id) = owner_of(&registry, &secret, organization.as_ref()).await?;
                (registry, owner, id)
            }
        };
        if !yes {
            confirm(&format!("Revoke the token {id} of {organization} permanently?"))?;
        }
        let revoked = registry.revoke_token(&organization, &id).await;
        revoked.map_err(|error| explain(error, &organization, &id))?;
        output.one(&Revoked { id, organization, status: "revoked" })
    }
}

fn entered_token() -> Result<PlainToken, Failure> {
    let line = token_line("guestway token revoke")?;
    PlainToken::parse(&PREFIX, line.trim_ascii()).map_err(|error| {
        let failure = Failure::new(format!("this is not a token: {}", error.kind()));
        failure.and("copy the whole token again")
    })
}

/// The organization and the id of a token, which has to belong to the expected organization.
async fn owner_of(
    registry: &Registry,
    secret: &PlainToken,
    expected: Option<&OrganizationId>,
) -> Result<(OrganizationId, TokenId), Failure> {
    let unknown = || Failure::new("the token is not known; it was revoked, or issued elsewhere");
    let record = registry.token(secret).await.map_err(|error| match error {
        RegistryError::NotFound => unknown(),
        error => error.into(),
    })?;
    match expected {
        Some(expected) if *expected != record.organization => {
            Err(Failure::new(format!("the token does not belong to {expected}")))
        }
        _ => Ok((record.organization, record.id)),
    }
}

impl Prune {
    async fn run(self, global: &GlobalOptions) -> Result<(), Failure> {
        let registry = global.registry().await?;
        let before = registry.clock().now().saturating_sub(self.expired_for);
        let pruned = registry.prune_expired(before).await?;
        self.output.one(&Pruned { pruned })
    }
}

fn explain(error: RegistryError, organization: &OrganizationId, id: &TokenId) -> Failure {
    match error {
        RegistryError::NotFound => Failure::new(format!(
            "{organization} has no token {id}; `guestway token list --organization '{organization}'` \
             shows its tokens"
        )),
        error => error.into(),
    }
}
