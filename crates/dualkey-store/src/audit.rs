use dualkey_limit::Timestamp;

use crate::{AuditId, OrganizationId, PartnerId, TokenId};

/// What somebody did to a token or a partner, as kept in the trail. It holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct AuditEntry {
    /// Later entries have greater ids.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who, as the embedding program names it: see [`Registry::with_actor`](crate::Registry::with_actor).
    pub actor: String,
    /// What.
    pub action: AuditAction,
    /// To what.
    pub subject: AuditTarget,
    /// What else there is to say: a name, the limits, the token that takes the place of another.
    pub detail: String,
}

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum AuditAction {
    /// A token was issued.
    TokenIssued,
    /// A token got a successor.
    TokenRotated,
    /// A token was deleted.
    TokenRevoked,
    /// A partner was registered.
    PartnerRegistered,
    /// A partner got other limits.
    LimitsChanged,
    /// A partner's key is accepted again.
    PartnerEnabled,
    /// A partner's key is refused from then on.
    PartnerDisabled,
}

/// To what it can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum AuditTarget {
    /// A token of an organization.
    Token {
        /// Whose token.
        organization: OrganizationId,
        /// Which token.
        id: TokenId,
    },
    /// A partner.
    Partner {
        /// Which partner.
        id: PartnerId,
    },
}

impl AuditAction {
    const ALL: [Self; 7] = [
        Self::TokenIssued,
        Self::TokenRotated,
        Self::TokenRevoked,
        Self::PartnerRegistered,
        Self::LimitsChanged,
        Self::PartnerEnabled,
        Self::PartnerDisabled,
    ];

    /// The name that a store keeps.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TokenIssued => "token_issued",
            Self::TokenRotated => "token_rotated",
            Self::TokenRevoked => "token_revoked",
            Self::PartnerRegistered => "partner_registered",
            Self::LimitsChanged => "limits_changed",
            Self::PartnerEnabled => "partner_enabled",
            Self::PartnerDisabled => "partner_disabled",
        }
    }

    /// The action of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }
}
