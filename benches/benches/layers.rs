//! The overhead of guarding an axum route over the bare route, in process: Dualkey's layer, which
//! writes the `RateLimit` fields, and two layers of tower_governor with a usual hand-written
//! middleware.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use axum::{Router, http::StatusCode};
use dualkey_benches::{
    Report, Row, Work, World, interleave, partner_key, ready_or_panic, request, token_text,
};
use dualkey_tower::Gate;
use sha2::{Digest as _, Sha256};
use tower_governor::GovernorLayer;
use tower_governor::errors::GovernorError;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::KeyExtractor;
use tower_service::Service as _;

const BARE: &str = "axum, bare";
const DUALKEY: &str = "Dualkey's layer, RateLimit fields included";
const WITHOUT_FIELDS: &str = "two tower_governor layers and a middleware, without fields";
const WITH_FIELDS: &str = "the same, one of them with X-RateLimit fields";

fn main() {
    Report::new("layers").table("one route, hot", layers);
}

fn layers() -> Vec<Row> {
    let (world, key) = (World::new(1, 1), partner_key(0));
    let gate = Gate::new(world.verifier.clone()).require(world.requirement.clone());
    let routes = || Router::new().route("/guests", get(async || "guests"));
    let known = Arc::new(Known::with(&key, &token_text(0)));
    let by_hand = || routes().layer(from_fn_with_state(Arc::clone(&known), authenticate));

    let (burst, day) = (builder().finish(), builder().finish());
    let burst = burst.expect("neither is zero");
    let day = GovernorLayer::new(day.expect("neither is zero"));
    let with_fields = builder().use_headers().finish().expect("neither is zero");

    let works = vec![
        work(BARE, routes()),
        work(DUALKEY, routes().route_layer(gate)),
        work(WITHOUT_FIELDS, by_hand().layer(day.clone()).layer(GovernorLayer::new(burst))),
        work(WITH_FIELDS, by_hand().layer(day).layer(GovernorLayer::new(with_fields))),
    ];
    let samples = interleave(1_001, works);
    let over = |name: &str| samples.nanos(name) - samples.nanos(BARE);
    let row =
        |name: &str| Row::new(name).nanos(samples.nanos(name)).measured(over(name), "ns over bare");
    let against = |name: &str| {
        let ratio = over(DUALKEY) / over(name);
        Row::new(&format!("Dualkey against {name}")).at_most(ratio, 0.167, "× its overhead")
    };
    let bare = Row::new(BARE).nanos(samples.nanos(BARE));
    vec![
        bare,
        row(DUALKEY),
        row(WITHOUT_FIELDS),
        row(WITH_FIELDS),
        against(WITHOUT_FIELDS),
        against(WITH_FIELDS),
    ]
}

/// Layers wrap the route once, as in a server, and not at each request. Requests are built before the
/// time is taken; dropping a response is part of the time.
fn work(name: &'static str, app: Router) -> Work<'static> {
    let mut app = app.with_state(());
    let headers = request(&partner_key(0), &token_text(0));
    let write = move |to: &mut Option<Request>| {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = http::Uri::from_static("/guests");
        *request.headers_mut() = headers.clone();
        *to = Some(request);
    };
    let ask = move |request: &mut Option<Request>| {
        let request = request.take().expect("the request was written before");
        let answer = ready_or_panic(app.call(request)).expect("axum does not fail");
        assert_eq!(answer.status(), StatusCode::OK);
    };
    Work::over(name, (0..32).map(|_| None).collect(), write, ask)
}

#[derive(Clone)]
struct ByApiKey;

impl KeyExtractor for ByApiKey {
    type Key = String;

    fn extract<T>(&self, request: &http::Request<T>) -> Result<String, GovernorError> {
        let key = request.headers().get("x-api-key").and_then(|key| key.to_str().ok());
        key.map(str::to_owned).ok_or(GovernorError::UnableToExtractKey)
    }
}

/// A limit that is never reached.
fn builder() -> GovernorConfigBuilder<ByApiKey, governor::middleware::NoOpMiddleware> {
    let mut builder = GovernorConfigBuilder::default().key_extractor(ByApiKey);
    builder.per_nanosecond(1_000).burst_size(u32::MAX);
    builder
}

/// The maps of the hand-written middleware.
struct Known {
    partners: RwLock<HashMap<String, u64>>,
    tokens: RwLock<HashMap<[u8; 32], Caller>>,
}

#[derive(Clone)]
struct Caller {
    _organization: String,
    scopes: Vec<String>,
}

impl Known {
    fn with(key: &[u8], token: &[u8]) -> Self {
        let caller = Caller {
            _organization: "acme".to_owned(),
            scopes: vec!["reservations:read".to_owned()],
        };
        let key = String::from_utf8_lossy(key).into_owned();
        Self {
            partners: RwLock::new(HashMap::from([(key, 1)])),
            tokens: RwLock::new(HashMap::from([(Sha256::digest(token).into(), caller)])),
        }
    }

    fn caller(&self, request: &Request) -> Option<Caller> {
        let text = |name| request.headers().get(name)?.to_str().ok();
        let partners = self.partners.read().unwrap_or_else(PoisonError::into_inner);
        partners.get(text("x-api-key")?)?;
        let token = text("authorization")?.strip_prefix("Bearer ")?;
        let digest: [u8; 32] = Sha256::digest(token).into();
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        let caller = tokens.get(&digest)?;
        caller.scopes.iter().any(|scope| scope == "reservations:read").then(|| caller.clone())
    }
}

async fn authenticate(
    State(known): State<Arc<Known>>,
    mut request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    let caller = known.caller(&request).ok_or(StatusCode::UNAUTHORIZED)?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}
