use std::convert::Infallible;
use std::future::ready;

use dualkey_limit::{LimitPolicy, Timestamp};
use dualkey_store::{
    ApiKey, AuditEntry, AuditId, AuditStore, ChangeNotifier, DailyUsage, InsertOutcome,
    OrganizationId, Page, Partner, PartnerId, PartnerStore, RevokeOutcome, RotateOutcome,
    RotationRequest, Store, StoreFuture, StoredToken, TokenId, TokenRecord, TokenStore, TokenUse,
    UsageStore,
};
use dualkey_token::{PlainToken, TokenDigest, TokenHint};
use rand::{TryCryptoRng, TryRng};

use crate::{Numbers, PREFIX, SCOPE, TOKEN_LEN, plenty};

/// A store that takes no memory: it works out what it is asked for. It has every token, ten to an
/// organization, and the partners of [`partner_key`]. It takes no changes.
#[derive(Debug)]
pub struct Computed {
    changes: ChangeNotifier,
    organizations: u64,
    hint: TokenHint,
}

impl Computed {
    /// A store of about so many tokens.
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

/// The key of a partner, by its number.
///
/// # Panics
///
/// If there are not so many.
#[must_use]
pub fn partner_key(number: usize) -> [u8; 16] {
    let key = format!("partner-{number:08}").into_bytes();
    key.try_into().expect("there are fewer than a hundred million partners")
}

/// The text of a token, by its number.
///
/// # Panics
///
/// Never: tokens are of one length.
#[must_use]
pub fn token_text(number: usize) -> [u8; TOKEN_LEN] {
    let token = PlainToken::mint_from(&PREFIX, &mut Repeatable(Numbers::from(number as u64)));
    token.expose_secret().as_bytes().try_into().expect("tokens are of one length")
}

/// Draws the same tokens each time: good for nothing else.
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

impl Store for Computed {
    fn changes(&self) -> &ChangeNotifier {
        &self.changes
    }
}

impl PartnerStore for Computed {
    fn partner_by_key<'a>(&'a self, api_key: &'a ApiKey) -> StoreFuture<'a, Option<Partner>> {
        let number = api_key
            .as_str()
            .strip_prefix("partner-")
            .and_then(|number| number.parse::<u128>().ok());
        let partner = number.map(|number| Partner {
            id: PartnerId::from_bytes(number.to_be_bytes()),
            name: "Benchmark".to_owned(),
            api_key: api_key.clone(),
            policy: plenty(),
            enabled: true,
            created_at: Timestamp::EPOCH,
        });
        Box::pin(ready(Ok(partner)))
    }

    fn insert_partner(&self, _: Partner, _: AuditEntry) -> StoreFuture<'_, InsertOutcome> {
        unchanging()
    }

    fn partners(&self) -> StoreFuture<'_, Vec<Partner>> {
        unchanging()
    }

    fn set_limits(
        &self,
        _: PartnerId,
        _: LimitPolicy,
        _: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>> {
        unchanging()
    }

    fn set_enabled(
        &self,
        _: PartnerId,
        _: bool,
        _: AuditEntry,
    ) -> StoreFuture<'_, Option<Partner>> {
        unchanging()
    }
}

impl TokenStore for Computed {
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
            replaces: None,
            replaced_by: None,
        };
        Box::pin(ready(Ok(Some(StoredToken { digest: *digest, record }))))
    }

    fn insert_token(
        &self,
        _: StoredToken,
        _: usize,
        _: AuditEntry,
    ) -> StoreFuture<'_, InsertOutcome> {
        unchanging()
    }

    fn token<'a>(
        &'a self,
        _: &'a OrganizationId,
        _: &'a TokenId,
    ) -> StoreFuture<'a, Option<TokenRecord>> {
        unchanging()
    }

    fn tokens<'a>(
        &'a self,
        _: &'a OrganizationId,
        _: Page<TokenId>,
    ) -> StoreFuture<'a, Vec<TokenRecord>> {
        unchanging()
    }

    fn rotate_token(
        &self,
        _: TokenId,
        _: RotationRequest,
        _: AuditEntry,
    ) -> StoreFuture<'_, RotateOutcome> {
        unchanging()
    }

    fn revoke_token<'a>(
        &'a self,
        _: &'a OrganizationId,
        _: &'a TokenId,
        _: AuditEntry,
    ) -> StoreFuture<'a, RevokeOutcome> {
        unchanging()
    }

    fn record_uses<'a>(&'a self, _: &'a [TokenUse]) -> StoreFuture<'a, ()> {
        Box::pin(ready(Ok(())))
    }
}

impl UsageStore for Computed {
    fn usage(&self, _: PartnerId, _: i64) -> StoreFuture<'_, u64> {
        Box::pin(ready(Ok(0)))
    }

    fn usage_on(&self, _: i64) -> StoreFuture<'_, Vec<DailyUsage>> {
        unchanging()
    }

    fn add_usage<'a>(&'a self, _: &'a [DailyUsage]) -> StoreFuture<'a, ()> {
        Box::pin(ready(Ok(())))
    }
}

impl AuditStore for Computed {
    fn audit<'a>(
        &'a self,
        _: Option<&'a OrganizationId>,
        _: Page<AuditId>,
    ) -> StoreFuture<'a, Vec<AuditEntry>> {
        unchanging()
    }
}

fn unchanging<'a, T>() -> StoreFuture<'a, T> {
    Box::pin(async { unreachable!("nothing but a request asks a computed store") })
}
