mod view;

use clap::{ArgGroup, Args, Subcommand};
use dualkey::{ApiKey, LimitPolicy, NewPartner, RegistryError};

use crate::arguments::Limits;
use crate::cli::GlobalOptions;
use crate::failure::Failure;
use crate::output::Output;
use crate::partner::view::PartnerView;

/// The commands for partners.
#[derive(Subcommand)]
pub(crate) enum Partner {
    /// Register a partner, and print its key
    ///
    /// A partner is an integration that calls the API. Its key is sent in X-Api-Key. The key is not
    /// secret: it is useless without an organization's token. Default limits: 5 requests per second,
    /// bursts of 10, and 10000 requests per day.
    #[command(after_help = "\
Example:
  guestway partner add 'Door locks' --rate 20 --burst 40")]
    Add(Add),
    /// List all partners, with their requests of today
    #[command(after_help = "\
Example:
  guestway partner list --json")]
    List(List),
    /// Change limits of a partner; limits that are not given do not change
    ///
    /// The change takes effect in running servers within a fraction of a second. Requests of today
    /// still count.
    #[command(after_help = "\
Example:
  guestway partner limits 8sAmpLeKey4docs2 --daily 50000")]
    Limits(ChangeLimits),
    /// Refuse a partner's key from now on
    #[command(after_help = "\
Example:
  guestway partner disable 8sAmpLeKey4docs2")]
    Disable(Switch),
    /// Accept a partner's key again
    #[command(after_help = "\
Example:
  guestway partner enable 8sAmpLeKey4docs2")]
    Enable(Switch),
}

#[derive(Args)]
pub(crate) struct Add {
    /// The name of the partner
    name: String,
    /// Its key, 8 to 128 characters [default: 16 random letters and digits]
    #[arg(long)]
    key: Option<String>,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
#[command(group = ArgGroup::new("change").args(["rate", "burst", "daily"]).required(true).multiple(true))]
pub(crate) struct ChangeLimits {
    /// The partner's key
    key: String,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
pub(crate) struct Switch {
    /// The partner's key
    key: String,
    #[command(flatten)]
    output: Output,
}

impl Partner {
    pub(crate) async fn run(self, global: &GlobalOptions) -> Result<(), Failure> {
        match self {
            Self::Add(command) => command.run(global).await,
            Self::List(command) => command.run(global).await,
            Self::Limits(command) => command.run(global).await,
            Self::Disable(command) => command.run(global, false).await,
            Self::Enable(command) => command.run(global, true).await,
        }
    }
}

impl Add {
    async fn run(self, global: &GlobalOptions) -> Result<(), Failure> {
        let Self { name, key, limits, output } = self;
        let policy = limits.change().apply(LimitPolicy::default()).map_err(RegistryError::from)?;
        let mut partner = NewPartner::new(name).with_policy(policy);
        if let Some(key) = key {
            let key = ApiKey::parse(key).map_err(|error| Failure::usage(error.to_string()))?;
            partner = partner.with_api_key(key);
        }
        let registry = global.registry().await?;
        let partner = registry.register_partner(partner).await.map_err(|error| match error {
            RegistryError::ApiKeyTaken => {
                Failure::from(error).and("choose another key, or omit --key to generate one")
            }
            error => error.into(),
        })?;
        output.one(&PartnerView::new(partner, 0))
    }
}

impl List {
    async fn run(self, global: &GlobalOptions) -> Result<(), Failure> {
        let partners = global.registry().await?.partners_with_usage().await?;
        let views = partners.into_iter().map(|(partner, used)| PartnerView::new(partner, used));
        self.output.list(&Vec::from_iter(views))
    }
}

impl ChangeLimits {
    async fn run(self, global: &GlobalOptions) -> Result<(), Failure> {
        let registry = global.registry().await?;
        let key = existing(&self.key)?;
        let change = self.limits.change();
        let partner = registry.change_limits(&key, change).await.map_err(explain)?;
        self.output.one(&PartnerView::of(partner, &registry).await?)
    }
}

impl Switch {
    async fn run(self, global: &GlobalOptions, enabled: bool) -> Result<(), Failure> {
        let registry = global.registry().await?;
        let key = existing(&self.key)?;
        let partner = registry.set_enabled(&key, enabled).await.map_err(explain)?;
        self.output.one(&PartnerView::of(partner, &registry).await?)
    }
}

/// Parses the key of an existing partner. No partner has a malformed key, so the failure is that of an
/// unknown one.
fn existing(key: &str) -> Result<ApiKey, Failure> {
    ApiKey::parse(key).map_err(|_| explain(RegistryError::NotFound))
}

fn explain(error: RegistryError) -> Failure {
    match error {
        RegistryError::NotFound => {
            Failure::new("no partner has this key; `guestway partner list` shows all of them")
        }
        error => error.into(),
    }
}
