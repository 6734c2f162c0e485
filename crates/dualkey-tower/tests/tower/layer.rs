//! The layer fulfils the contract of tower services, and changes nothing else in requests and responses.

use std::convert::Infallible;
use std::future::{Future as _, Ready, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::support::*;
use bytes::Bytes;
use dualkey_limit::{LimitPolicy, Rate};
use dualkey_store::OrganizationId;
use dualkey_testing::Fault;
use dualkey_token::PlainToken;
use dualkey_tower::{Grant, Guard, GuardBody, GuardFuture};
use http::header::AUTHORIZATION;
use http::{Method, Request, Response, Version, request::Parts};
use http_body::Frame;
use http_body_util::BodyExt as _;
use pollster::block_on;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

/// A service that panics if it is called before it is ready. It is ready at the second poll. A clone must be
/// polled again.
#[derive(Debug, Default)]
struct Strict {
    polled: u32,
    clones: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Parts>>>,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        self.clones.fetch_add(1, SeqCst);
        let (clones, seen) = (Arc::clone(&self.clones), Arc::clone(&self.seen));
        Self { polled: 0, clones, seen }
    }
}

impl<B> Service<Request<B>> for Strict {
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Ready<Result<Response<B>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.polled += 1;
        if self.polled < 2 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        assert!(std::mem::take(&mut self.polled) >= 2, "called before it was ready");
        let (head, body) = request.into_parts();
        self.seen.lock().unwrap().push(head);
        ready(Ok(Response::new(body)))
    }
}

impl Strict {
    fn clones(&self) -> usize {
        self.clones.load(SeqCst)
    }

    fn calls(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// The head of the last request that reached the service.
    fn last(&self) -> Parts {
        self.seen.lock().unwrap().pop().unwrap()
    }
}

/// A strict service behind the gate of the fixture, and a handle on the requests that reach it.
fn guarded(fixture: &Fixture) -> (Guard<Strict>, Strict) {
    let strict = Strict::default();
    let handle = strict.clone();
    strict.clones.store(0, SeqCst);
    (fixture.gate.require(fixture.reads()).layer(strict), handle)
}

/// A fixture whose first decision needs lookups in the store, which answers with a delay.
fn uncached_fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.store.set_fault(Fault::Delay);
    fixture
}

/// Two fixtures: one has partner and token in its cache, the other needs the store.
fn both_paths() -> [Fixture; 2] {
    let cached = Fixture::new();
    cached.pass(1);
    [cached, uncached_fixture()]
}

/// Calls the guard once it is ready.
fn start<B>(guard: &mut Guard<Strict>, request: Request<B>) -> GuardFuture<Strict, B> {
    block_on(tower::ServiceExt::<Request<B>>::ready(guard)).unwrap().call(request)
}

fn call(guard: &mut Guard<Strict>, request: Request<Body>) -> Response<Bytes> {
    whole(block_on(start(guard, request)).unwrap())
}

#[test]
fn a_cached_decision_calls_the_ready_service_without_a_clone() {
    let fixture = Fixture::new();
    fixture.pass(1);
    let (lookups, (mut guard, inner)) = (fixture.lookups(), guarded(&fixture));
    for _ in 0..5 {
        assert_eq!(call(&mut guard, fixture.request()).status(), 200);
    }
    assert_eq!((inner.calls(), inner.clones(), fixture.lookups()), (5, 0, lookups));
}

#[test]
fn a_lookup_calls_the_service_that_was_ready_and_not_its_clone() {
    let fixture = uncached_fixture();
    let (mut guard, inner) = guarded(&fixture);
    for calls in 1..=5 {
        let lookups = fixture.lookups();
        assert_eq!(call(&mut guard, fixture.request()).status(), 200);
        assert_eq!((inner.calls(), inner.clones()), (calls, calls));
        assert!(fixture.lookups() > lookups);
        fixture.clock.advance(Duration::from_secs(6));
    }
}

#[test]
fn two_requests_can_wait_for_the_store_at_once() {
    let fixture = uncached_fixture();
    let (mut guard, inner) = guarded(&fixture);
    let first = start(&mut guard, fixture.request());
    let second = start(&mut guard, fixture.request());
    for waiting in [second, first] {
        assert_eq!(block_on(waiting).unwrap().status(), 200);
    }
    assert_eq!((inner.calls(), inner.clones()), (2, 2));
}

#[test]
fn a_refused_request_never_reaches_the_service() {
    for fixture in both_paths() {
        let (mut guard, inner) = guarded(&fixture);
        let unknown = PlainToken::mint(&PREFIX);
        let mut nameless = fixture.request();
        nameless.headers_mut().remove(API_KEY);
        for request in [fixture.request_with(unknown.expose_secret()), nameless] {
            assert_eq!(call(&mut guard, request).status(), 401);
        }
        assert_eq!(inner.calls(), 0);
    }
}

#[test]
fn the_rest_of_a_request_passes_as_it_is() {
    for fixture in both_paths() {
        let (mut guard, inner) = guarded(&fixture);
        let mut request = fixture.request().map(|_| Body::from("a body"));
        *request.method_mut() = Method::PATCH;
        *request.uri_mut() = "/a/path?and=query".parse().unwrap();
        *request.version_mut() = Version::HTTP_2;
        request.headers_mut().insert("x-own", "kept".parse().unwrap());
        request.extensions_mut().insert(42_u8);

        assert_eq!(call(&mut guard, request).body(), "a body");
        let head = inner.last();
        assert_eq!((head.method, head.version), (Method::PATCH, Version::HTTP_2));
        assert_eq!(head.uri, "/a/path?and=query");
        assert_eq!(head.headers["x-own"], "kept");
        assert_eq!(head.extensions.get::<u8>(), Some(&42));
    }
}

#[test]
fn the_grant_is_in_the_extensions() {
    for fixture in both_paths() {
        let (mut guard, inner) = guarded(&fixture);
        call(&mut guard, fixture.request());
        let grant = inner.last().extensions.remove::<Grant>().unwrap();
        assert_eq!(grant.partner, fixture.partner.id);
        assert_eq!(grant.organization, OrganizationId::new("acme"));
        assert_eq!(grant.token, fixture.token.record.id);
        let names: Vec<_> = fixture.registry.catalogue().names(&grant.scopes).collect();
        assert_eq!(names, ["reservations:read"]);
        assert_eq!(*grant.standing.policy(), LimitPolicy::default());
        let used = 10 - grant.standing.burst_remaining();
        assert_eq!(grant.standing.daily_remaining(), Some(10_000 - used));
    }
}

#[test]
fn credentials_that_stay_are_marked_as_sensitive() {
    for fixture in both_paths() {
        let (mut guard, inner) = guarded(&fixture);
        call(&mut guard, fixture.request());
        let head = inner.last();
        assert_eq!(head.headers[API_KEY], fixture.partner.api_key.as_str());
        assert_eq!(head.headers[AUTHORIZATION], format!("Bearer {}", fixture.secret()));
        assert!(head.headers[API_KEY].is_sensitive() && head.headers[AUTHORIZATION].is_sensitive());
        let shown = format!("{head:?}");
        assert!(
            !shown.contains(fixture.secret()) && !shown.contains(fixture.partner.api_key.as_str()),
            "{shown}"
        );
    }
}

#[test]
fn credentials_can_be_removed() {
    for mut fixture in both_paths() {
        fixture.gate = fixture.gate.with_credentials_stripped();
        let (mut guard, inner) = guarded(&fixture);
        let mut request = fixture.request();
        request.headers_mut().insert("cookie", "kept".parse().unwrap());
        assert_eq!(call(&mut guard, request).status(), 200);
        let names: Vec<_> = inner.last().headers.keys().map(ToString::to_string).collect();
        assert_eq!(names, ["cookie"]);
    }
}

/// A body that counts how often it is polled.
#[derive(Clone, Default)]
struct Counted(Arc<AtomicUsize>);

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.fetch_add(1, SeqCst);
        Poll::Ready(None)
    }
}

#[test]
fn no_body_is_polled_before_the_decision_or_after_a_refusal() {
    for fixture in both_paths() {
        let (mut guard, body) = (guarded(&fixture).0, Counted::default());
        let mut refused = fixture.request().map(|_| body.clone());
        refused.headers_mut().insert(AUTHORIZATION, "Bearer a".parse().unwrap());
        assert_eq!(block_on(start(&mut guard, refused)).unwrap().status(), 401);
        assert_eq!(body.0.load(SeqCst), 0);

        let request = fixture.request().map(|_| body.clone());
        let answer = block_on(start(&mut guard, request)).unwrap();
        assert_eq!(body.0.load(SeqCst), 0, "the service gets the body unread");
        block_on(answer.into_body().collect()).unwrap();
        assert_eq!(body.0.load(SeqCst), 1);
    }
}

#[test]
fn bodies_know_their_length_and_whether_they_are_at_an_end() {
    use http_body::Body as _;

    let fixture = Fixture::new();
    let hello = service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    });
    let guard = fixture.gate.require(fixture.reads()).layer(hello);
    let bodies = [fixture.request(), fixture.request_with("a")].map(|request| {
        let answer = block_on(guard.clone().oneshot(request)).unwrap();
        let length = field(&answer, "content-length").map(|length| length.parse().unwrap());
        (answer.into_body(), length)
    });
    let [(served, None), (refused, Some(length))] = bodies else {
        panic!("only a refusal has a length")
    };
    assert_eq!((served.size_hint().exact(), served.is_end_stream()), (Some(5), false));
    assert_eq!((refused.size_hint().exact(), refused.is_end_stream()), (Some(length), false));
    let empty = GuardBody::<Body>::default();
    assert_eq!((empty.size_hint().exact(), empty.is_end_stream()), (Some(0), true));
}

#[derive(Clone, Debug, PartialEq)]
struct Broken(&'static str);

#[test]
fn errors_of_the_service_pass_through() {
    for fixture in both_paths() {
        let fails =
            service_fn(async |_: Request<Body>| Err::<Response<Body>, _>(Broken("call failed")));
        let guard = fixture.gate.require(fixture.reads()).layer(fails);
        assert_eq!(block_on(guard.oneshot(fixture.request())).unwrap_err(), Broken("call failed"));
    }
}

/// A service whose `poll_ready` fails.
#[derive(Clone)]
struct Down;

impl Service<Request<Body>> for Down {
    type Response = Response<Body>;
    type Error = Broken;
    type Future = Ready<Result<Response<Body>, Broken>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        Poll::Ready(Err(Broken("not ready")))
    }

    fn call(&mut self, _request: Request<Body>) -> Self::Future {
        panic!("called before it was ready");
    }
}

#[test]
fn an_error_of_poll_ready_passes_through() {
    let fixture = Fixture::new();
    let guard = fixture.gate.require(fixture.reads()).layer(Down);
    assert_eq!(block_on(guard.oneshot(fixture.request())).unwrap_err(), Broken("not ready"));
}

#[test]
fn a_service_does_not_have_to_be_send() {
    for fixture in both_paths() {
        let hello = Rc::new("hello");
        let local = service_fn(move |_: Request<Body>| {
            let hello = Rc::clone(&hello);
            async move { Ok::<_, Infallible>(Response::new(Body::from(*hello))) }
        });
        let guard = fixture.gate.require(fixture.reads()).layer(local);
        assert_eq!(whole(block_on(guard.oneshot(fixture.request())).unwrap()).body(), "hello");
    }
}

#[test]
fn routes_of_different_costs_draw_on_the_same_limits() {
    let fixture = Fixture::new();
    let (cheap, costly) =
        (fixture.gate.require(fixture.reads()), fixture.gate.require(fixture.reads()));
    let costly = costly.with_cost(number(4));
    let left = |answer: &Response<Bytes>| rate_limit(answer)[1].unwrap().to_owned();
    assert!(
        left(&send_to(&costly, fixture.request()))
            .starts_with(r#""burst";r=6;t=2, "daily";r=9996;"#)
    );
    assert!(
        left(&send_to(&cheap, fixture.request()))
            .starts_with(r#""burst";r=5;t=1, "daily";r=9995;"#)
    );
    assert!(
        left(&send_to(&costly, fixture.request()))
            .starts_with(r#""burst";r=1;t=1, "daily";r=9991;"#)
    );
    // One permit remains. The 3 missing permits take 0.6 seconds.
    let refusal = send_to(&costly, fixture.request());
    assert_eq!((refusal.status().as_u16(), field(&refusal, "retry-after")), (429, Some("1")));
    assert!(left(&refusal).starts_with(r#""burst";r=1;"#));
    fixture.clock.advance(Duration::from_millis(599));
    assert_eq!(send_to(&costly, fixture.request()).status(), 429);
    fixture.clock.advance(Duration::from_millis(1));
    assert_eq!(send_to(&costly, fixture.request()).status(), 200);
}

#[test]
fn a_403_costs_what_the_route_costs() {
    let fixture = Fixture::new();
    let guests = fixture.registry.catalogue().require_all(["guests:read"]).unwrap();
    let answer = send_to(&fixture.gate.require(guests).with_cost(number(4)), fixture.request());
    assert_eq!(answer.status(), 403);
    assert!(rate_limit(&answer)[1].unwrap().starts_with(r#""burst";r=6;"#));
}

#[test]
fn a_route_that_costs_more_than_a_bucket_holds_takes_a_full_one() {
    let fixture = Fixture::with_policy(daily(Rate::per_second(number(5)), 10, 8));
    let costly = fixture.gate.require(fixture.reads()).with_cost(number(1_000));
    let answer = send_to(&costly, fixture.request());
    assert_eq!(answer.status(), 200);
    assert_eq!(rate_limit(&answer)[1], Some(r#""burst";r=2;t=1, "daily";r=0;t=43200"#));
    assert_eq!(outcome(&send_to(&costly, fixture.request())), "quota_exceeded");
}

#[test]
fn a_store_outage_is_answered_with_503_until_it_ends() {
    let fixture = Fixture::new();
    let unavailable = |fixture: &Fixture| {
        let answer = fixture.send(fixture.request());
        assert_eq!(outcome(&answer), "unavailable");
        assert_eq!((answer.status().as_u16(), field(&answer, "retry-after")), (503, Some("1")));
        assert_eq!(rate_limit(&answer), [None, None]);
    };
    fixture.store.set_fault(Fault::Error);
    unavailable(&fixture);
    fixture.store.set_fault(Fault::None);
    let limit = rate_limit(&fixture.pass(1))[1].unwrap().to_owned();
    assert_eq!(limit, r#""burst";r=9;t=2, "daily";r=9999;t=43200"#, "an outage costs nothing");

    fixture.store.set_fault(Fault::Error);
    fixture.clock.advance(Duration::from_secs(5));
    fixture.pass(1); // Entries are served for 5 seconds after they were confirmed.
    fixture.clock.advance(Duration::from_nanos(1));
    unavailable(&fixture);
    fixture.store.set_fault(Fault::None);
    fixture.pass(1);
}

#[test]
fn an_outage_uses_no_attempts() {
    let fixture = Fixture::new();
    fixture.pass(1);
    fixture.store.set_fault(Fault::Error);
    for _ in 0..50 {
        let unknown = PlainToken::mint(&PREFIX);
        let answer = fixture.send(fixture.request_with(unknown.expose_secret()));
        assert_eq!(outcome(&answer), "unavailable");
    }
    fixture.store.set_fault(Fault::None);
    fixture.guess(10);
}

#[test]
fn cancelled_requests_use_no_attempts() {
    let fixture = Fixture::new();
    fixture.pass(1);
    fixture.store.set_fault(Fault::Delay);
    let (lookups, (mut guard, inner)) = (fixture.lookups(), guarded(&fixture));
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..50 {
        let unknown = PlainToken::mint(&PREFIX);
        let request = fixture.request_with(unknown.expose_secret());
        let mut waiting = pin!(start(&mut guard, request));
        assert!(waiting.as_mut().poll(&mut cx).is_pending(), "the store is slow");
    }
    assert!(fixture.lookups() >= lookups + 50);
    assert_eq!(call(&mut guard, fixture.request()).status(), 200);
    assert_eq!(inner.calls(), 1);
}
