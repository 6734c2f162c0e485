use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::MatchedPath;
use dualkey_scope::Requirement;
use http::{HeaderValue, Method, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::{Gate, GuardBody, GuardFuture};

/// What each route of an axum router requires. A route that nobody declared is closed.
///
/// It is applied with [`Router::route_layer`](axum::Router::route_layer), and covers the routes added
/// before. A request to a path that is not declared here is answered as one whose token lacks a scope,
/// and the log says which path that was. Another method than those declared for a path is answered with
/// 405 and `Allow` (RFC 9110 §15.5.6). The declaration of GET covers HEAD.
///
/// ```
/// use axum::{Router, routing::get};
/// use http::Method;
/// use dualkey_scope::Catalogue;
/// use dualkey_store::Registry;
/// use dualkey_token::Prefix;
/// use dualkey_tower::{Grant, RouteTable, Gate, Verifier};
///
/// let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
/// let guests_read = catalogue.require_all(["guests:read"])?;
/// let gate = Gate::new(Verifier::new(Registry::in_memory(catalogue, Prefix::new("gw"))));
///
/// let table = RouteTable::new(gate)
///     .public(Method::GET, "/healthz")
///     .require(Method::GET, "/guests/{id}", guests_read);
/// let app: Router = Router::new()
///     .route("/healthz", get(async || "ok"))
///     .route("/guests/{id}", get(async |grant: Grant| grant.organization.to_string()))
///     .route("/forgotten", get(async || "nobody gets to see this"))
///     .route_layer(table);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RouteTable {
    gate: Gate,
    rules: Arc<HashMap<String, Vec<(Method, Rule)>>>,
}

#[derive(Clone, Debug)]
enum Rule {
    Open,
    Require(Requirement),
}

impl RouteTable {
    /// A table in which every route is closed.
    #[must_use]
    pub fn new(gate: Gate) -> Self {
        Self { gate, rules: Arc::default() }
    }

    /// Opens a route to everybody: no header is read.
    ///
    /// # Panics
    ///
    /// If the route is declared twice, as axum does too.
    #[must_use]
    pub fn public(self, method: Method, path: &str) -> Self {
        self.declare(method, path, Rule::Open)
    }

    /// Opens a route to requests that meet this requirement.
    ///
    /// # Panics
    ///
    /// If the route is declared twice, as axum does too.
    #[must_use]
    pub fn require(self, method: Method, path: &str, requirement: Requirement) -> Self {
        self.declare(method, path, Rule::Require(requirement))
    }

    fn declare(mut self, method: Method, path: &str, rule: Rule) -> Self {
        let rules = Arc::make_mut(&mut self.rules).entry(path.to_owned()).or_default();
        assert!(rules.iter().all(|(of, _)| *of != method), "{method} {path} is declared twice");
        rules.push((method, rule));
        self
    }

    /// The rule for this request, or the methods that are declared for its path.
    fn rule<B>(&self, request: &Request<B>) -> Result<&Rule, HeaderValue> {
        const CLOSED: &Rule = &Rule::Require(Requirement::DENY_ALL);

        let path = request.extensions().get().map_or("", MatchedPath::as_str);
        let Some(rules) = self.rules.get(path) else {
            tracing::warn!(path, "refused: nobody declared what this route requires");
            return Ok(CLOSED);
        };
        let of = |method| rules.iter().find(|(of, _)| of == method);
        let rule = match *request.method() {
            Method::HEAD => of(&Method::HEAD).or_else(|| of(&Method::GET)),
            ref method => of(method),
        };
        rule.map(|(_, rule)| rule).ok_or_else(|| allow(rules))
    }
}

/// What `Allow` says (RFC 9110 §10.2.1).
fn allow(rules: &[(Method, Rule)]) -> HeaderValue {
    let mut methods: Vec<_> = rules.iter().map(|(method, _)| method.as_str()).collect();
    if methods.contains(&"GET") && !methods.contains(&"HEAD") {
        methods.push("HEAD");
    }
    HeaderValue::try_from(methods.join(", ")).unwrap_or(HeaderValue::from_static(""))
}

impl<S> Layer<S> for RouteTable {
    type Service = RouteGuard<S>;

    fn layer(&self, inner: S) -> RouteGuard<S> {
        RouteGuard { inner, table: Arc::new(self.clone()) }
    }
}

/// A router's service behind a [`RouteTable`].
#[derive(Clone, Debug)]
pub struct RouteGuard<S> {
    inner: S,
    /// Shared, as a [`Guard`](crate::Guard)'s layer is.
    table: Arc<RouteTable>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for RouteGuard<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
{
    type Response = Response<GuardBody<ResBody>>;
    type Error = S::Error;
    type Future = GuardFuture<S, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let Self { inner, table } = self;
        match table.rule(&request) {
            Ok(Rule::Open) => GuardFuture::open(inner, request),
            Ok(Rule::Require(requirement)) => {
                GuardFuture::guarded(inner, &table.gate, request, requirement, NonZeroU32::MIN)
            }
            Err(allow) => GuardFuture::method_not_allowed(allow),
        }
    }
}
