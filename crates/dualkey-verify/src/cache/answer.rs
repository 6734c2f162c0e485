use std::sync::Arc;

use super::fetch::{FetchedPartner, StoreUnavailable};
use super::state::CacheState;
use super::tokens::FetchedToken;

/// A partner, if the store has it.
pub(crate) type PartnerAnswer = Result<Option<FetchedPartner>, StoreUnavailable>;

pub(crate) type TokenAnswer = Result<TokenLookup, StoreUnavailable>;

/// A token, if the store has it, and the reservation that holds until its failure is charged.
#[derive(Clone)]
pub(crate) struct TokenLookup {
    pub(crate) token: Option<FetchedToken>,
    pub(crate) _reservation: Option<Arc<FailureReservation>>,
}

/// A permit of a partner's failure allowance, reserved until this is dropped.
pub(crate) struct FailureReservation {
    pub(crate) state: Arc<CacheState>,
    pub(crate) partner: u32,
}

impl Drop for FailureReservation {
    fn drop(&mut self) {
        if let Some(entry) = self.state.partners.entry(self.partner) {
            entry.release_failure();
        }
    }
}
