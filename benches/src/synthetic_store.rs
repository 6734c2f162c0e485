use std::convert::Infallible;
use std::future::ready;

use dualkey_limit::Timestamp;
use dualkey_store::{
    ApiKey, AuditEntry, AuditId, AuditStore, ChangeNotifier, DailyUsage, DigestMethod,
    InsertOutcome, IssueOutcome, IssueRequest, LimitsChange, LimitsOutcome, OrganizationId, Page,
    Partner, PartnerId, PartnerStore, RenameOutcome, RenameRequest, RevokeOutcome, RotateOutcome,
    RotationRequest, Store, StoreFuture, StoredToken, TokenAccess, TokenId, TokenRecord,
    TokenStore, TokenUse, UsageStore,
};
use dualkey_token::{PlainToken, TokenDigest, TokenHint};
use rand::{TryCryptoRng, TryRng};

use crate::Numbers;
use crate::settings::{PREFIX, SCOPE, TOKEN_LEN, ample_policy};

/// A store that holds no records: it computes each answer from the key or digest of the lookup, so that
/// memory measurements see the verifier alone.
///
/// Every token exists, ten to an organization, and so does every partner of [`partner_key`]. Changes
/// are not supported.
#[derive(Debug)]
pub struct SyntheticStore {
    changes: ChangeNotifier,
    organizations: u64,
    hint: TokenHint,
}

impl SyntheticStore {
    /// A store whose organizations suit about this many tokens.
    #[must_use]
    pub fn of_tokens(tokens: usize) -> Self {
        let organizations = (tokens as u64 / 10).max(1);
        Self {
            changes: ChangeNotifier::always_current(),
            organizations,
            hint: PlainToken::mint(&PREFIX).hint(),
        }
    }
}

/// The API key of the partner with this number.
///
/// # Panics
///
/// If the number is 100,000,000 or more.
#[must_use]
pub fn partner_key(number: usize) -> [u8; 16] {
    let key = format!("partner-{number:08}").into_bytes();
    key.try_into().expect("there are fewer than a hundred million partners")
}

/// The text of the token with this number.
///
/// # Panics
///
/// Never: tokens are of one length.
#[must_use]
pub fn token_text(number: usize) -> [u8; TOKEN_LEN] {
    let token = PlainToken::mint_from(&PREFIX, &mut Repeatable(Numbers::from(number as u64)));
    token.expose_secret().as_bytes().try_into().expect("tokens are of one length")
}

/// A deterministic generator, so that tokens are the same in each run. Not for real secrets.
struct Repeatable(Numbers);

impl TryRng for Repeatable {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::try_from(self.0.draw() >> 32).unwrap_or(0))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.draw())
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        for part in to.chunks_mut(8) {
            part.copy_from_slice(&self.0.draw().to_ne_bytes()[..part.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Repeatable {}

impl Store for SyntheticStore {
    fn changes(&self) -> &ChangeNotifier {
        &self.changes
    }

    fn catch_up(&self) -> StoreFuture<'_, ()> {
        Box::pin(ready(Ok(())))
    }
}

impl PartnerStore for SyntheticStore {
    fn partner_by_key<'a>(&'a self, api_key: &'a ApiKey) -> StoreFuture<'a, Option<Partner>> {
        let number = api_key
            .as_str()
            .strip_prefix("partner-")
            .and_then(|number| number.parse::<u128>().ok());
        let partner = number.map(|number| Partner {
            id: PartnerId::from_bytes(number.to_be_bytes()),
            name: "Benchmark".to_owned(),
            api_key: api_key.clone(),
            policy: ample_policy(),
            enabled: true,
            created_at: Timestamp::EPOCH,
        });
        Box::pin(ready(Ok(partner)))
    }

    fn insert_partner(&self, _: Partner, _: AuditEntry) -> StoreFuture<'_, InsertOutcome> {
        unsupported()
    }

    fn partners(&self) -> StoreFuture<'_, Vec<Partner>> {
        unsupported()
    }

    fn change_limits(
        &self,
        _: PartnerId,
        _: LimitsChange,
        _: AuditEntry,
    ) -> StoreFuture<'_, LimitsOutcome> {
        unsupported()
    }

    fn set_enabled(
        &self,
        _: PartnerId,
        _: bool,
        _: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>> {
        unsupported()
    }
}

impl TokenStore for SyntheticStore {
    fn token_by_digest<'a>(
        &'a self,
        digest: &'a TokenDigest,
    ) -> StoreFuture<'a, Option<StoredToken>> {
        let half = digest.as_bytes().first_chunk::<16>().copied().unwrap_or_default();
        let organization = u128::from_ne_bytes(half) % u128::from(self.organizations);
        let record = TokenRecord {
            id: TokenId::from_bytes(half),
            organization: OrganizationId::new(&format!("org-{organization}")),
            name: "Benchmark".to_owned(),
            hint: self.hint,
            scopes: vec![SCOPE.to_owned()],
            created_at: Timestamp::EPOCH,
            expires_at: None,
            first_used_at: None,
            last_used_at: None,
            last_used_by: None,
            replaces: None,
            replaced_by: None,
            digest_method: DigestMethod::Unpeppered,
        };
        Box::pin(ready(Ok(Some(StoredToken { digest: *digest, record }))))
    }

    fn insert_token(&self, _: IssueRequest, _: AuditEntry) -> StoreFuture<'_, IssueOutcome> {
        unsupported()
    }

    fn token<'a>(
        &'a self,
        _: &'a OrganizationId,
        _: &'a TokenId,
    ) -> StoreFuture<'a, Option<TokenRecord>> {
        unsupported()
    }

    fn tokens<'a>(
        &'a self,
        _: &'a OrganizationId,
        _: Page<TokenId>,
    ) -> StoreFuture<'a, Vec<TokenRecord>> {
        unsupported()
    }

    fn unpeppered_tokens(&self, _: Page<TokenId>) -> StoreFuture<'_, Vec<TokenRecord>> {
        unsupported()
    }

    fn expired_tokens<'a>(
        &'a self,
        _: Option<&'a OrganizationId>,
        _: Timestamp,
        _: u32,
    ) -> StoreFuture<'a, Vec<TokenRecord>> {
        unsupported()
    }

    fn expiring_tokens<'a>(
        &'a self,
        _: &'a OrganizationId,
        _: Timestamp,
        _: Timestamp,
    ) -> StoreFuture<'a, Vec<TokenRecord>> {
        unsupported()
    }

    fn prune_tokens(&self, _: Timestamp, _: Vec<AuditEntry>) -> StoreFuture<'_, u64> {
        unsupported()
    }

    fn tokens_after(&self, _: Option<TokenId>, _: usize) -> StoreFuture<'_, Vec<TokenAccess>> {
        unsupported()
    }

    fn rotate_token(
        &self,
        _: TokenId,
        _: RotationRequest,
        _: AuditEntry,
    ) -> StoreFuture<'_, RotateOutcome> {
        unsupported()
    }

    fn rename_token(&self, _: RenameRequest, _: AuditEntry) -> StoreFuture<'_, RenameOutcome> {
        unsupported()
    }

    fn revoke_token<'a>(
        &'a self,
        _: &'a OrganizationId,
        _: &'a TokenId,
        _: AuditEntry,
    ) -> StoreFuture<'a, RevokeOutcome> {
        unsupported()
    }

    fn prune_nonces(&self, _: Timestamp) -> StoreFuture<'_, u64> {
        unsupported()
    }

    fn record_uses<'a>(&'a self, _: &'a [TokenUse], _: Timestamp) -> StoreFuture<'a, ()> {
        Box::pin(ready(Ok(())))
    }
}

impl UsageStore for SyntheticStore {
    fn usage(&self, _: PartnerId, _: i64) -> StoreFuture<'_, u64> {
        Box::pin(ready(Ok(0)))
    }

    fn usage_on(&self, _: i64) -> StoreFuture<'_, Vec<DailyUsage>> {
        unsupported()
    }

    fn add_usage<'a>(&'a self, _: &'a [DailyUsage]) -> StoreFuture<'a, ()> {
        Box::pin(ready(Ok(())))
    }
}

impl AuditStore for SyntheticStore {
    fn audit<'a>(
        &'a self,
        _: Option<&'a OrganizationId>,
        _: Page<AuditId>,
    ) -> StoreFuture<'a, Vec<AuditEntry>> {
        unsupported()
    }
}

fn unsupported<'a, T>() -> StoreFuture<'a, T> {
    Box::pin(async { unreachable!("requests do not call this method") })
}
