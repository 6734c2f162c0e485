use clap::{ArgGroup, Args, Subcommand};
use dualkey::{Clock as _, OrganizationId, SystemClock};
use guestway::{SiteUrl, User};
use serde::Serialize;

use crate::arguments::organization;
use crate::cli::GlobalOptions;
use crate::failure::Failure;
use crate::output::{Output, Show, output_failure, require_output};

/// The commands for those who may sign in to the pages of the server.
#[derive(Subcommand)]
pub(crate) enum Admin {
    /// Print a link with which a user can sign in once, within ten minutes
    ///
    /// The page of an organization shows its tokens; the page of the operators shows the partners.
    #[command(after_help = "\
Example:
  guestway admin sign-in --organization harbour-stays --user alice@harbour-stays.example")]
    SignIn(SignIn),
    /// End all sessions of an organization or of the operators
    #[command(after_help = "\
Example:
  guestway admin sign-out --organization harbour-stays")]
    SignOut(SignOut),
}

#[derive(Args)]
pub(crate) struct SignIn {
    #[command(flatten)]
    whose: Whose,
    /// The name of the user in the audit trail [default: `web:` and the organization, or `web:operator`]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The user may change nothing
    #[arg(long)]
    read_only: bool,
    /// The address at which browsers reach the server
    #[arg(long, env = "GUESTWAY_URL", default_value = "http://127.0.0.1:8080")]
    url: SiteUrl,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
pub(crate) struct SignOut {
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
#[command(group = ArgGroup::new("whose").required(true).args(["organization", "operator"]))]
struct Whose {
    /// The users of this organization
    #[arg(long, value_name = "ORG", value_parser = organization)]
    organization: Option<OrganizationId>,
    /// The operators of the API
    #[arg(long)]
    operator: bool,
}

/// A printed link.
#[derive(Serialize)]
struct Link {
    link: String,
}

/// How many sessions were ended.
#[derive(Serialize)]
struct Ended {
    sessions: u64,
}

impl Admin {
    pub(crate) async fn run(self, global: &GlobalOptions) -> Result<(), Failure> {
        match self {
            Self::SignIn(command) => command.run(global).await,
            Self::SignOut(command) => command.run(global).await,
        }
    }
}

impl SignIn {
    async fn run(self, global: &GlobalOptions) -> Result<(), Failure> {
        require_output()?;
        let registry = global.registry().await?;
        let default = match &self.whose.organization {
            Some(organization) => format!("web:{organization}"),
            None => "web:operator".to_owned(),
        };
        let actor = self.user.unwrap_or(default);
        registry.with_actor(&actor)?; // checks the name
        let organization = self.whose.organization;
        let user = User { actor, organization, may_edit: !self.read_only };
        let sessions = global.sessions().await?;
        let code = sessions.create_link(&user, SystemClock.now()).await?;
        let link = Link { link: self.url.sign_in(&code) };
        let remark = "Open the link in a browser within ten minutes. It works once.";
        let printed = self.output.one_with_remark(&link, remark);
        printed.map_err(|error| output_failure(&error))
    }
}

impl SignOut {
    async fn run(self, global: &GlobalOptions) -> Result<(), Failure> {
        let sessions = global.sessions().await?;
        let ended = sessions.sign_out_all(self.whose.organization.as_ref()).await?;
        self.output.one(&Ended { sessions: ended })
    }
}

impl Show for Link {
    const HEADINGS: &'static [&'static str] = &["LINK"];

    fn cells(&self) -> Vec<String> {
        vec![self.link.clone()]
    }
}

impl Show for Ended {
    const HEADINGS: &'static [&'static str] = &["ENDED SESSIONS"];

    fn cells(&self) -> Vec<String> {
        vec![self.sessions.to_string()]
    }
}
