use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use dualkey_scope::Requirement;
use http::{Method, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::gate::Gate;
use crate::guard::{GuardBody, GuardFuture, GuardRule};

/// A requirement for each route, as a layer over a service whose routes are exact paths, such as a gRPC
/// server. For axum, see `GuardedRouter`, which declares routes and requirements together.
///
/// A request is looked up by the path of its URI, byte for byte, without the query. A path that is not
/// declared is closed: a request to it gets 401 without valid credentials and 403 with them, as if the
/// token lacked a scope. Another method of a declared path gets 405 and `Allow` (RFC 9110 §15.5.6). The
/// declaration of GET covers HEAD, and the extended CONNECT of WebSockets over HTTP/2 (RFC 8441), unless they
/// have their own. A plain CONNECT has no path, so that it is closed.
///
/// # With tonic
///
/// The path of an RPC is `/package.Service/Method`, and its method is POST. `Server::builder().layer(table)`
/// puts the table around all services of a server. To put it around one service, use `named_layer` of
/// `tonic::service::LayerExt`: `add_service(table.named_layer(service))`. A server finds a service by its name,
/// which a plain `table.layer(service)` does not pass on; `named_layer` does. Requests for other services then
/// do not meet the table, and its `public` routes are those of the one service.
///
/// ```
/// # use bytes::Bytes;
/// # use http::{Request, Response};
/// # use http_body_util::Full;
/// use dualkey_scope::Catalogue;
/// use dualkey_store::Registry;
/// use dualkey_token::Prefix;
/// use dualkey_tower::{Gate, RouteTable, Verifier};
/// use http::Method;
/// use tower::{Layer as _, ServiceExt as _, service_fn};
///
/// # pollster::block_on(async {
/// let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
/// let guests_read = catalogue.require_all(["guests:read"])?;
/// let gate = Gate::new(Verifier::new(Registry::in_memory(catalogue, Prefix::new("gw"))));
///
/// let table = RouteTable::new(gate)
///     .public(Method::POST, "/grpc.health.v1.Health/Check")
///     .require(Method::POST, "/example.Guests/List", guests_read);
///
/// let server = service_fn(async |_: Request<Full<Bytes>>| {
///     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
/// });
/// let post = |path| Request::post(path).body(Full::default());
/// let server = table.layer(server);
/// let public = server.clone().oneshot(post("/grpc.health.v1.Health/Check")?).await?;
/// assert_eq!(public.status(), 200);
/// let guarded = server.clone().oneshot(post("/example.Guests/List")?).await?;
/// assert_eq!(guarded.status(), 401);
/// let undeclared = server.oneshot(post("/example.Guests/Forget")?).await?;
/// assert_eq!(undeclared.status(), 401);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct RouteTable {
    closed: GuardRule,
    /// The declared methods of each path.
    routes: Arc<HashMap<String, Vec<(Method, GuardRule)>>>,
}

impl RouteTable {
    /// A table without routes, which refuses every request.
    #[must_use]
    pub fn new(gate: Gate) -> Self {
        let closed = GuardRule::new(gate, Requirement::DENY_ALL);
        Self { closed, routes: Arc::default() }
    }

    /// Declares a route that is open to every request. Its credentials are not read, but redacted or stripped
    /// as on other routes.
    ///
    /// # Panics
    ///
    /// If the route is declared twice.
    #[must_use]
    pub fn public(self, method: Method, path: &str) -> Self {
        let rule = GuardRule::public(self.closed.gate().clone());
        self.declare(method, path, rule)
    }

    /// Declares a route that is open to requests that meet this requirement.
    ///
    /// # Panics
    ///
    /// If the route is declared twice, or if the requirement is of another catalogue than the registry's.
    #[must_use]
    #[track_caller]
    pub fn require(self, method: Method, path: &str, requirement: Requirement) -> Self {
        let rule = GuardRule::new(self.closed.gate().clone(), requirement);
        self.declare(method, path, rule)
    }

    /// Declares a route that is open to requests that meet this requirement, and to those without credentials:
    /// see [`Gate::optional`].
    ///
    /// # Panics
    ///
    /// In the same cases as [`require`](Self::require).
    #[must_use]
    #[track_caller]
    pub fn optional(self, method: Method, path: &str, requirement: Requirement) -> Self {
        let rule = GuardRule::optional(self.closed.gate().clone(), requirement);
        self.declare(method, path, rule)
    }

    fn declare(mut self, method: Method, path: &str, rule: GuardRule) -> Self {
        let routes = Arc::make_mut(&mut self.routes).entry(path.to_owned()).or_default();
        assert!(
            routes.iter().all(|(known, _)| *known != method),
            "{method} {path} is declared twice"
        );
        routes.push((method, rule));
        self
    }

    /// The declared methods of a path.
    fn methods(&self, path: &str) -> Option<&[(Method, GuardRule)]> {
        let methods = self.routes.get(path);
        if methods.is_none() {
            tracing::debug!(path, "the path is not declared");
        }
        methods.map(Vec::as_slice)
    }
}

/// The rule of this method, if it is declared. A CONNECT with a path is an extended one.
fn rule<'a>(methods: &'a [(Method, GuardRule)], method: &Method) -> Option<&'a GuardRule> {
    let find = |method| methods.iter().find(|(declared, _)| declared == method);
    let declared = match *method {
        Method::HEAD | Method::CONNECT => find(method).or_else(|| find(&Method::GET)),
        ref method => find(method),
    };
    declared.map(|(_, rule)| rule)
}

impl<S> Layer<S> for RouteTable {
    type Service = RouteGuard<S>;

    fn layer(&self, inner: S) -> RouteGuard<S> {
        RouteGuard { inner, table: Arc::new(self.clone()) }
    }
}

/// A service behind a [`RouteTable`].
#[derive(Clone, Debug)]
pub struct RouteGuard<S> {
    inner: S,
    /// Shared, because axum clones a service for each request.
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
        let Some(methods) = table.methods(request.uri().path()) else {
            return GuardFuture::guarded(inner, &table.closed, request);
        };
        match rule(methods, request.method()) {
            Some(rule) => GuardFuture::guarded(inner, rule, request),
            None => {
                let declared = methods.iter().map(|(method, _)| method);
                let gate = table.closed.gate();
                let (method, headers) = (request.method(), request.headers());
                GuardFuture::refused(gate.method_not_allowed(method, headers, declared))
            }
        }
    }
}
