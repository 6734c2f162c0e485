use std::sync::Arc;

use clap::Args;
use dualkey::{
    OutagePolicies, OutagePolicy, RedisLimits, Registry, SharedLimitsErrorKind, Verifier,
};

use crate::failure::{Failure, with_causes};

/// Limits that several servers share.
#[derive(Args)]
#[command(next_help_heading = "Options for several servers")]
pub(crate) struct SharedLimitsOptions {
    /// Share the limits of partners with all servers that name the same Redis or Valkey
    ///
    /// Such as redis://localhost:6379.
    #[arg(
        long,
        value_name = "URL",
        env = "GUESTWAY_REDIS",
        hide_env_values = true // it may contain a password
    )]
    redis: Option<String>,
    /// What decides on rate and burst while Redis does not answer: refuse, local or local/SERVERS
    ///
    /// local lets each server grant the whole limit, and local/3 a third of it.
    #[arg(
        long,
        value_name = "POLICY",
        env = "GUESTWAY_WHEN_LIMITS_ARE_AWAY",
        default_value_t,
        requires = "redis"
    )]
    when_limits_are_away: OutagePolicy,
    /// The same for the quota of the day [default: as --when-limits-are-away]
    #[arg(long, value_name = "POLICY", env = "GUESTWAY_WHEN_QUOTA_IS_AWAY", requires = "redis")]
    when_quota_is_away: Option<OutagePolicy>,
}

impl SharedLimitsOptions {
    /// The limits that this server shares, if it does.
    pub(crate) fn limits(&self) -> Result<Option<RedisLimits>, Failure> {
        let failure = |error| Failure::usage(format!("--redis: {}", with_causes(&error)));
        self.redis.as_deref().map(RedisLimits::new).transpose().map_err(failure)
    }

    /// A verifier with the limits of this server, or with these.
    pub(crate) fn verifier(&self, registry: Registry, limits: Option<RedisLimits>) -> Verifier {
        let builder = Verifier::builder(registry);
        let Some(limits) = limits else { return builder.build() };
        let burst = self.when_limits_are_away;
        let quota = self.when_quota_is_away.unwrap_or(burst);
        let builder = builder.shared_limits(Arc::new(limits));
        builder.outage_policies(OutagePolicies { burst, quota }).build()
    }
}

/// A Redis that does not answer yet only delays the sharing of limits. One that refuses the calls is a failure.
pub(crate) async fn check(limits: &RedisLimits) -> Result<(), Failure> {
    match limits.check().await {
        Err(error) if error.kind() == SharedLimitsErrorKind::Rejected => {
            Err(Failure::new(format!("--redis: {}", with_causes(&error))))
        }
        Err(error) => {
            tracing::warn!(error = with_causes(&error), "the shared limits do not answer yet");
            Ok(())
        }
        Ok(_reports) => Ok(()),
    }
}
