use std::collections::BTreeMap;
use std::fmt;
use std::future::ready;
use std::num::NonZeroU32;

use axum::Router;
use axum::body::Body;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use dualkey_scope::Requirement;
use http::{HeaderMap, Method, Response, StatusCode};
use tower::util::MapResponseLayer;

use crate::gate::Gate;
#[cfg(feature = "openapi")]
use crate::guard::GuardRule;
use crate::guard::{GuardBody, GuardLayer};

/// An axum router in which each route is declared together with its requirement and its handler.
///
/// Only declared routes are open. A request to another path gets 401 without valid credentials, and 403
/// with them. Another method of a declared path gets 405 and `Allow` (RFC 9110 §15.5.6). The declaration of
/// GET covers HEAD, and the extended CONNECT of WebSockets over HTTP/2 (RFC 8441), unless they have their own.
///
/// ```
/// use axum::body::Body;
/// use dualkey_scope::Catalogue;
/// use dualkey_store::Registry;
/// use dualkey_token::Prefix;
/// use dualkey_tower::{Gate, Grant, GuardedRouter, Verifier};
/// use http::{Method, Request};
/// use tower::ServiceExt as _;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
/// let guests_read = catalogue.require_all(["guests:read"])?;
/// let gate = Gate::new(Verifier::new(Registry::in_memory(catalogue, Prefix::new("gw"))));
///
/// let app = GuardedRouter::new(gate)
///     .public(Method::GET, "/healthz", async || "ok")
///     .require(Method::GET, "/guests", guests_read, async |grant: Grant| {
///         format!("guests of {}", grant.organization)
///     })
///     .into_router();
///
/// let get = |path| Request::get(path).body(Body::empty());
/// assert_eq!(app.clone().oneshot(get("/healthz")?).await?.status(), 200);
/// assert_eq!(app.clone().oneshot(get("/guests")?).await?.status(), 401);
/// assert_eq!(app.oneshot(get("/undeclared")?).await?.status(), 401);
/// # Ok(())
/// # }
/// ```
#[must_use = "routes are served once `into_router` is called"]
pub struct GuardedRouter<S = ()> {
    gate: Gate,
    routes: Vec<Route<S>>,
    /// Whether the last call declared a route, so that `with_cost` may follow.
    accepts_cost: bool,
}

struct Route<S> {
    method: Method,
    path: String,
    guard: GuardLayer,
    handler: MethodRouter<S>,
    /// The same for the extended CONNECT that GET covers (RFC 8441 §4).
    connect: MethodRouter<S>,
}

impl<S> Route<S>
where
    S: Clone + Send + Sync + 'static,
{
    fn new<H, T>(method: Method, path: &str, guard: GuardLayer, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let filter = match MethodFilter::try_from(method.clone()) {
            Ok(filter) => filter,
            Err(_) => panic!("axum has no routes for the method {method}"),
        };
        let connect = match method {
            Method::GET => on(MethodFilter::CONNECT, handler.clone()),
            _ => MethodRouter::new(),
        };
        Self { method, path: path.to_owned(), guard, handler: on(filter, handler), connect }
    }
}

impl<S> GuardedRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    /// A router without routes, which refuses every request.
    pub const fn new(gate: Gate) -> Self {
        Self { gate, routes: Vec::new(), accepts_cost: false }
    }

    /// Declares a route that is open to every request. Its credentials are not read, but redacted or stripped
    /// as on other routes.
    ///
    /// # Panics
    ///
    /// If the route is declared twice, if its path does not begin with a slash, or if axum has no
    /// [`MethodFilter`] for the method.
    pub fn public<H, T>(self, method: Method, path: &str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let guard = GuardLayer::public(self.gate.clone());
        self.declare(Route::new(method, path, guard, handler))
    }

    /// Declares a route that is open to requests that meet this requirement.
    ///
    /// # Panics
    ///
    /// In the same cases as [`public`](Self::public), or if the requirement is of another catalogue than the
    /// registry's.
    #[track_caller]
    pub fn require<H, T>(
        self,
        method: Method,
        path: &str,
        requirement: Requirement,
        handler: H,
    ) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let guard = self.gate.require(requirement);
        self.declare(Route::new(method, path, guard, handler))
    }

    /// Declares a route that is open to requests that meet this requirement, and to those without credentials:
    /// see [`Gate::optional`]. Its handler extracts `Option<Grant>`.
    ///
    /// # Panics
    ///
    /// In the same cases as [`require`](Self::require).
    #[track_caller]
    pub fn optional<H, T>(
        self,
        method: Method,
        path: &str,
        requirement: Requirement,
        handler: H,
    ) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let guard = self.gate.optional(requirement);
        self.declare(Route::new(method, path, guard, handler))
    }

    /// Charges this many permits for each request to the route declared last. Default: one. A cost above
    /// the burst or the daily quota of a partner is reduced to the smaller of the two.
    ///
    /// ```
    /// # use dualkey_scope::{Catalogue, Requirement};
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    /// # use dualkey_tower::{Gate, GuardedRouter, Verifier};
    /// # use http::Method;
    /// use std::num::NonZeroU32;
    ///
    /// # let registry = Registry::in_memory(Catalogue::builder().build()?, Prefix::new("gw"));
    /// # let gate = Gate::new(Verifier::new(registry));
    /// const EXPORT: NonZeroU32 = NonZeroU32::new(5).unwrap();
    /// let router: GuardedRouter = GuardedRouter::new(gate)
    ///     .require(Method::GET, "/guests", Requirement::NONE, async || "costs 1")
    ///     .require(Method::GET, "/export", Requirement::NONE, async || "costs 5")
    ///     .with_cost(EXPORT);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the previous call was not [`require`](Self::require). A public route is not charged, and merged
    /// or nested routes keep their costs.
    pub fn with_cost(mut self, permits: NonZeroU32) -> Self {
        let last = self.routes.last_mut().filter(|_| self.accepts_cost);
        let guard = last.map(|route| &mut route.guard).filter(|guard| !guard.is_public());
        let guard = guard.expect("a cost follows the declaration of a route with a requirement");
        *guard = guard.clone().with_cost(permits);
        self
    }

    /// Adds the routes of another router, with their requirements, their costs and their gate.
    ///
    /// ```
    /// # use dualkey_scope::{Catalogue, Requirement};
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    /// # use dualkey_tower::{Gate, GuardedRouter, Verifier};
    /// # use http::Method;
    /// # let registry = Registry::in_memory(Catalogue::builder().build()?, Prefix::new("gw"));
    /// # let gate = Gate::new(Verifier::new(registry));
    /// let guests = GuardedRouter::new(gate.clone())
    ///     .require(Method::GET, "/guests", Requirement::NONE, async || "guests");
    /// let app: axum::Router = GuardedRouter::new(gate)
    ///     .public(Method::GET, "/healthz", async || "ok")
    ///     .nest("/v1", guests) // or merge(guests), for the same paths as before
    ///     .into_router();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If both declare the same route.
    pub fn merge(self, other: Self) -> Self {
        let merged = other.routes.into_iter().fold(self, Self::declare);
        Self { accepts_cost: false, ..merged }
    }

    /// Adds the routes of another router below this prefix, with their requirements, their costs and
    /// their gate. The prefix stays in the URI that handlers get; [`Router::nest`] removes it.
    ///
    /// # Panics
    ///
    /// If the prefix does not begin with a slash or is only a slash, or if a route is declared twice.
    pub fn nest(self, prefix: &str, other: Self) -> Self {
        assert!(prefix.starts_with('/') && prefix.len() > 1, "{prefix:?} is no prefix of a path");
        let with_prefix =
            |route: Route<S>| Route { path: join_paths(prefix, &route.path), ..route };
        let routes = other.routes.into_iter().map(with_prefix).collect();
        self.merge(Self { routes, ..other })
    }

    /// Builds the router. Its fallback refuses every request; a program that answers 404 to undeclared
    /// paths replaces it with [`Router::fallback`].
    ///
    /// Routes that are added to the finished router are not guarded. If such a handler extracts a
    /// [`Grant`](crate::Grant), it answers 500 and logs an error. Otherwise it serves every request.
    ///
    /// # Panics
    ///
    /// If axum does not accept a path, or if two paths match the same requests.
    pub fn into_router(self) -> Router<S> {
        let mut paths: BTreeMap<String, Vec<Route<S>>> = BTreeMap::new();
        for route in self.routes {
            paths.entry(route.path.clone()).or_default().push(route);
        }
        let router = paths.into_iter().fold(Router::new(), |router, (path, routes)| {
            router.route(&path, method_router(routes))
        });
        let closed = self.gate.require(Requirement::DENY_ALL);
        router.fallback((async || StatusCode::NOT_FOUND).layer(closed))
    }

    /// The routes, each with its rule.
    #[cfg(feature = "openapi")]
    pub(crate) fn rules(&self) -> impl Iterator<Item = (&Method, &str, &GuardRule)> {
        self.routes.iter().map(|route| (&route.method, &*route.path, route.guard.rule()))
    }

    fn declare(mut self, route: Route<S>) -> Self {
        let Route { method, path, .. } = &route;
        assert!(path.starts_with('/'), "the path {path:?} does not begin with a slash");
        let is_new = self.routes.iter().all(|known| (&known.method, &known.path) != (method, path));
        assert!(is_new, "{method} {path} is declared twice");
        self.routes.push(route);
        Self { accepts_cost: true, ..self }
    }
}

/// The handlers of one path, at least one, each behind its guard.
fn method_router<S>(routes: Vec<Route<S>>) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let declared: Vec<_> = routes.iter().map(|route| route.method.clone()).collect();
    let gate = routes[0].guard.gate().clone();
    let covers_connect = !declared.contains(&Method::CONNECT);
    let guarded = routes.into_iter().map(|route| {
        let handler = match covers_connect {
            true => route.handler.merge(route.connect),
            false => route.handler,
        };
        handler.route_layer((MapResponseLayer::new(into_axum), route.guard))
    });
    let refuse = move |method: Method, headers: HeaderMap| {
        ready(gate.method_not_allowed(&method, &headers, declared.iter()).map(Body::from))
    };
    guarded.fold(MethodRouter::new(), MethodRouter::merge).fallback(refuse)
}

fn into_axum(response: Response<GuardBody<Body>>) -> Response<Body> {
    response.map(Body::from)
}

/// The path of a nested route, joined as axum's [`Router::nest`] does.
fn join_paths(prefix: &str, path: &str) -> String {
    match (prefix.strip_suffix('/'), path) {
        (Some(prefix), _) => format!("{prefix}{path}"),
        (None, "/") => prefix.to_owned(),
        (None, _) => format!("{prefix}{path}"),
    }
}

impl<S> fmt::Debug for GuardedRouter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.routes.iter().map(|route| format!("{} {}", route.method, route.path));
        let routes: Vec<_> = routes.collect();
        f.debug_struct("GuardedRouter")
            .field("gate", &self.gate)
            .field("routes", &routes)
            .finish_non_exhaustive()
    }
}
