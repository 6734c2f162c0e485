use dualkey_limit::Timestamp;

use crate::{AuditId, OrganizationId, PartnerId, TokenId};

/// A change to a token or a partner, as the audit trail records it. It holds no secret.
///
/// ```
/// use dualkey_store::{AuditAction, AuditTarget, NewPartner, NewToken, Page};
/// # use dualkey_scope::Catalogue;
/// # use dualkey_store::Registry;
/// # use dualkey_token::Prefix;
///
/// # pollster::block_on(async {
/// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
/// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
/// let issued = registry.issue_token(NewToken::new("acme", "test", ["guests:read"])).await?;
/// let acme = issued.record.organization;
/// let trail = registry.audit(Some(&acme), Page::first(1)).await?;
/// assert_eq!((trail[0].action, trail[0].detail.as_str()), (AuditAction::TokenIssued, "test"));
/// assert_eq!(trail[0].subject, AuditTarget::Token { organization: acme, id: issued.record.id });
///
/// let partner = registry.register_partner(NewPartner::new("Zapier")).await?;
/// let trail = registry.audit(None, Page::first(1)).await?; // of partners
/// assert_eq!(trail[0].subject, AuditTarget::Partner { id: partner.id });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct AuditEntry {
    /// Later entries have greater ids.
    pub id: AuditId,
    /// When the change was made, in whole microseconds.
    pub at: Timestamp,
    /// Who made it: see [`Registry::with_actor`](crate::Registry::with_actor).
    pub actor: String,
    /// What was done.
    pub action: AuditAction,
    /// The token or partner that was changed.
    pub subject: AuditTarget,
    /// A text that depends on the action: the name of the token that was issued, revoked or pruned, or of the
    /// partner that was registered; the old and the new name; the new limits; or the id of the successor.
    /// Empty for other actions.
    pub detail: String,
}

/// The kind of a change.
///
/// ```
/// use dualkey_store::AuditAction;
///
/// assert_eq!(AuditAction::TokenIssued.as_str(), "token_issued");
/// assert_eq!(AuditAction::from_name("token_issued"), Some(AuditAction::TokenIssued));
/// assert_eq!(AuditAction::from_name("token_restored"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum AuditAction {
    /// A token was issued.
    TokenIssued,
    /// A token was replaced by a successor.
    TokenRotated,
    /// A token got another name.
    TokenRenamed,
    /// A token was deleted.
    TokenRevoked,
    /// A token that had expired was deleted.
    TokenPruned,
    /// A partner was registered.
    PartnerRegistered,
    /// A partner's limits were changed.
    LimitsChanged,
    /// A partner's key is accepted again.
    PartnerEnabled,
    /// A partner's key is refused.
    PartnerDisabled,
}

impl AuditAction {
    const ALL: [Self; 9] = [
        Self::TokenIssued,
        Self::TokenRotated,
        Self::TokenRenamed,
        Self::TokenRevoked,
        Self::TokenPruned,
        Self::PartnerRegistered,
        Self::LimitsChanged,
        Self::PartnerEnabled,
        Self::PartnerDisabled,
    ];

    /// The name that stores write for this action.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TokenIssued => "token_issued",
            Self::TokenRotated => "token_rotated",
            Self::TokenRenamed => "token_renamed",
            Self::TokenRevoked => "token_revoked",
            Self::TokenPruned => "token_pruned",
            Self::PartnerRegistered => "partner_registered",
            Self::LimitsChanged => "limits_changed",
            Self::PartnerEnabled => "partner_enabled",
            Self::PartnerDisabled => "partner_disabled",
        }
    }

    /// The action with this name, or `None` if the name is unknown.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }
}

/// The token or partner that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum AuditTarget {
    /// A token of an organization.
    Token {
        /// The organization.
        organization: OrganizationId,
        /// The token.
        id: TokenId,
    },
    /// A partner.
    Partner {
        /// The partner.
        id: PartnerId,
    },
}
