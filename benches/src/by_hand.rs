use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use dashmap::DashMap;
use foldhash::fast::RandomState;
use governor::clock::DefaultClock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http::HeaderMap;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::settings::TOKEN_LEN;
use crate::{partner_key, token_text};

type Limiter = RateLimiter<
    [u8; 16],
    DashMapStateStore<[u8; 16], RandomState>,
    DefaultClock,
    NoOpMiddleware<governor::clock::QuantaInstant>,
>;

/// A million permits per second, with a burst that is never exhausted.
fn rate() -> Quota {
    Quota::per_second(NonZeroU32::new(1_000_000).expect("not zero")).allow_burst(NonZeroU32::MAX)
}

/// The closest a token bucket comes to a daily quota: the quota as burst, refilled evenly over a day.
fn day() -> Quota {
    let per_permit = Duration::from_secs(86_400) / u32::MAX;
    Quota::with_period(per_permit).expect("not zero").allow_burst(NonZeroU32::MAX)
}

/// The whole decision written by hand for speed: two keyed governors with fixed-size keys, sha2, and
/// maps with a fast hasher behind one lock. The token's format is not checked.
pub struct HandLean {
    known: RwLock<Known>,
    burst: Limiter,
    daily: Limiter,
}

struct Known {
    partners: HashMap<[u8; 16], u64, RandomState>,
    tokens: HashMap<[u8; 32], TokenAccess, RandomState>,
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

impl HandLean {
    /// Holds the partners and tokens of a [`World`](crate::World) of this size.
    #[must_use]
    pub fn new(partners: usize, tokens: usize) -> Self {
        let limiter = |quota| {
            RateLimiter::dashmap_with_clock_and_hasher(
                quota,
                DefaultClock::default(),
                RandomState::default(),
            )
        };
        let partners = (0..partners).map(|number| (partner_key(number), number as u64));
        let tokens =
            (0..tokens).map(|number| (digest(&token_text(number)), TokenAccess::of(number)));
        let known = Known { partners: partners.collect(), tokens: tokens.collect() };
        Self { known: RwLock::new(known), burst: limiter(rate()), daily: limiter(day()) }
    }

    /// The partner and the access of its token, or none if the request is refused.
    #[must_use]
    pub fn decide(&self, headers: &HeaderMap, scopes: u64) -> Option<(u64, TokenAccess)> {
        let key: &[u8; 16] = headers.get("x-api-key")?.as_bytes().try_into().ok()?;
        let token = headers.get("authorization")?.as_bytes().strip_prefix(b"Bearer ")?;
        let digest = digest(token);
        let (partner, record) = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            (*known.partners.get(key)?, *known.tokens.get(&digest)?)
        };
        self.burst.check_key(key).ok()?;
        self.daily.check_key(key).ok()?;
        record.allows(scopes).then_some((partner, record))
    }
}

/// The whole decision written by hand from common crates with their defaults: DashMap with the standard
/// hasher, records in `Arc`s, base64, crc32fast, subtle, and two governors in the partner's record.
pub struct HandPlain {
    partners: DashMap<String, Arc<Partner>>,
    tokens: DashMap<[u8; 32], Arc<([u8; 32], TokenAccess)>>,
}

struct Partner {
    burst: DefaultDirectRateLimiter,
    daily: DefaultDirectRateLimiter,
}

impl HandPlain {
    /// Holds the partners and tokens of a [`World`](crate::World) of this size.
    #[must_use]
    pub fn new(partners: usize, tokens: usize) -> Self {
        let partner = |number| {
            let key = String::from_utf8_lossy(&partner_key(number)).into_owned();
            let (burst, daily) = (RateLimiter::direct(rate()), RateLimiter::direct(day()));
            (key, Arc::new(Partner { burst, daily }))
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
        partner.burst.check().ok()?;
        partner.daily.check().ok()?;
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

impl fmt::Debug for HandLean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandLean").finish_non_exhaustive()
    }
}

impl fmt::Debug for HandPlain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandPlain").finish_non_exhaustive()
    }
}
