use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use axum::routing::{get, post};
use dualkey_store::Registry;
use dualkey_verify::HeaderNames;
use http::request::Parts;

use crate::chip::Thresholds;
use crate::frame::PageContent;
use crate::guard::guarded;
use crate::pages::{audit, create, list, mint, remove, rotate, token};
use crate::problem::not_found;
use crate::settings::{Api, Settings};
use crate::shell::Shell;
use crate::visitor::{TokenChange, Visitor, boxed_access};

/// The token page of an organization, as an axum router.
///
/// ```
/// use axum::Router;
/// use axum::response::{IntoResponse as _, Redirect};
/// use dualkey_console::{Console, Visitor};
/// # use dualkey_scope::Catalogue;
/// # use dualkey_store::Registry;
/// # use dualkey_token::Prefix;
///
/// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build().unwrap();
/// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
/// let console = Console::builder(registry, async |parts: http::request::Parts| {
///     let session = parts.headers.get("cookie"); // the program's own session check
///     session.map_or_else(
///         || Err(Redirect::to("/sign-in").into_response()),
///         |_| Ok(Visitor { actor: "alice".into(), organization: "acme".into(), may_edit: true }),
///     )
/// });
/// let app: Router = Router::new().nest("/settings/api-access", console.build().into_router());
/// ```
pub struct Console(Arc<Settings>);

/// Builds a [`Console`].
#[must_use = "a console is served once `build` and `into_router` are called"]
pub struct ConsoleBuilder(Settings);

impl Console {
    /// A console on this registry. For each request, `access` finds the visitor, or returns a response of
    /// the program: a redirect to its sign-in, a page with a link to it, 403.
    pub fn builder<A, F>(registry: Registry, access: A) -> ConsoleBuilder
    where
        A: Fn(Parts) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Visitor, Response>> + Send + 'static,
    {
        ConsoleBuilder(Settings {
            registry,
            access: boxed_access(access),
            hook: None,
            shell: Arc::default(),
            thresholds: Thresholds::default(),
            api: Api::default(),
            last_used_delay: Duration::from_secs(60),
        })
    }

    /// The router, to nest at any path or to serve alone.
    pub fn into_router(self) -> Router {
        let Self(settings) = self;
        let router = Router::new()
            .route("/", get(list::show).post(mint::post))
            .route("/new", get(create::show))
            .route("/audit", get(audit::show))
            .route("/{dualkey_id}", get(token::show).post(token::rename))
            .route("/{dualkey_id}/rotate", get(rotate::show))
            .route("/{dualkey_id}/remove", get(remove::show).merge(post(remove::post)))
            .fallback(not_found)
            .layer(DefaultBodyLimit::max(MAX_FORM))
            .with_state(Arc::clone(&settings));
        guarded(router, Arc::clone(&settings.shell))
    }
}

/// The bytes of the longest form: 128 scopes with long names.
const MAX_FORM: usize = 64 * 1024;

impl ConsoleBuilder {
    /// The URL of the API, such as `https://api.example.com`, for the `curl` command beside a new token.
    pub fn api_url(mut self, url: impl Into<String>) -> Self {
        self.0.api.url = Some(url.into().trim_end_matches('/').to_owned());
        self
    }

    /// The path of a request that every token may make, for the same command. Default: `/`.
    pub fn example_path(mut self, path: impl Into<String>) -> Self {
        self.0.api.example_path = Some(path.into());
        self
    }

    /// The URL of the API's reference.
    pub fn docs_url(mut self, url: impl Into<String>) -> Self {
        self.0.api.docs_url = Some(url.into());
        self
    }

    /// Where organizations get a partner key: an e-mail address, or a text such as `the sales team`.
    pub fn partner_contact(mut self, contact: impl Into<String>) -> Self {
        self.0.api.partner_contact = Some(contact.into());
        self
    }

    /// The header fields of the API. Default: `X-Api-Key` and `Authorization`.
    pub fn header_names(mut self, header_names: HeaderNames) -> Self {
        self.0.api.header_names = header_names;
        self
    }

    /// A token that expires within this time is shown as expiring. Default: 14 days.
    pub fn expiring_within(mut self, time: Duration) -> Self {
        self.0.thresholds.expiring = time;
        self
    }

    /// A token that was not used for this time is shown as unused. Default: 90 days.
    pub fn unused_after(mut self, time: Duration) -> Self {
        self.0.thresholds.unused = time;
        self
    }

    /// A token that was never used in this time since its creation is shown as such. Default: 7 days.
    pub fn never_used_after(mut self, time: Duration) -> Self {
        self.0.thresholds.never_used = time;
        self
    }

    /// How late the last use of a token may be shown. A verifier writes the uses of a token at most once a
    /// minute. Default: 1 minute.
    pub fn last_used_delay(mut self, delay: Duration) -> Self {
        self.0.last_used_delay = delay;
        self
    }

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
    /// what the [frame](Self::frame) loads. The default allows scripts and styles of this origin, and
    /// nothing inline.
    ///
    /// # Panics
    ///
    /// If the directive or the source has characters that a header field cannot hold.
    pub fn content_security_policy(mut self, directive: &str, source: &str) -> Self {
        self.shell().policy.add(directive, source);
        self
    }

    /// Adds an origin to which a form may redirect, such as `https://id.example.com` of a sign-in. A redirect
    /// to another place becomes a page with a link, after which the form comes back as it was filled in.
    ///
    /// # Panics
    ///
    /// If the origin has characters that a header field cannot hold.
    pub fn form_action(mut self, origin: &str) -> Self {
        let origin = origin.trim_end_matches('/');
        self.shell().form_targets.push(origin.to_owned());
        self.content_security_policy("form-action", origin)
    }

    /// Asks for each creation, rotation and removal whether the visitor has to authenticate again: on the
    /// page with the form, where a redirect can be followed, and again when the form is sent.
    ///
    /// ```
    /// use axum::response::{IntoResponse as _, Redirect};
    /// use dualkey_console::{Console, TokenChange, Visitor};
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    ///
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build().unwrap();
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// # let access = async |_: http::request::Parts| {
    /// #     Ok(Visitor { actor: "alice".into(), organization: "acme".into(), may_edit: true })
    /// # };
    /// let console = Console::builder(registry, access).reauthenticate(async |parts, change| {
    ///     let is_recent = parts.headers.contains_key("x-signed-in-recently");
    ///     if is_recent || change == TokenChange::Remove {
    ///         return Ok(());
    ///     }
    ///     Err(Redirect::to("/confirm").into_response())
    /// });
    /// # drop(console);
    /// ```
    pub fn reauthenticate<H, F>(mut self, hook: H) -> Self
    where
        H: Fn(Parts, TokenChange) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Response>> + Send + 'static,
    {
        self.0.hook = Some(Arc::new(move |parts, change| Box::pin(hook(parts, change))));
        self
    }

    fn shell(&mut self) -> &mut Shell {
        Arc::make_mut(&mut self.0.shell)
    }

    /// The console.
    #[must_use]
    pub fn build(self) -> Console {
        Console(Arc::new(self.0))
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("registry", &self.0.registry).finish_non_exhaustive()
    }
}

impl fmt::Debug for ConsoleBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleBuilder").field("registry", &self.0.registry).finish_non_exhaustive()
    }
}
