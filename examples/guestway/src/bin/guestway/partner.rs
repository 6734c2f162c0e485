mod view;

use clap::{ArgGroup, Args, Subcommand};
use dualkey::{ApiKey, LimitPolicy, NewPartner, RegistryError};

use crate::arguments::Limits;
use crate::cli::Keeping;
use crate::failure::Failure;
use crate::output::Output;
use crate::partner::view::PartnerView;

/// Commands about partners.
#[derive(Subcommand)]
pub(crate) enum Partner {
    /// Register a partner, and print its key
    ///
    /// A partner is an integration that calls the API. Its key goes into X-Api-Key: no secret, and of no
    /// use without an organization's token. If not said, its limits are 5 requests a second, 10 at
    /// once and 10000 a day.
    #[command(after_help = "\
Example:
  guestway partner add 'Door locks' --rate 20 --burst 40")]
    Add(Add),
    /// List all partners, with what each used today
    #[command(after_help = "\
Example:
  guestway partner list --json")]
    List(List),
    /// Change limits of a partner; those that are not said stay
    ///
    /// Running servers hear of it at once. What the partner used today still counts.
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
    /// What people call it
    name: String,
    /// Its key, 8 to 128 characters; 16 letters and digits are drawn if not said
    #[arg(long)]
    key: Option<ApiKey>,
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
    key: ApiKey,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
pub(crate) struct Switch {
    /// The partner's key
    key: ApiKey,
    #[command(flatten)]
    output: Output,
}

impl Partner {
    pub(crate) async fn run(self, keeping: &Keeping) -> Result<(), Failure> {
        match self {
            Self::Add(command) => command.run(keeping).await,
            Self::List(command) => command.run(keeping).await,
            Self::Limits(command) => command.run(keeping).await,
            Self::Disable(command) => command.run(keeping, false).await,
            Self::Enable(command) => command.run(keeping, true).await,
        }
    }
}

impl Add {
    async fn run(self, keeping: &Keeping) -> Result<(), Failure> {
        let Self { name, key, limits, output } = self;
        let policy = limits.over(LimitPolicy::default()).map_err(RegistryError::from)?;
        let registry = keeping.registry().await?;
        let partner = NewPartner { name, policy, api_key: key };
        let partner = registry.register_partner(partner).await.map_err(|error| match error {
            RegistryError::ApiKeyTaken => {
                Failure::from(error).and("choose another, or leave out --key to have one drawn")
            }
            error => error.into(),
        })?;
        output.one(&PartnerView::new(partner, 0))
    }
}

impl List {
    async fn run(self, keeping: &Keeping) -> Result<(), Failure> {
        let partners = keeping.registry().await?.partners_with_usage().await?;
        let views = partners.into_iter().map(|(partner, used)| PartnerView::new(partner, used));
        self.output.list(&Vec::from_iter(views))
    }
}

impl ChangeLimits {
    async fn run(self, keeping: &Keeping) -> Result<(), Failure> {
        let registry = keeping.registry().await?;
        let partner = registry.partner(&self.key).await.map_err(explain)?;
        let policy = self.limits.over(partner.policy).map_err(RegistryError::from)?;
        let partner = registry.set_limits(&self.key, policy).await.map_err(explain)?;
        self.output.one(&PartnerView::of(partner, &registry).await?)
    }
}

impl Switch {
    async fn run(self, keeping: &Keeping, enabled: bool) -> Result<(), Failure> {
        let registry = keeping.registry().await?;
        let partner = registry.set_enabled(&self.key, enabled).await.map_err(explain)?;
        self.output.one(&PartnerView::of(partner, &registry).await?)
    }
}

fn explain(error: RegistryError) -> Failure {
    match error {
        RegistryError::NotFound => {
            Failure::new("no partner has this key; `guestway partner list` shows all of them")
        }
        error => error.into(),
    }
}
