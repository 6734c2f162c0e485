use std::num::NonZeroU32;

use dualkey_limit::{LimitPolicy, Rate};
use dualkey_scope::Catalogue;
use dualkey_token::Prefix;

/// The length of a token's text in bytes: `gw_` and 48 characters.
pub const TOKEN_LEN: usize = 51;
/// The token prefix of the benchmarks.
pub const PREFIX: Prefix = Prefix::new("gw");
/// The scope that tokens have and routes require.
pub const SCOPE: &str = "reservations:read";

/// A catalogue of one scope.
///
/// # Panics
///
/// Never: a catalogue of one name is valid.
#[must_use]
pub fn catalogue() -> Catalogue {
    let catalogue = Catalogue::builder().scope(SCOPE, "Reservations - Read").build();
    catalogue.expect("one name is not declared twice")
}

/// A policy with a rate and a daily quota, neither of which is reached on an [`AcceleratedClock`](crate::AcceleratedClock). The
/// burst and the quota are the largest that one word of state holds together.
///
/// # Panics
///
/// Never: the policy is valid.
#[must_use]
pub fn ample_policy() -> LimitPolicy {
    let rate = Rate::per_second(NonZeroU32::new(1_000_000).expect("not zero"));
    let burst = NonZeroU32::new((1 << 12) - 1).expect("not zero");
    let daily = NonZeroU32::new((1 << 27) - 1).expect("not zero");
    LimitPolicy::new(rate, burst).with_daily(daily).expect("the policy is valid")
}
