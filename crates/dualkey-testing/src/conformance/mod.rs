//! The checks that every [`Store`] must pass, on each backend, and those of
//! [`SharedLimits`](dualkey_store::SharedLimits).
//!
//! An author of a store calls [`check`] from a test, with a function that opens an empty store:
//!
//! ```
//! use std::sync::Arc;
//! use dualkey_store::MemoryStore;
//! use dualkey_testing::conformance;
//!
//! # pollster::block_on(async {
//! conformance::check(|| async { Arc::new(MemoryStore::new()) as _ }).await;
//! # });
//! ```

mod audit;
mod changes;
mod concurrency;
mod expired;
mod lifetimes;
mod names;
mod nonces;
mod partners;
mod rotation;
mod setup;
mod shared_limits;
mod tokens;
mod usage;

use std::future::Future;
use std::sync::Arc;

use dualkey_store::Store;

use setup::Setup;

pub use shared_limits::check_shared_limits;

/// Runs every check, each on a new empty store. `empty_store` is called once for each check.
///
/// # Panics
///
/// If the store breaks the contract of its ports; the message names what differs.
pub async fn check<F: Future<Output = Arc<dyn Store>>>(empty_store: impl Fn() -> F) {
    let setup = async || Setup::new(empty_store().await);
    partners::keys_match_exactly(setup().await).await;
    partners::limits_and_enabled_flag_change(setup().await).await;
    partners::a_change_of_limits_leaves_the_others(setup().await).await;
    partners::concurrent_changes_of_limits_all_stay(setup().await).await;
    tokens::tokens_are_listed_newest_first_and_found_by_digest(setup().await).await;
    tokens::an_organization_sees_its_own_tokens_only(setup().await).await;
    tokens::a_revoked_token_is_gone_for_good(setup().await).await;
    tokens::the_maximum_of_tokens_is_enforced(setup().await).await;
    expired::expired_tokens_leave_room_for_new_ones(setup().await).await;
    expired::an_organization_keeps_100_expired_tokens_for_30_days(setup().await).await;
    expired::pruning_deletes_what_expired_before_a_time(setup().await).await;
    tokens::pages_follow_one_another(setup().await).await;
    tokens::batches_by_id_cover_every_token_once(setup().await).await;
    tokens::tokens_without_a_pepper_are_listed(setup().await).await;
    names::an_active_token_has_its_name_alone(setup().await).await;
    names::concurrent_issues_with_one_name_make_one_token(setup().await).await;
    names::a_token_is_renamed(setup().await).await;
    nonces::a_form_issues_one_token(setup().await).await;
    nonces::a_form_rotates_a_token_once(setup().await).await;
    nonces::a_form_sent_twice_at_once_is_done_once(setup().await).await;
    nonces::a_stale_form_issues_nothing(setup().await).await;
    nonces::nonces_are_kept_for_a_week(setup().await).await;
    lifetimes::lifetimes_have_a_default_and_a_maximum(setup().await).await;
    lifetimes::expiring_tokens_are_listed_soonest_first(setup().await).await;
    rotation::rotation_links_two_tokens_and_ends_the_old_one(setup().await).await;
    rotation::rotation_never_prolongs_a_token(setup().await).await;
    usage::last_use_never_moves_backward(setup().await).await;
    usage::a_use_ahead_of_now_is_corrected(setup().await).await;
    usage::usage_adds_up_by_day(setup().await).await;
    usage::the_newest_32_days_of_usage_are_kept(setup().await).await;
    concurrency::concurrent_issuers_do_not_exceed_the_maximum(setup().await).await;
    concurrency::one_of_concurrent_rotations_wins(setup().await).await;
    concurrency::a_revoked_token_stays_gone_whatever_rotates_it(setup().await).await;
    concurrency::concurrent_usage_adds_up(setup().await).await;
    audit::the_audit_trail_records_actor_and_action(setup().await).await;
    changes::changes_are_published_before_acknowledgement(setup().await).await;
    changes::catching_up_succeeds_with_and_without_changes(setup().await).await;
}
