//! Arguments that several commands share.

use std::num::NonZeroU32;

use clap::Args;
use dualkey::{LimitsChange, OrganizationId, Rate};

/// The organization of a token command.
#[derive(Args)]
pub(crate) struct OrganizationOption {
    /// The organization of the tokens: one of the sample data, or any other
    #[arg(long, value_name = "ORG", value_parser = organization)]
    pub(crate) organization: OrganizationId,
}

/// The limits of a partner, all optional.
#[derive(Args)]
pub(crate) struct Limits {
    /// Requests per second
    #[arg(long, value_name = "N")]
    rate: Option<NonZeroU32>,
    /// Requests in one burst
    #[arg(long, value_name = "N")]
    burst: Option<NonZeroU32>,
    /// Requests per day, which begins at midnight UTC; `none` for no daily limit
    #[arg(long, value_name = "N", value_parser = daily)]
    daily: Option<Daily>,
}

#[derive(Clone, Copy)]
struct Daily(Option<NonZeroU32>);

impl Limits {
    /// The change of those limits that are given.
    pub(crate) fn change(&self) -> LimitsChange {
        LimitsChange {
            rate: self.rate.map(Rate::per_second),
            burst: self.burst,
            daily: self.daily.map(|daily| daily.0),
            utc_offset_secs: None,
        }
    }
}

pub(crate) fn organization(name: &str) -> Result<OrganizationId, &'static str> {
    if (1..=128).contains(&name.len()) && !name.contains(char::is_control) {
        Ok(name.into())
    } else {
        Err("an organization has 1 to 128 bytes and no control characters")
    }
}

fn daily(text: &str) -> Result<Daily, &'static str> {
    match text {
        "none" => Ok(Daily(None)),
        number => number
            .parse()
            .map(|number| Daily(Some(number)))
            .map_err(|_| "a number from 1 up, or `none`"),
    }
}
