use std::collections::HashMap;

use dualkey_limit::Timestamp;

use crate::{FormNonce, OrganizationId, StoreError, TokenId};

const MAX_NONCES: usize = 1_000_000;

/// The forms that were sent, by organization and nonce: when, and the token that was issued.
#[derive(Default)]
pub(super) struct Nonces(HashMap<(OrganizationId, [u8; 16]), (Timestamp, TokenId)>);

impl Nonces {
    /// The token that the first use of this nonce issued.
    pub(super) fn token(
        &self,
        organization: &OrganizationId,
        nonce: Option<&FormNonce>,
    ) -> Option<TokenId> {
        let key = (organization.clone(), *nonce?.as_bytes());
        self.0.get(&key).map(|(_, token)| *token)
    }

    pub(super) fn check_room(&self) -> Result<(), StoreError> {
        if self.0.len() >= MAX_NONCES {
            return Err(StoreError::new("the memory store has its maximum of 1,000,000 nonces"));
        }
        Ok(())
    }

    pub(super) fn add(
        &mut self,
        organization: &OrganizationId,
        nonce: &FormNonce,
        at: Timestamp,
        token: TokenId,
    ) {
        self.0.insert((organization.clone(), *nonce.as_bytes()), (at, token));
    }

    /// Removes those that were used before this time. Returns their number.
    pub(super) fn prune(&mut self, before: Timestamp) -> u64 {
        let pruned = self.0.extract_if(|_, (at, _)| *at < before).count();
        u64::try_from(pruned).unwrap_or(u64::MAX)
    }
}
