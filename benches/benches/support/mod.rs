//! One route of axum, bare and guarded in the ways that are compared.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use dualkey_benches::{HandStrict, World, partner_key, token_text};
use dualkey_tower::{Gate, GuardedRouter};
use foldhash::fast::RandomState;
use governor::middleware::NoOpMiddleware;
use sha2::{Digest as _, Sha256};
use tower_governor::GovernorLayer;
use tower_governor::errors::GovernorError;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::KeyExtractor;

/// The route without a guard.
pub(crate) fn bare() -> Router {
    Router::new().route("/guests", get(async || "guests"))
}

/// The same route declared with Dualkey's guard, which writes the `RateLimit` fields.
pub(crate) fn dualkey() -> Router {
    let world = World::new(1, 1);
    GuardedRouter::new(Gate::new(world.verifier))
        .require(Method::GET, "/guests", world.requirement, async || "guests")
        .into_router()
}

/// A single middleware that makes the whole decision as [`HandStrict`] does, without fields in the answer.
pub(crate) fn strict() -> Router {
    let decide = async |State(known): State<Arc<HandStrict>>, mut request: Request, next: Next| {
        let caller = known.decide(request.headers(), 1).ok_or(StatusCode::UNAUTHORIZED)?;
        request.extensions_mut().insert(caller);
        Ok::<Response, StatusCode>(next.run(request).await)
    };
    bare().route_layer(from_fn_with_state(Arc::new(HandStrict::new(1, 1)), decide))
}

/// Two limits by tower_governor around a usual middleware. One limit may write `X-RateLimit` fields.
pub(crate) fn stack(writes_fields: bool) -> Router {
    let day = GovernorLayer::new(limit().finish().expect("neither is zero"));
    let known = from_fn_with_state(Arc::new(Known::one()), authenticate);
    if writes_fields {
        let burst = limit().use_headers().finish().expect("neither is zero");
        bare().route_layer((GovernorLayer::new(burst), day, known))
    } else {
        let burst = limit().finish().expect("neither is zero");
        bare().route_layer((GovernorLayer::new(burst), day, known))
    }
}

/// A limit that is never reached.
fn limit() -> GovernorConfigBuilder<ByApiKey, NoOpMiddleware<governor::clock::QuantaInstant>> {
    let mut builder = GovernorConfigBuilder::default().key_extractor(ByApiKey);
    builder.per_nanosecond(1_000).burst_size(u32::MAX);
    builder
}

#[derive(Clone)]
struct ByApiKey;

impl KeyExtractor for ByApiKey {
    type Key = HeaderValue;

    fn extract<T>(&self, request: &axum::http::Request<T>) -> Result<HeaderValue, GovernorError> {
        request.headers().get("x-api-key").cloned().ok_or(GovernorError::UnableToExtractKey)
    }
}

/// The maps of the hand-written middleware.
struct Known {
    partners: RwLock<HashMap<HeaderValue, u64, RandomState>>,
    tokens: RwLock<HashMap<[u8; 32], Arc<Caller>, RandomState>>,
}

struct Caller {
    _organization: String,
    scopes: Vec<String>,
}

impl Known {
    fn one() -> Self {
        let caller = Caller {
            _organization: "acme".to_owned(),
            scopes: vec!["reservations:read".to_owned()],
        };
        let key = HeaderValue::from_bytes(&partner_key(0)).expect("a valid field value");
        let digest = Sha256::digest(token_text(0)).into();
        Self {
            partners: RwLock::new([(key, 1)].into_iter().collect()),
            tokens: RwLock::new([(digest, Arc::new(caller))].into_iter().collect()),
        }
    }

    fn caller(&self, headers: &HeaderMap) -> Option<Arc<Caller>> {
        let key = headers.get("x-api-key")?;
        let token = headers.get(header::AUTHORIZATION)?.as_bytes().strip_prefix(b"Bearer ")?;
        self.partners.read().unwrap_or_else(PoisonError::into_inner).get(key)?;
        let digest: [u8; 32] = Sha256::digest(token).into();
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        let caller = tokens.get(&digest)?;
        let may_read = caller.scopes.iter().any(|scope| scope == "reservations:read");
        may_read.then(|| Arc::clone(caller))
    }
}

async fn authenticate(
    State(known): State<Arc<Known>>,
    mut request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    let caller = known.caller(request.headers()).ok_or(StatusCode::UNAUTHORIZED)?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}
