use dualkey_limit::{LimitPolicy, LimitState, Standing, Timestamp};
use dualkey_scope::ScopeSet;
use dualkey_store::{OrganizationId, PartnerId, TokenId};

use crate::cache::Key;
use crate::decision::{Grant, GrantSource};

/// The fields of a [`Grant`] for a handler under test: see [`Grant::builder`].
#[derive(Clone, Debug)]
pub struct GrantBuilder(Grant);

impl Grant {
    /// A grant for a handler under test. Default: a partner and a token whose ids are zero, the organization
    /// `test`, no scopes, and the default limits with nothing used.
    ///
    /// A built grant opens nothing: a guard reads the credentials of each request, and never a grant that is in
    /// its extensions. [`Verifier::recheck`](crate::Verifier::recheck) refuses it.
    ///
    /// ```
    /// use dualkey_verify::Grant;
    ///
    /// async fn greet(grant: Grant) -> String {
    ///     format!("{} requests left for {}", grant.standing.burst_remaining(), grant.organization)
    /// }
    ///
    /// # pollster::block_on(async {
    /// let grant = Grant::builder().organization("acme").build();
    /// assert_eq!(greet(grant).await, "10 requests left for acme");
    /// # });
    /// ```
    #[must_use]
    pub fn builder() -> GrantBuilder {
        let (policy, unused) = (LimitPolicy::default(), LimitState::default());
        GrantBuilder(Self {
            partner: PartnerId::from_bytes([0; 16]),
            organization: OrganizationId::from("test"),
            token: TokenId::from_bytes([0; 16]),
            scopes: ScopeSet::default(),
            standing: *unused.peek(&policy, Timestamp::EPOCH, 0).standing(),
            // No cache holds as many partners.
            source: GrantSource { partner: u32::MAX, token: Key([u64::MAX; 2]) },
        })
    }
}

impl GrantBuilder {
    /// The partner that calls.
    #[must_use]
    pub fn partner(self, partner: PartnerId) -> Self {
        Self(Grant { partner, ..self.0 })
    }

    /// The organization whose data it may access.
    #[must_use]
    pub fn organization(self, organization: impl Into<OrganizationId>) -> Self {
        Self(Grant { organization: organization.into(), ..self.0 })
    }

    /// The token that it presents.
    #[must_use]
    pub fn token(self, token: TokenId) -> Self {
        Self(Grant { token, ..self.0 })
    }

    /// The scopes of the token, from [`Catalogue::grant`](dualkey_scope::Catalogue::grant).
    #[must_use]
    pub fn scopes(self, scopes: ScopeSet) -> Self {
        Self(Grant { scopes, ..self.0 })
    }

    /// What is left of the partner's limits, from an [`Outcome`](dualkey_limit::Outcome::standing).
    #[must_use]
    pub fn standing(self, standing: Standing) -> Self {
        Self(Grant { standing, ..self.0 })
    }

    /// The grant.
    #[must_use]
    pub fn build(self) -> Grant {
        self.0
    }
}
