//! A request that meets several guards of one gate is decided and charged once.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use crate::support::*;
use bytes::Bytes;
use dualkey_limit::{LimitPolicy, Rate};
use dualkey_scope::Requirement;
use dualkey_tower::{Decision, Denial, Gate, Grant, GuardLayer, RouteTable, Verifier};
use http::{HeaderMap, Method, Request, Response};
use pollster::block_on;
use tower::{Layer, Service, ServiceExt as _, layer::layer_fn, service_fn};

/// The requests that reach the innermost service.
type Seen = Arc<Mutex<Vec<Request<Body>>>>;

fn innermost(
    seen: &Seen,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
+ Clone
+ use<> {
    let seen = Arc::clone(seen);
    service_fn(move |request: Request<Body>| {
        seen.lock().unwrap().push(request);
        async { Ok::<_, Infallible>(Response::new(Body::from("hello"))) }
    })
}

/// The response of a service behind two guards, between which `change` changes each request.
fn send_through(
    [outer, inner]: [&GuardLayer; 2],
    change: impl Fn(&mut Request<Body>) + Clone,
    request: Request<Body>,
) -> (Response<Bytes>, Option<Request<Body>>) {
    let seen = Seen::default();
    let guarded = inner.layer(innermost(&seen)).map_request(move |mut request| {
        change(&mut request);
        request
    });
    let answer = whole(whole_twice(block_on(outer.layer(guarded).oneshot(request)).unwrap()));
    let request = seen.lock().unwrap().pop();
    (answer, request)
}

fn whole_twice<B>(answer: Response<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>,
{
    whole(answer).map(Body::from)
}

fn send_to_both(layers: [&GuardLayer; 2], request: Request<Body>) -> Response<Bytes> {
    send_through(layers, |_| {}, request).0
}

fn burst(answer: &Response<Bytes>) -> u64 {
    remaining(answer, "burst").unwrap().0
}

/// "Any token" outside, a scope inside.
fn usual(fixture: &Fixture) -> [GuardLayer; 2] {
    [fixture.gate.require(Requirement::NONE), fixture.gate.require(fixture.reads())]
}

fn each(layers: &[GuardLayer; 2]) -> [&GuardLayer; 2] {
    [&layers[0], &layers[1]]
}

#[test]
fn two_guards_of_one_gate_charge_once() {
    let fixture = Fixture::new();
    let layers = usual(&fixture);
    for left in (0..10).rev() {
        let answer = send_to_both(each(&layers), fixture.request());
        assert_eq!((answer.status().as_u16(), burst(&answer)), (200, left));
    }
    let refused = send_to_both(each(&layers), fixture.request());
    assert_eq!(outcome(&refused), "rate_limited");
}

#[test]
fn the_inner_guard_checks_its_own_requirement() {
    let fixture = Fixture::new();
    let guests = fixture.issue("guests:read", None);
    let request = fixture.request_with(guests.secret.expose_secret());
    let answer = send_to_both(each(&usual(&fixture)), request);
    assert_eq!(outcome(&answer), "scope_insufficient");
    assert_eq!(burst(&answer), 9);
    assert_eq!(burst(&fixture.pass(1)), 8, "a 403 costs one request");
    assert!(matches!(answer.extensions().get(), Some(Denial::ScopeInsufficient { .. })));
}

#[test]
fn the_inner_guard_charges_only_what_its_cost_exceeds() {
    let fixture = Fixture::new();
    let [any, reads] = usual(&fixture);
    for (outer, inner, left) in [(1, 4, 6), (3, 2, 3), (2, 2, 1)] {
        let layers = [any.clone().with_cost(number(outer)), reads.clone().with_cost(number(inner))];
        let answer = send_to_both(each(&layers), fixture.request());
        assert_eq!((answer.status().as_u16(), burst(&answer)), (200, left));
    }
}

#[test]
fn a_cost_that_no_bucket_holds_takes_one_full_bucket() {
    let fixture = Fixture::with_policy(daily(Rate::per_second(number(5)), 10, 8));
    let [any, reads] = usual(&fixture);
    let layers = [any.with_cost(number(3)), reads.with_cost(number(1_000))];
    let answer = send_to_both(each(&layers), fixture.request());
    assert_eq!((answer.status().as_u16(), burst(&answer)), (200, 2));
}

#[test]
fn a_refusal_of_the_inner_cost_leaves_the_outer_charge() {
    let fixture = Fixture::new();
    let [any, reads] = usual(&fixture);
    fixture.pass(8);
    let layers = [any, reads.with_cost(number(3))];
    let answer = send_to_both(each(&layers), fixture.request());
    assert_eq!((&*outcome(&answer), burst(&answer)), ("rate_limited", 1));
    // Three permits less the one that is charged, of which one remains.
    assert_eq!(field(&answer, "retry-after"), Some("1"));
    assert_eq!(burst(&fixture.pass(1)), 0);
}

#[test]
fn a_good_request_passes_after_its_credentials_are_stripped() {
    let mut fixture = Fixture::new();
    let keeps = fixture.gate.clone();
    fixture.gate = fixture.gate.with_credentials_stripped();
    let strips = usual(&fixture);
    let mixed = [strips[0].clone(), keeps.require(fixture.reads())];
    let reversed = [keeps.require(Requirement::NONE), strips[1].clone()];
    for layers in [strips, mixed, reversed] {
        let (answer, request) = send_through(each(&layers), |_| {}, fixture.request());
        assert_eq!(answer.status(), 200);
        let headers = request.unwrap().into_parts().0.headers;
        assert!(headers.get("x-api-key").is_none() && headers.get("authorization").is_none());
    }
    assert_eq!(burst(&fixture.pass(1)), 6);
}

#[test]
fn many_guards_and_route_tables_charge_once() {
    let fixture = Fixture::new();
    let mut gate = fixture.gate.clone();
    for strips in [false, true] {
        if strips {
            gate = gate.with_credentials_stripped();
        }
        let [any, reads] = [gate.require(Requirement::NONE), gate.require(fixture.reads())];
        let table =
            RouteTable::new(gate.clone()).require(Method::GET, "/reservations", fixture.reads());
        let service = any.layer(table.layer(reads.layer(any.layer(innermost(&Seen::default())))));
        let answer = whole(block_on(service.oneshot(fixture.request())).unwrap());
        assert_eq!(answer.status(), 200);
        assert_eq!(burst(&answer), if strips { 8 } else { 9 });
    }
}

#[test]
fn a_changed_credential_is_decided_anew() {
    let fixture = Fixture::new();
    let layers = usual(&fixture);
    let guests = fixture.issue("guests:read", None).secret.expose_secret().to_owned();
    let changed = |change: fn(&mut HeaderMap)| {
        let change = move |request: &mut Request<Body>| change(request.headers_mut());
        outcome(&send_through(each(&layers), change, fixture.request()).0)
    };
    assert_eq!(changed(|_| {}), "hello");
    assert_eq!(changed(|headers| drop(headers.remove("authorization"))), "token_missing");
    assert_eq!(changed(|headers| drop(headers.remove("x-api-key"))), "api_key_missing");
    let repeat = |headers: &mut HeaderMap| {
        let value = headers["authorization"].clone();
        headers.append("authorization", value);
    };
    assert_eq!(changed(repeat), "header_repeated");

    let replace = move |request: &mut Request<Body>| {
        set(request, "authorization", &format!("Bearer {guests}"));
    };
    let (answer, _) = send_through(each(&layers), replace, fixture.request());
    assert_eq!(outcome(&answer), "scope_insufficient");
}

#[test]
fn credentials_added_after_stripping_are_decided_anew() {
    let mut fixture = Fixture::new();
    fixture.gate = fixture.gate.with_credentials_stripped();
    let layers = usual(&fixture);
    let add = |request: &mut Request<Body>| set(request, "authorization", "Bearer a");
    let (answer, _) = send_through(each(&layers), add, fixture.request());
    assert_eq!(answer.status(), 401);
}

#[test]
fn a_grant_in_the_extensions_opens_nothing() {
    let fixture = Fixture::new();
    let grant = {
        let (_, request) = send_through(each(&usual(&fixture)), |_| {}, fixture.request());
        request.unwrap().extensions_mut().remove::<Grant>().unwrap()
    };
    for grant in [grant, Grant::builder().partner(fixture.partner.id).build()] {
        let mut forged = Request::<Body>::default();
        forged.extensions_mut().insert(grant);
        assert_eq!(outcome(&fixture.send(forged)), "api_key_missing");
    }
}

#[test]
fn a_decision_of_one_gate_is_none_of_another() {
    let (fixture, other) = (Fixture::new(), Fixture::new());
    let layers = [fixture.gate.require(Requirement::NONE), other.gate.require(other.reads())];
    assert_eq!(outcome(&send_to_both(each(&layers), fixture.request())), "token_invalid");

    let again = Gate::new(Verifier::new(fixture.registry.clone()));
    let seen = Seen::default();
    let [any, reads] = usual(&fixture);
    let service = any.layer(again.require(fixture.reads()).layer(reads.layer(innermost(&seen))));
    let answer = whole(block_on(service.oneshot(fixture.request())).unwrap());
    assert_eq!((answer.status().as_u16(), burst(&answer)), (200, 8), "charged once by this gate");
}

#[test]
fn a_token_revoked_between_two_guards_is_refused() {
    for strips in [false, true] {
        let mut fixture = Fixture::new();
        if strips {
            fixture.gate = fixture.gate.with_credentials_stripped();
        }
        let fixture = Arc::new(fixture);
        let revoking = Arc::clone(&fixture);
        let revoke = move |_: &mut Request<Body>| revoking.revoke(&revoking.token);
        let (answer, request) = send_through(each(&usual(&fixture)), revoke, fixture.request());
        assert_eq!(outcome(&answer), "token_invalid");
        assert!(request.is_none());
        assert_eq!(burst(&answer), 9, "the outer guard charged it");
    }
}

#[test]
fn an_inner_guard_asks_the_store_if_memory_cannot_tell() {
    let mut fixture = Fixture::new();
    let verifier = Verifier::builder(fixture.registry.clone()).max_tokens(0).build();
    fixture.gate = Gate::new(verifier).with_credentials_stripped();
    let answer = send_to_both(each(&usual(&fixture)), fixture.request());
    assert_eq!((answer.status().as_u16(), burst(&answer)), (200, 9));
}

#[test]
fn the_fields_are_written_once_by_the_outermost_guard() {
    let fixture = Fixture::new();
    let [any, reads] = usual(&fixture);
    let between = Arc::new(Mutex::new(None));
    let observe = {
        let between = Arc::clone(&between);
        move |answer: Response<_>| {
            *between.lock().unwrap() = Some(answer.headers().clone());
            answer
        }
    };
    let inner = reads.with_cost(number(4)).layer(innermost(&Seen::default()));
    let service = any.layer(inner.map_response(observe));
    let answer = whole(block_on(service.oneshot(fixture.request())).unwrap());
    assert!(!between.lock().unwrap().take().unwrap().contains_key("ratelimit"));
    assert_eq!(burst(&answer), 6);
}

#[test]
fn the_decision_is_in_the_extensions_of_the_response() {
    let fixture = Fixture::new();
    let layers = usual(&fixture);
    let answer = send_to_both(each(&layers), fixture.request());
    let decision: &Decision = answer.extensions().get().unwrap();
    assert_eq!(decision.grant().token, fixture.token.record.id);
    assert_eq!(decision.standing().burst_remaining(), 9);

    let shown = format!("{decision:?}");
    assert!(!shown.contains(fixture.secret()) && !shown.contains("partner-key-1"), "{shown}");
}

/// Documented: a clone of a decision passes for the decision.
#[test]
fn requests_with_cloned_extensions_pass_free() {
    let fixture = Fixture::new();
    let [any, reads] = usual(&fixture);
    let inner = reads.layer(innermost(&Seen::default()));
    let batch = layer_fn(|inner| {
        service_fn(move |request: Request<Body>| {
            let parts = request.into_parts().0;
            let part = move || Request::from_parts(parts.clone(), Body::default());
            let send = |inner: &_| Clone::clone(inner);
            let services = [send(&inner), send(&inner), send(&inner)];
            async move {
                let mut last = None;
                for service in services {
                    last = Some(whole_twice(send_one(service, part()).await));
                }
                Ok::<_, Infallible>(last.unwrap())
            }
        })
    });
    let answer = whole(block_on(any.layer(batch.layer(inner)).oneshot(fixture.request())).unwrap());
    assert_eq!((answer.status().as_u16(), burst(&answer)), (200, 9));
    assert_eq!(burst(&fixture.pass(1)), 8);
}

async fn send_one<S, B>(service: S, request: Request<Body>) -> Response<B>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
{
    service.oneshot(request).await.unwrap()
}

#[test]
fn a_limit_that_the_outer_guard_used_up_does_not_refuse_inside() {
    let fixture = Fixture::with_policy(LimitPolicy::new(Rate::per_minute(number(1)), number(1)));
    let answer = send_to_both(each(&usual(&fixture)), fixture.request());
    assert_eq!((answer.status().as_u16(), burst(&answer)), (200, 0));
}
