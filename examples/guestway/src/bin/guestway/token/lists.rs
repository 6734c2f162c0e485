use std::time::Duration;

use clap::Args;
use dualkey::Page;

use super::view::{UnpepperedView, views};
use crate::arguments::OrganizationOption;
use crate::cli::GlobalOptions;
use crate::failure::Failure;
use crate::output::Output;
use crate::times::duration;

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    owner: OrganizationOption,
    #[command(flatten)]
    output: Output,
}

impl List {
    pub(crate) async fn run(self, global: &GlobalOptions) -> Result<(), Failure> {
        let registry = global.registry().await?;
        let tokens = registry.tokens(&self.owner.organization).await?;
        self.output.list(&views(tokens, &registry).await?)
    }
}

#[derive(Args)]
pub(crate) struct Idle {
    #[command(flatten)]
    owner: OrganizationOption,
    /// The time without use, such as 90d
    #[arg(long, value_name = "TIME", value_parser = duration)]
    since: Duration,
    #[command(flatten)]
    output: Output,
}

impl Idle {
    pub(crate) async fn run(self, global: &GlobalOptions) -> Result<(), Failure> {
        let registry = global.registry().await?;
        let since = registry.clock().now().saturating_sub(self.since);
        let tokens = registry.idle_tokens(&self.owner.organization, since).await?;
        self.output.list(&views(tokens, &registry).await?)
    }
}

#[derive(Args)]
pub(crate) struct Expiring {
    #[command(flatten)]
    owner: OrganizationOption,
    /// The time from now, such as 14d
    #[arg(long, value_name = "TIME", value_parser = duration)]
    within: Duration,
    #[command(flatten)]
    output: Output,
}

impl Expiring {
    pub(crate) async fn run(self, global: &GlobalOptions) -> Result<(), Failure> {
        let registry = global.registry().await?;
        let tokens = registry.expiring_within(&self.owner.organization, self.within).await?;
        self.output.list(&views(tokens, &registry).await?)
    }
}

#[derive(Args)]
pub(crate) struct Unpeppered {
    #[command(flatten)]
    output: Output,
}

impl Unpeppered {
    pub(crate) async fn run(self, global: &GlobalOptions) -> Result<(), Failure> {
        let registry = global.registry().await?;
        let tokens = registry.unpeppered_tokens(Page::first(u32::MAX)).await?;
        self.output.list(&Vec::from_iter(tokens.into_iter().map(UnpepperedView::from)))
    }
}
