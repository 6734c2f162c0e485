use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use dashmap::DashMap;
use foldhash::fast::RandomState;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::settings::TOKEN_LEN;
use crate::{partner_key, token_text};

static API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// A million permits per second, with a burst that is never exhausted.
fn rate() -> Quota {
    Quota::per_second(NonZeroU32::new(1_000_000).expect("not zero")).allow_burst(NonZeroU32::MAX)
}

/// The closest a token bucket comes to a daily quota: the quota as burst, refilled evenly over a day.
fn day() -> Quota {
    let per_permit = Duration::from_secs(86_400) / u32::MAX;
    Quota::with_period(per_permit).expect("not zero").allow_burst(NonZeroU32::MAX)
}

/// The whole decision written by hand for speed, with the same refusals: fixed-size keys, typed field names, a
/// repeated field refused, one map with a fast hasher behind a lock for partners and one for tokens, and two
/// governors in the partner's record. The token's format is not checked.
pub struct HandStrict {
    partners: RwLock<HashMap<[u8; 16], StrictPartner, RandomState>>,
    tokens: RwLock<HashMap<[u8; 32], TokenAccess, RandomState>>,
}

struct StrictPartner {
    number: u64,
    limits: TwoGovernors,
}

/// A request that the rate refuses is not charged to the day.
struct TwoGovernors {
    burst: DefaultDirectRateLimiter,
    daily: DefaultDirectRateLimiter,
}

impl TwoGovernors {
    fn new() -> Self {
        Self { burst: RateLimiter::direct(rate()), daily: RateLimiter::direct(day()) }
    }

    fn check(&self) -> Option<()> {
        self.burst.check().and_then(|()| self.daily.check()).ok()
    }
}

/// What a token gives access to.
#[derive(Clone, Copy, Debug)]
pub struct TokenAccess {
    /// The organization whose data the token reads.
    pub organization: u64,
    /// The granted scopes, one bit each.
    pub scopes: u64,
    /// When the token expires, if ever.
    pub expires_at: Option<SystemTime>,
}

impl TokenAccess {
    const fn of(number: usize) -> Self {
        Self { organization: number as u64 / 10, scopes: 1, expires_at: None }
    }

    fn allows(&self, scopes: u64) -> bool {
        self.scopes & scopes == scopes && self.expires_at.is_none_or(|at| at > SystemTime::now())
    }
}

impl HandStrict {
    /// Holds the partners and tokens of a [`World`](crate::World) of this size.
    #[must_use]
    pub fn new(partners: usize, tokens: usize) -> Self {
        let partner = |number| {
            let partner = StrictPartner { number: number as u64, limits: TwoGovernors::new() };
            (partner_key(number), partner)
        };
        let token = |number| (digest(&token_text(number)), TokenAccess::of(number));
        Self {
            partners: RwLock::new((0..partners).map(partner).collect()),
            tokens: RwLock::new((0..tokens).map(token).collect()),
        }
    }

    /// The partner and the access of its token, or none if the request is refused.
    #[inline]
    #[must_use]
    pub fn decide(&self, headers: &HeaderMap, scopes: u64) -> Option<(u64, TokenAccess)> {
        let key: &[u8; 16] = only(headers, &API_KEY)?.try_into().ok()?;
        let digest = digest(only(headers, &AUTHORIZATION)?.strip_prefix(b"Bearer ")?);
        let partners = self.partners.read().unwrap_or_else(PoisonError::into_inner);
        let partner = partners.get(key)?;
        let access = {
            let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
            *tokens.get(&digest)?
        };
        partner.limits.check()?;
        access.allows(scopes).then_some((partner.number, access))
    }
}

/// The value of a field that is sent once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.as_bytes())
}

/// The whole decision written by hand from common crates with their defaults: DashMap with the standard
/// hasher, records in `Arc`s, base64, crc32fast, subtle, and two governors in the partner's record.
pub struct HandPlain {
    partners: DashMap<String, Arc<TwoGovernors>>,
    tokens: DashMap<[u8; 32], Arc<([u8; 32], TokenAccess)>>,
}

impl HandPlain {
    /// Holds the partners and tokens of a [`World`](crate::World) of this size.
    #[must_use]
    pub fn new(partners: usize, tokens: usize) -> Self {
        let partner = |number| {
            let key = String::from_utf8_lossy(&partner_key(number)).into_owned();
            (key, Arc::new(TwoGovernors::new()))
        };
        let token = |number| {
            let digest = digest(&token_text(number));
            (digest, Arc::new((digest, TokenAccess::of(number))))
        };
        let partners = (0..partners).map(partner).collect();
        Self { partners, tokens: (0..tokens).map(token).collect() }
    }

    /// The access of the token, or none if the request is refused.
    #[must_use]
    pub fn decide(&self, headers: &HeaderMap, scopes: u64) -> Option<TokenAccess> {
        let key = headers.get("x-api-key")?.to_str().ok()?;
        let token = headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")?;
        if !is_well_formed(token) {
            return None;
        }
        let digest = digest(token.as_bytes());
        let partner = Arc::clone(&*self.partners.get(key)?);
        let token = Arc::clone(&*self.tokens.get(&digest)?);
        let is_same = bool::from(token.0.ct_eq(&digest));
        partner.check()?;
        (is_same && token.1.allows(scopes)).then_some(token.1)
    }
}

fn is_well_formed(token: &str) -> bool {
    let mut body = [0; 36];
    let Some(text) = token.strip_prefix("gw_").filter(|_| token.len() == TOKEN_LEN) else {
        return false;
    };
    let mut checksum = crc32fast::Hasher::new();
    BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut body).is_ok() && {
        checksum.update(b"gw_");
        checksum.update(&body[..32]);
        checksum.finalize().to_be_bytes() == body[32..]
    }
}

fn digest(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

impl fmt::Debug for HandStrict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandStrict").finish_non_exhaustive()
    }
}

impl fmt::Debug for HandPlain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandPlain").finish_non_exhaustive()
    }
}
