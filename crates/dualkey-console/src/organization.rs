use axum::response::Response;
use dualkey_store::{FormNonce, RegistryError, TokenId, TokenRecord};

use crate::chip::Chip;
use crate::context::Context;
use crate::expiry::Lifetimes;
use crate::settings::Settings;
use crate::visitor::TokenChange;

/// What the pages of an organization have in common.
impl Context<Settings> {
    pub(crate) fn chip(&self, token: &TokenRecord) -> Chip {
        Chip::of(token, self.now, &self.settings.thresholds)
    }

    pub(crate) fn lifetimes(&self) -> Lifetimes {
        let Self { settings, now, .. } = self;
        let (max, default) =
            (settings.registry.max_lifetime(), settings.registry.default_lifetime());
        Lifetimes { now: *now, max, default }
    }

    /// The nonce of a new form.
    pub(crate) fn nonce(&self) -> String {
        FormNonce::random(self.now).to_string()
    }

    /// A token of the visitor's organization, by the text of its id.
    pub(crate) async fn token(&self, id: &str) -> Result<TokenRecord, RegistryError> {
        let id: TokenId = id.parse().map_err(|_| RegistryError::NotFound)?;
        let found = self.settings.registry.store().token(&self.visitor.organization, &id).await?;
        found.ok_or(RegistryError::NotFound)
    }

    /// Asks the embedding program whether the visitor has to authenticate again before a change.
    pub(crate) async fn reauthenticate(&self, change: TokenChange) -> Result<(), Response> {
        match &self.settings.hook {
            Some(hook) => hook(self.parts().clone(), change).await,
            None => Ok(()),
        }
    }
}
