use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use dualkey_verify::{Denial, Grant, Verifier};
use http::header::{ALLOW, Entry, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, Method, Response};

use crate::response::{
    MapRefusal, RATE_LIMIT, RATE_LIMIT_POLICY, RateLimitFields, RateLimitState, ResponseSettings,
    for_method, refusal_response,
};

/// A [`Verifier`], and the settings of the HTTP responses to its decisions. Clones share the verifier with
/// its cache and its limits.
///
/// ```
/// use dualkey_scope::Catalogue;
/// use dualkey_store::Registry;
/// use dualkey_token::Prefix;
/// use dualkey_tower::{Denial, Gate, Verifier};
///
/// let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
/// let gate = Gate::new(Verifier::new(Registry::in_memory(catalogue, Prefix::new("gw"))))
///     .with_realm("hotel")
///     .with_problem_type_base("https://example.com/problems")
///     .with_credentials_stripped();
///
/// let refusal = gate.refusal_response(&Denial::TokenMissing);
/// assert_eq!(refusal.headers()["www-authenticate"], r#"Bearer realm="hotel""#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Gate {
    verifier: Arc<Verifier>,
    responses: Arc<ResponseSettings>,
    strips_credentials: bool,
}

impl Gate {
    /// A gate with the default settings. Each `with_*` method names its default.
    #[must_use]
    pub fn new(verifier: Verifier) -> Self {
        Self { verifier: Arc::new(verifier), responses: Arc::default(), strips_credentials: false }
    }

    /// The protection space in challenges (RFC 9110 §11.5). Default: `api`. Quotes, backslashes, and
    /// characters that are not printable ASCII are removed.
    #[must_use]
    pub fn with_realm(self, realm: &str) -> Self {
        let printable = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
        let realm = realm.chars().filter(printable).collect();
        self.update_responses(|responses| responses.realm = realm)
    }

    /// The base of problem types (RFC 9457 §3.1.1). A problem type is `<base>#<code>`. Default:
    /// `about:blank`, without a code.
    ///
    /// ```
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    /// # use dualkey_tower::{Denial, Gate, Verifier};
    /// # let registry = Registry::in_memory(Catalogue::builder().build()?, Prefix::new("gw"));
    /// let gate = Gate::new(Verifier::new(registry)).with_problem_type_base("/problems");
    /// let problem = gate.refusal_response(&Denial::TokenInvalid).into_body();
    /// assert!(problem.starts_with(br#"{"type":"/problems#token_invalid","#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_problem_type_base(self, base: impl Into<String>) -> Self {
        self.update_responses(|responses| responses.problem_type_base = base.into())
    }

    /// The version of the `RateLimit` fields to write. Default: [`RateLimitFields::Draft11`].
    #[must_use]
    pub fn with_rate_limit_fields(self, fields: RateLimitFields) -> Self {
        self.update_responses(|responses| responses.rate_limit_fields = fields)
    }

    /// Removes both credentials from a request before it reaches the inner service. By default, both stay
    /// and are marked as sensitive, so that `Debug` does not show them.
    #[must_use]
    pub fn with_credentials_stripped(self) -> Self {
        Self { strips_credentials: true, ..self }
    }

    /// Passes the response to every [`Denial`] through this mapper before it is sent. Default: none.
    #[must_use]
    pub fn with_refusal_mapper(self, mapper: impl MapRefusal + 'static) -> Self {
        self.update_responses(|responses| responses.refusal_mapper = Some(Arc::new(mapper)))
    }

    /// The verifier that decides whether a request passes.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The response to a request that was denied, for frameworks that are not built on tower. It has no
    /// `Content-Length`, which the framework adds.
    ///
    /// ```
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    /// # use dualkey_tower::{Denial, Gate, Verifier};
    /// # let registry = Registry::in_memory(Catalogue::builder().build()?, Prefix::new("gw"));
    /// let gate = Gate::new(Verifier::new(registry));
    /// let refusal = gate.refusal_response(&Denial::ApiKeyMissing);
    /// assert_eq!(refusal.status(), 401);
    /// assert_eq!(refusal.headers()["content-type"], "application/problem+json");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn refusal_response(&self, denial: &Denial) -> Response<Bytes> {
        self.refusal_response_to(&HeaderMap::new(), denial)
    }

    /// The same for a request with these fields, which a [`MapRefusal`] may take into account.
    #[must_use]
    pub fn refusal_response_to(&self, request: &HeaderMap, denial: &Denial) -> Response<Bytes> {
        refusal_response(request, denial, &self.responses, self.verifier.header_names())
    }

    /// Inserts the `RateLimit` fields of a request that passed into the headers of its response, for
    /// frameworks that are not built on tower.
    ///
    /// ```
    /// # use dualkey_scope::{Catalogue, Requirement};
    /// # use dualkey_store::{NewPartner, NewToken, Registry};
    /// # use dualkey_token::Prefix;
    /// # use dualkey_tower::{Gate, Verifier};
    /// use http::HeaderMap;
    ///
    /// # pollster::block_on(async {
    /// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
    /// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
    /// let partner = registry.register_partner(NewPartner::new("Zapier")).await?;
    /// let token = registry.issue_token(NewToken::new("acme", "production", ["guests:read"])).await?;
    /// let gate = Gate::new(Verifier::new(registry));
    ///
    /// let mut request = HeaderMap::new();
    /// request.insert("x-api-key", partner.api_key.as_str().parse()?);
    /// let bearer = format!("Bearer {}", token.secret.expose_secret());
    /// request.insert("authorization", bearer.parse()?);
    /// let grant = gate.verifier().verify(&request, &Requirement::NONE).await.unwrap();
    ///
    /// let mut response = HeaderMap::new();
    /// gate.insert_rate_limit_fields(&grant, &mut response);
    /// let policy = r#""burst";q=10;w=2, "daily";q=10000;w=86400"#;
    /// assert_eq!(response["ratelimit-policy"], policy);
    ///
    /// gate.redact_credentials(&mut request);
    /// assert!(request["authorization"].is_sensitive());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn insert_rate_limit_fields(&self, grant: &Grant, headers: &mut HeaderMap) {
        RateLimitState::new(self.rate_limit_fields(), &grant.standing).insert_into(headers);
    }

    /// The request fields that a page of another origin has to be allowed to send, for a layer of CORS outside
    /// of the guard (`Access-Control-Allow-Headers`): those of the credentials.
    ///
    /// ```
    /// use dualkey_testing::Fixture;
    ///
    /// let gate = Fixture::new().gate;
    /// assert_eq!(gate.cors_allowed_headers(), ["x-api-key", "authorization"]);
    /// assert!(gate.cors_exposed_headers().contains(&"retry-after".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn cors_allowed_headers(&self) -> [HeaderName; 2] {
        let names = self.verifier.header_names();
        [names.api_key.clone(), names.token.clone()]
    }

    /// The response fields that a page of another origin has to be able to read, for a layer of CORS outside of
    /// the guard (`Access-Control-Expose-Headers`).
    #[must_use]
    pub fn cors_exposed_headers(&self) -> [HeaderName; 5] {
        [RATE_LIMIT_POLICY, RATE_LIMIT, RETRY_AFTER, WWW_AUTHENTICATE, ALLOW]
    }

    /// Marks the credentials of a request that passed as sensitive, or
    /// [removes](Self::with_credentials_stripped) them, for frameworks that are not built on tower.
    pub fn redact_credentials(&self, headers: &mut HeaderMap) {
        self.hide_credentials(headers, self.strips_credentials);
    }

    pub(crate) fn hide_credentials(&self, headers: &mut HeaderMap, strip: bool) {
        let names = self.verifier.header_names();
        for name in [&names.api_key, &names.token] {
            if strip {
                headers.remove(name);
            } else if let Entry::Occupied(mut field) = headers.entry(name) {
                field.iter_mut().for_each(|value| value.set_sensitive(true));
            }
        }
    }

    pub(crate) const fn strips_credentials(&self) -> bool {
        self.strips_credentials
    }

    /// Whether one of the two fields is present, with whatever value.
    pub(crate) fn has_credentials(&self, headers: &HeaderMap) -> bool {
        let names = self.verifier.header_names();
        headers.contains_key(&names.api_key) || headers.contains_key(&names.token)
    }

    /// Clones of a gate share it, so it identifies the gate.
    pub(crate) const fn shared_verifier(&self) -> &Arc<Verifier> {
        &self.verifier
    }

    /// The response to a request whose method is not declared for its path.
    pub(crate) fn method_not_allowed<'a>(
        &self,
        method: &Method,
        headers: &HeaderMap,
        declared: impl Iterator<Item = &'a Method>,
    ) -> Response<Bytes> {
        let mut allowed: Vec<_> = declared.cloned().collect();
        if allowed.contains(&Method::GET) && !allowed.contains(&Method::HEAD) {
            allowed.push(Method::HEAD);
        }
        let denial = Denial::MethodNotAllowed { allowed };
        tracing::Span::current().record("code", denial.code());
        for_method(method, self.refusal_response_to(headers, &denial))
    }

    pub(crate) fn rate_limit_fields(&self) -> RateLimitFields {
        self.responses.rate_limit_fields
    }

    fn update_responses(mut self, change: impl FnOnce(&mut ResponseSettings)) -> Self {
        change(Arc::make_mut(&mut self.responses));
        self
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("verifier", &self.verifier)
            .field("realm", &self.responses.realm)
            .finish_non_exhaustive()
    }
}
