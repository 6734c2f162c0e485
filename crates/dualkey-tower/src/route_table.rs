use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use dualkey_scope::Requirement;
use http::{Method, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::gate::Gate;
use crate::guard::{GuardBody, GuardFuture, GuardRule};
use crate::response::method_not_allowed;

/// The requirement of each route, as a layer over a service whose paths are its routes, such as a gRPC
/// server. For axum, `GuardedRouter` declares routes and requirements together.
///
/// A route that is not declared is closed: without good credentials it is answered with 401, and with
/// them with 403, as if the token lacked a scope. Another method of a declared path is answered with 405
/// and `Allow` (RFC 9110 §15.5.6). The declaration of GET covers HEAD, unless HEAD has its own.
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
/// let open = server.clone().oneshot(post("/grpc.health.v1.Health/Check")?).await?;
/// assert_eq!(open.status(), 200);
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
    routes: Arc<HashMap<String, Vec<(Method, Access)>>>,
    path_source: PathSource,
}

#[derive(Clone, Debug)]
enum Access {
    Public,
    Guarded(GuardRule),
}

/// Where the path that is looked up comes from.
#[derive(Clone, Copy, Debug)]
enum PathSource {
    Uri,
    #[cfg(feature = "axum")]
    MatchedPath,
}

impl RouteTable {
    /// A table in which every route is closed. A request is looked up by the path of its URI, byte for
    /// byte.
    #[must_use]
    pub fn new(gate: Gate) -> Self {
        let closed = GuardRule::new(gate, Requirement::DENY_ALL);
        Self { closed, routes: Arc::default(), path_source: PathSource::Uri }
    }

    /// A table for the routes of an axum router that exists already, applied with
    /// [`Router::route_layer`](axum::Router::route_layer). A request is looked up by its
    /// [`MatchedPath`](axum::extract::MatchedPath), such as `/guests/{id}`; a request without one is
    /// refused.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    /// use dualkey_tower::{Gate, Grant, RouteTable, Verifier};
    /// use http::Method;
    ///
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// # let guests_read = catalogue.require_all(["guests:read"])?;
    /// # let gate = Gate::new(Verifier::new(Registry::in_memory(catalogue, Prefix::new("gw"))));
    /// let table = RouteTable::for_matched_paths(gate)
    ///     .require(Method::GET, "/guests/{id}", guests_read);
    /// let app: Router = Router::new()
    ///     .route("/guests/{id}", get(async |grant: Grant| grant.organization.to_string()))
    ///     .route("/forgotten", get(async || "not declared, so always refused"))
    ///     .route_layer(table);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "axum")]
    #[must_use]
    pub fn for_matched_paths(gate: Gate) -> Self {
        Self { path_source: PathSource::MatchedPath, ..Self::new(gate) }
    }

    /// Opens a route to every request. Its credentials are not read.
    ///
    /// # Panics
    ///
    /// If the route is declared twice.
    #[must_use]
    pub fn public(self, method: Method, path: &str) -> Self {
        self.declare(method, path, Access::Public)
    }

    /// Opens a route to requests that meet this requirement.
    ///
    /// # Panics
    ///
    /// If the route is declared twice.
    #[must_use]
    pub fn require(self, method: Method, path: &str, requirement: Requirement) -> Self {
        let rule = GuardRule::new(self.closed.gate.clone(), requirement);
        self.declare(method, path, Access::Guarded(rule))
    }

    fn declare(mut self, method: Method, path: &str, access: Access) -> Self {
        let routes = Arc::make_mut(&mut self.routes).entry(path.to_owned()).or_default();
        assert!(routes.iter().all(|(of, _)| *of != method), "{method} {path} is declared twice");
        routes.push((method, access));
        self
    }

    /// The routes of the request's path.
    fn routes<B>(&self, request: &Request<B>) -> Option<&[(Method, Access)]> {
        match self.path_source {
            PathSource::Uri => {
                let routes = self.routes.get(request.uri().path());
                if routes.is_none() {
                    tracing::debug!(path = request.uri().path(), "no such route is declared");
                }
                routes.map(Vec::as_slice)
            }
            #[cfg(feature = "axum")]
            PathSource::MatchedPath => {
                let path = request.extensions().get();
                let path = path.map_or("", axum::extract::MatchedPath::as_str);
                let routes = self.routes.get(path);
                if routes.is_none() {
                    // The router has this route, so the program forgot to declare it.
                    tracing::warn!(path, "refused: no requirement is declared for this route");
                }
                routes.map(Vec::as_slice)
            }
        }
    }
}

/// The access to this method, if it is declared.
fn access<'a>(routes: &'a [(Method, Access)], method: &Method) -> Option<&'a Access> {
    let of = |method| routes.iter().find(|(of, _)| of == method);
    let route = match *method {
        Method::HEAD => of(&Method::HEAD).or_else(|| of(&Method::GET)),
        ref method => of(method),
    };
    route.map(|(_, access)| access)
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
        let Some(routes) = table.routes(&request) else {
            return GuardFuture::guarded(inner, &table.closed, request);
        };
        match access(routes, request.method()) {
            Some(Access::Public) => GuardFuture::public(inner, request),
            Some(Access::Guarded(rule)) => GuardFuture::guarded(inner, rule, request),
            None => {
                let methods = routes.iter().map(|(method, _)| method);
                GuardFuture::refused(method_not_allowed(methods))
            }
        }
    }
}
