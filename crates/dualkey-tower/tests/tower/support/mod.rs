//! A gate with a store and a clock that the test controls, and requests for it.

mod log;
pub(crate) mod server;

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use dualkey_limit::{FakeClock, LimitPolicy, Rate, Timestamp};
use dualkey_scope::{Catalogue, Requirement};
use dualkey_store::{Change, IssuedToken, NewPartner, NewToken, Partner, Registry, Store as _};
use dualkey_testing::FaultyStore;
use dualkey_token::{PlainToken, Prefix};
use dualkey_tower::{Gate, GuardLayer, Verifier};
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use pollster::block_on;
use serde_json::Value;
use tower::{Layer as _, ServiceExt as _, service_fn};

pub(crate) use dualkey_testing::NOON;
pub(crate) use log::Log;

pub(crate) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
pub(crate) const PREFIX: Prefix = Prefix::new("gw");

/// One partner with one token, which may read reservations and nothing else.
pub(crate) struct Fixture {
    pub(crate) clock: FakeClock,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) registry: Registry,
    pub(crate) partner: Partner,
    pub(crate) token: IssuedToken,
    pub(crate) gate: Gate,
}

pub(crate) type Body = Full<Bytes>;

impl Fixture {
    /// The partner has the limits of the documentation: 5 a second, bursts of 10, 10,000 a day.
    pub(crate) fn new() -> Self {
        Self::with_policy(LimitPolicy::default())
    }

    pub(crate) fn with_policy(policy: LimitPolicy) -> Self {
        let (clock, store) = (FakeClock::new(NOON), Arc::<FaultyStore>::default());
        let catalogue = Catalogue::builder()
            .scope("reservations:read", "Reservations - Read")
            .scope("reservations:write", "Reservations - Write")
            .scope("guests:read", "Guests - Read")
            .build()
            .unwrap();
        let registry =
            Registry::new(catalogue, PREFIX, Arc::clone(&store) as _, Arc::new(clock.clone()));
        let api_key = "partner-key-1".parse().unwrap();
        let partner = NewPartner::new("Zapier").with_policy(policy).with_api_key(api_key);
        let partner = block_on(registry.register_partner(partner)).unwrap();
        let token = issue(&registry, "reservations:read", None);
        let gate = Gate::new(Verifier::new(registry.clone()));
        Self { clock, store, registry, partner, token, gate }
    }

    /// Another token, with this scope.
    pub(crate) fn issue(&self, scope: &str, expires_at: Option<Timestamp>) -> IssuedToken {
        issue(&self.registry, scope, expires_at)
    }

    pub(crate) fn revoke(&self, token: &IssuedToken) {
        let record = &token.record;
        block_on(self.registry.revoke_token(&record.organization, &record.id)).unwrap();
        self.store.changes().publish(&Change::All);
    }

    pub(crate) fn disable(&self) {
        block_on(self.registry.set_enabled(&self.partner.api_key, false)).unwrap();
        self.store.changes().publish(&Change::All);
    }

    /// The number of lookups in the store.
    pub(crate) fn lookups(&self) -> usize {
        self.store.partner_lookups() + self.store.token_lookups()
    }

    pub(crate) fn secret(&self) -> &str {
        self.token.secret.expose_secret()
    }

    pub(crate) fn reads(&self) -> Requirement {
        self.registry.catalogue().require_all(["reservations:read"]).unwrap()
    }

    /// A request with good credentials.
    pub(crate) fn request(&self) -> Request<Body> {
        self.request_with(self.secret())
    }

    pub(crate) fn request_with(&self, token: &str) -> Request<Body> {
        Request::builder()
            .uri("/reservations")
            .header(API_KEY, self.partner.api_key.as_str())
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::default())
            .unwrap()
    }

    /// The response to a request for a route that requires `reservations:read`.
    pub(crate) fn send(&self, request: Request<Body>) -> Response<Bytes> {
        send_to(&self.gate.require(self.reads()), request)
    }

    /// Sends this many good requests, asserts that each passes, and returns the last response.
    pub(crate) fn pass(&self, times: u32) -> Response<Bytes> {
        let mut answer = self.send(self.request());
        assert_eq!(answer.status(), 200);
        for _ in 1..times {
            answer = self.send(self.request());
            assert_eq!(answer.status(), 200);
        }
        answer
    }

    /// Sends this many well-formed tokens that were never issued.
    pub(crate) fn guess(&self, times: u32) {
        for _ in 0..times {
            assert_eq!(self.send(self.request_with(&unknown_token())).status(), 401);
        }
    }
}

fn issue(registry: &Registry, scope: &str, expires_at: Option<Timestamp>) -> IssuedToken {
    static NUMBER: AtomicU32 = AtomicU32::new(1);

    let name = format!("token {}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let token = NewToken::new("acme", name, [scope]);
    let token = match expires_at {
        Some(expires_at) => token.with_expiry(expires_at),
        None => token,
    };
    block_on(registry.issue_token(token)).unwrap()
}

pub(crate) fn set(request: &mut Request<Body>, name: &'static str, value: &str) {
    request.headers_mut().insert(name, value.parse().unwrap());
}

pub(crate) fn repeat(request: &mut Request<Body>, name: &'static str) {
    let value = request.headers()[name].clone();
    request.headers_mut().append(name, value);
}

pub(crate) fn unknown_token() -> String {
    PlainToken::mint(&PREFIX).expose_secret().to_owned()
}

/// The response of a service behind this layer. The body of the service is `hello`.
pub(crate) fn send_to(layer: &GuardLayer, request: Request<Body>) -> Response<Bytes> {
    let hello = service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    });
    whole(block_on(layer.layer(hello).oneshot(request)).unwrap())
}

/// Reads the whole body of a response.
pub(crate) fn whole<B>(answer: Response<B>) -> Response<Bytes>
where
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>,
{
    let (head, body) = answer.into_parts();
    Response::from_parts(head, block_on(body.collect()).unwrap().to_bytes())
}

/// The parts of a response that a caller can observe: status, fields and body.
pub(crate) fn observable(answer: &Response<Bytes>) -> (u16, Vec<(String, String)>, String) {
    let value = |value: &HeaderValue| value.to_str().unwrap().to_owned();
    let fields = answer.headers().iter().map(|(name, text)| (name.to_string(), value(text)));
    let body = String::from_utf8(answer.body().to_vec()).unwrap();
    (answer.status().as_u16(), fields.collect(), body)
}

/// The value of a field that occurs at most once.
pub(crate) fn field<'a, B>(answer: &'a Response<B>, name: &str) -> Option<&'a str> {
    let mut values = answer.headers().get_all(name).iter();
    let value = values.next().map(|value| value.to_str().unwrap());
    assert_eq!(values.next(), None, "{name} occurs more than once");
    value
}

/// The fields `RateLimit-Policy` and `RateLimit`.
pub(crate) fn rate_limit<B>(answer: &Response<B>) -> [Option<&str>; 2] {
    ["ratelimit-policy", "ratelimit"].map(|name| field(answer, name))
}

/// The numbers of an item of `RateLimit`: the permits remaining, and the effective window.
pub(crate) fn remaining(answer: &Response<Bytes>, policy: &str) -> Option<(u64, u64)> {
    let start = format!(r#""{policy}";r="#);
    let item = rate_limit(answer)[1]?.split(", ").find_map(|item| item.strip_prefix(&*start))?;
    let (permits, window) = item.split_once(";t=").unwrap();
    Some((permits.parse().unwrap(), window.parse().unwrap()))
}

pub(crate) fn problem(answer: &Response<Bytes>) -> Value {
    assert_eq!(field(answer, "content-type"), Some("application/problem+json"));
    serde_json::from_slice(answer.body()).unwrap()
}

/// The code of a refusal, or the body of a response of the service.
pub(crate) fn outcome(answer: &Response<Bytes>) -> String {
    match serde_json::from_slice::<Value>(answer.body()) {
        Ok(problem) => problem["code"].as_str().unwrap().to_owned(),
        Err(_) => String::from_utf8(answer.body().to_vec()).unwrap(),
    }
}

pub(crate) const fn number(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("not zero")
}

pub(crate) fn daily(rate: Rate, burst: u32, quota: u32) -> LimitPolicy {
    LimitPolicy::new(rate, number(burst)).with_daily(number(quota)).unwrap()
}

/// A 405 that lists these methods.
#[track_caller]
pub(crate) fn assert_allows(response: &Response<Bytes>, methods: &str) {
    assert_eq!(response.status(), 405);
    if !response.body().is_empty() {
        let problem = problem(response);
        assert_eq!(
            (&problem["code"], &problem["status"]),
            (&"method_not_allowed".into(), &405.into())
        );
    }
    assert!(field(response, "content-length").is_some_and(|length| length != "0"));
    assert_eq!(field(response, "allow"), Some(methods));
    assert_eq!(field(response, "cache-control"), Some("no-store"));
    assert_eq!(rate_limit(response), [None, None]);
}
