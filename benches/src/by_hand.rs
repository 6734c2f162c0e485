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

use crate::{TOKEN_LEN, partner_key, token_text};

type Limiter = RateLimiter<
    [u8; 16],
    DashMapStateStore<[u8; 16], RandomState>,
    DefaultClock,
    NoOpMiddleware<governor::clock::QuantaInstant>,
>;

/// A million a second, in bursts that are never used up.
fn rate() -> Quota {
    Quota::per_second(NonZeroU32::new(1_000_000).expect("not zero")).allow_burst(NonZeroU32::MAX)
}

/// As near to a daily quota as a bucket comes.
fn day() -> Quota {
    let per_permit = Duration::from_secs(86_400) / u32::MAX;
    Quota::with_period(per_permit).expect("not zero").allow_burst(NonZeroU32::MAX)
}

/// The whole decision as a good engineer writes it who wants it lean: two governors with fixed keys,
/// sha2, maps with a fast hasher behind one lock, no look at the token's format.
pub struct Lean {
    known: RwLock<Known>,
    burst: Limiter,
    daily: Limiter,
}

struct Known {
    partners: HashMap<[u8; 16], u64, RandomState>,
    tokens: HashMap<[u8; 32], Rights, RandomState>,
}

/// What a token is good for.
#[derive(Clone, Copy, Debug)]
pub struct Rights {
    /// Whose data it opens.
    pub organization: u64,
    /// A bit per scope.
    pub scopes: u64,
    /// From when on it is refused, if ever.
    pub expires_at: Option<SystemTime>,
}

impl Rights {
    const fn of(number: usize) -> Self {
        Self { organization: number as u64 / 10, scopes: 1, expires_at: None }
    }

    fn is_good_for(&self, scopes: u64) -> bool {
        self.scopes & scopes == scopes && self.expires_at.is_none_or(|at| at > SystemTime::now())
    }
}

impl Lean {
    /// With the partners and the tokens of a [`World`](crate::World) of this size.
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
        let tokens = (0..tokens).map(|number| (digest(&token_text(number)), Rights::of(number)));
        let known = Known { partners: partners.collect(), tokens: tokens.collect() };
        Self { known: RwLock::new(known), burst: limiter(rate()), daily: limiter(day()) }
    }

    /// The partner and what its token is good for, if the request may pass.
    #[must_use]
    pub fn decide(&self, headers: &HeaderMap, scopes: u64) -> Option<(u64, Rights)> {
        let key: &[u8; 16] = headers.get("x-api-key")?.as_bytes().try_into().ok()?;
        let token = headers.get("authorization")?.as_bytes().strip_prefix(b"Bearer ")?;
        let digest = digest(token);
        let (partner, record) = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            (*known.partners.get(key)?, *known.tokens.get(&digest)?)
        };
        self.burst.check_key(key).ok()?;
        self.daily.check_key(key).ok()?;
        record.is_good_for(scopes).then_some((partner, record))
    }
}

/// The whole decision in plain crates: DashMap with its own hasher, shared records, base64, crc32fast,
/// subtle, and two governors in the partner's record.
pub struct Plain {
    partners: DashMap<String, Arc<Partner>>,
    tokens: DashMap<[u8; 32], Arc<([u8; 32], Rights)>>,
}

struct Partner {
    burst: DefaultDirectRateLimiter,
    daily: DefaultDirectRateLimiter,
}

impl Plain {
    /// With the partners and the tokens of a [`World`](crate::World) of this size.
    #[must_use]
    pub fn new(partners: usize, tokens: usize) -> Self {
        let partner = |number| {
            let key = String::from_utf8_lossy(&partner_key(number)).into_owned();
            let (burst, daily) = (RateLimiter::direct(rate()), RateLimiter::direct(day()));
            (key, Arc::new(Partner { burst, daily }))
        };
        let token = |number| {
            let digest = digest(&token_text(number));
            (digest, Arc::new((digest, Rights::of(number))))
        };
        let partners = (0..partners).map(partner).collect();
        Self { partners, tokens: (0..tokens).map(token).collect() }
    }

    /// What the token is good for, if the request may pass.
    #[must_use]
    pub fn decide(&self, headers: &HeaderMap, scopes: u64) -> Option<Rights> {
        let key = headers.get("x-api-key")?.to_str().ok()?;
        let token = headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")?;
        if !is_well_formed(token) {
            return None;
        }
        let digest = digest(token.as_bytes());
        let partner = Arc::clone(&*self.partners.get(key)?);
        let token = Arc::clone(&*self.tokens.get(&digest)?);
        let is_it = bool::from(token.0.ct_eq(&digest));
        partner.burst.check().ok()?;
        partner.daily.check().ok()?;
        (is_it && token.1.is_good_for(scopes)).then_some(token.1)
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

impl fmt::Debug for Lean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lean").finish_non_exhaustive()
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plain").finish_non_exhaustive()
    }
}
