use std::fmt;
use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use axum::routing::{get, post};
use dualkey_verify::Verifier;
use http::request::Parts;

use super::site::{OperatorSettings, Staff};
use super::{audit, changes, list, partner};
use crate::frame::PageContent;
use crate::guard::guarded;
use crate::problem::not_found;
use crate::shell::Shell;
use crate::visitor::boxed_access;

/// The page of those who run the API, as an axum router: partners with their limits, what they used today
/// and what is left, and their audit trail. Organizations never see it.
///
/// ```
/// use axum::Router;
/// use axum::response::IntoResponse as _;
/// use dualkey_console::{Operator, Staff};
/// use dualkey_verify::Verifier;
/// # use dualkey_scope::Catalogue;
/// # use dualkey_store::Registry;
/// # use dualkey_token::Prefix;
///
/// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build().unwrap();
/// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
/// let verifier = Verifier::new(registry);
/// let operator = Operator::builder(verifier, async |parts: http::request::Parts| {
///     let session = parts.headers.get("cookie"); // the program's own session check
///     session.map_or_else(
///         || Err(http::StatusCode::FORBIDDEN.into_response()),
///         |_| Ok(Staff { actor: "olivia".into(), may_edit: true }),
///     )
/// });
/// let app: Router = Router::new().nest("/operator", operator.build().into_router());
/// ```
pub struct Operator(Arc<OperatorSettings>);

/// Builds an [`Operator`].
#[must_use = "the router is served once `build` and `into_router` are called"]
pub struct OperatorBuilder(OperatorSettings);

/// The bytes of the longest form.
const MAX_FORM: usize = 4 * 1024;

impl Operator {
    /// A router on the registry of this verifier, whose counts of the limits it shows. For each request,
    /// `access` finds the member of the staff, or returns a response of the program.
    pub fn builder<A, F>(verifier: Verifier, access: A) -> OperatorBuilder
    where
        A: Fn(Parts) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Staff, Response>> + Send + 'static,
    {
        let access = boxed_access(access);
        OperatorBuilder(OperatorSettings { verifier, access, shell: Arc::default() })
    }

    /// The router, to nest at any path or to serve alone.
    pub fn into_router(self) -> Router {
        let Self(settings) = self;
        let router = Router::new()
            .route("/", get(list::show))
            .route("/audit", get(audit::show))
            .route("/{dualkey_id}", get(partner::show))
            .route("/{dualkey_id}/enabled", post(changes::set_enabled))
            .route("/{dualkey_id}/limits", post(changes::change_limits))
            .fallback(not_found)
            .layer(DefaultBodyLimit::max(MAX_FORM))
            .with_state(Arc::clone(&settings));
        guarded(router, Arc::clone(&settings.shell))
    }
}

impl OperatorBuilder {
    /// The program's own page around the content. The function returns a whole HTML document.
    pub fn frame(mut self, frame: impl Fn(&PageContent) -> String + Send + Sync + 'static) -> Self {
        self.shell().frame = Arc::new(frame);
        self
    }

    /// The path at which browsers reach the router, if it is not the one at which it is nested: behind a
    /// proxy that strips a prefix.
    pub fn base_path(mut self, path: impl Into<String>) -> Self {
        self.shell().base_path = Some(path.into());
        self
    }

    /// Adds a source to a directive of the content security policy, such as `img-src` and `'self'`, for
    /// what the [frame](Self::frame) loads.
    ///
    /// # Panics
    ///
    /// If the directive or the source has characters that a header field cannot hold.
    pub fn content_security_policy(mut self, directive: &str, source: &str) -> Self {
        self.shell().policy.add(directive, source);
        self
    }

    fn shell(&mut self) -> &mut Shell {
        Arc::make_mut(&mut self.0.shell)
    }

    /// The operator's pages.
    #[must_use]
    pub fn build(self) -> Operator {
        Operator(Arc::new(self.0))
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator").finish_non_exhaustive()
    }
}

impl fmt::Debug for OperatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorBuilder").finish_non_exhaustive()
    }
}
