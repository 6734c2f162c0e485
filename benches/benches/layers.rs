//! The overhead of guarding an axum route over the bare route, in process: Dualkey's layer, which writes the
//! `RateLimit` fields, two layers of tower_governor with a usual hand-written middleware, and a single
//! middleware that decides as the strict peer of the bench `decision`. The floor is a layer that does nothing
//! but what a guard with fields cannot avoid.

mod support;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::Route;
use dualkey_benches::{
    Report, Row, Samples, Work, interleave, partner_key, ready_or_panic, request, token_text,
};
use dualkey_tower::Grant;
use tower_layer::layer_fn;
use tower_service::Service;

const BARE: &str = "axum, bare";
const FLOOR: &str = "the floor: boxes, inserts an extension and two ready fields";
const DUALKEY: &str = "Dualkey's layer, RateLimit fields included";
const WITHOUT_FIELDS: &str = "two tower_governor layers and a middleware, without fields";
const WITH_FIELDS: &str = "the same, one of them with X-RateLimit fields";
const STRICT: &str = "one middleware that decides as the strict peer, without fields";

fn main() {
    Report::new("layers").table("one route, hot", layers);
}

fn layers() -> Vec<Row> {
    let works = vec![
        work(BARE, support::bare()),
        work(FLOOR, support::bare().route_layer(layer_fn(Floor))),
        work(DUALKEY, support::dualkey()),
        work(WITHOUT_FIELDS, support::stack(false)),
        work(WITH_FIELDS, support::stack(true)),
        work(STRICT, support::strict()),
    ];
    let samples = interleave(1_001, works);
    let row = |name: &str| {
        let over = over(&samples, name, BARE);
        Row::new(name).nanos(samples.nanos(name)).measured(over, "ns over bare")
    };
    let above_floor = |name: &str| {
        let ratio = over(&samples, DUALKEY, FLOOR) / over(&samples, name, FLOOR);
        (Row::new(&format!("Dualkey above the floor, against {name}")), ratio)
    };
    let mut rows = vec![Row::new(BARE).nanos(samples.nanos(BARE))];
    rows.extend([FLOOR, DUALKEY, WITHOUT_FIELDS, WITH_FIELDS, STRICT].map(row));
    rows.extend([WITHOUT_FIELDS, WITH_FIELDS].map(|name| {
        let (row, ratio) = above_floor(name);
        row.at_most(ratio, 0.5, "× its overhead")
    }));
    let (row, ratio) = above_floor(STRICT);
    rows.push(row.measured(ratio, "× its overhead"));
    rows
}

fn over(samples: &Samples, name: &str, base: &str) -> f64 {
    samples.nanos(name) - samples.nanos(base)
}

/// Layers wrap the route once, as in a server, and not at each request. Requests are built before the
/// time is taken; dropping a response is part of the time.
fn work(name: &'static str, app: Router) -> Work<'static> {
    let mut app = app.with_state(());
    let headers = request(&partner_key(0), &token_text(0));
    let write = move |to: &mut Option<Request>| {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = axum::http::Uri::from_static("/guests");
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

/// See [`FLOOR`].
#[derive(Clone)]
struct Floor(Route);

/// An extension of the size of a grant.
#[derive(Clone)]
#[expect(dead_code, reason = "only its size counts")]
struct Extension([u8; size_of::<Grant>()]);

type Answering = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

impl Service<Request> for Floor {
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request>::poll_ready(&mut self.0, context)
    }

    fn call(&mut self, mut request: Request) -> Answering {
        request.extensions_mut().insert(Extension([0; _]));
        let answering = self.0.call(request);
        Box::pin(async move {
            let mut response = answering.await?;
            for name in ["ratelimit", "ratelimit-policy"] {
                let value = HeaderValue::from_static("\"burst\";r=9;t=1, \"daily\";r=9999;t=60");
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
            Ok(response)
        })
    }
}
