use std::fmt;
use std::sync::Arc;

use dualkey_limit::Standing;
use dualkey_scope::Requirement;
use dualkey_verify::{Grant, Verifier};
use http::HeaderMap;

use crate::fields::Told;
use crate::problem::BLANK;
use crate::{GuardLayer, MapRefusal, RateLimitFields};

/// A [`Verifier`] and how its decisions are told to callers. Clones share both.
#[derive(Clone)]
pub struct Gate {
    verifier: Arc<Verifier>,
    settings: Arc<Settings>,
}

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) realm: String,
    pub(crate) problem_base: String,
    pub(crate) rate_limit_fields: RateLimitFields,
    pub(crate) removes_credentials: bool,
    pub(crate) rewrite: Option<Arc<dyn MapRefusal>>,
}

impl Gate {
    /// Tells this verifier's decisions as the standards do.
    #[must_use]
    pub fn new(verifier: Verifier) -> Self {
        let settings = Settings {
            realm: "api".to_owned(),
            problem_base: BLANK.to_owned(),
            rate_limit_fields: RateLimitFields::default(),
            removes_credentials: false,
            rewrite: None,
        };
        Self { verifier: Arc::new(verifier), settings: Arc::new(settings) }
    }

    /// Names the protection space (RFC 9110 §11.5) in challenges; `api` if not said. Quotes,
    /// backslashes and what is not printable ASCII are left out.
    #[must_use]
    pub fn with_realm(self, realm: &str) -> Self {
        let printable = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
        let realm = realm.chars().filter(printable).collect();
        self.with(|settings| settings.realm = realm)
    }

    /// Where the types of problems are documented: `<base>#<code>`; `about:blank` if not said.
    #[must_use]
    pub fn with_problem_type_base(self, base: impl Into<String>) -> Self {
        self.with(|settings| settings.problem_base = base.into())
    }

    /// In which form callers are told what is left of their limits.
    #[must_use]
    pub fn with_rate_limit_fields(self, fields: RateLimitFields) -> Self {
        self.with(|settings| settings.rate_limit_fields = fields)
    }

    /// Removes both credentials from a request before the inner service sees it. Otherwise they stay,
    /// marked as sensitive, so that `Debug` does not show them.
    #[must_use]
    pub fn with_credentials_stripped(self) -> Self {
        self.with(|settings| settings.removes_credentials = true)
    }

    /// Has every refusal rewritten before it is sent.
    #[must_use]
    pub fn with_refusal_mapper(self, rewrite: impl MapRefusal + 'static) -> Self {
        self.with(|settings| settings.rewrite = Some(Arc::new(rewrite)))
    }

    /// A layer that lets requests pass which meet this requirement.
    #[must_use]
    pub fn require(&self, requirement: Requirement) -> GuardLayer {
        GuardLayer::new(self.clone(), requirement)
    }

    /// Who decides.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Writes what is left of the limits to the headers of an answer, for frameworks that are not
    /// built on tower.
    pub fn insert_rate_limit_fields(&self, grant: &Grant, headers: &mut HeaderMap) {
        self.told(&grant.standing).write(headers);
    }

    pub(crate) fn told(&self, standing: &Standing) -> Told {
        let fields = self.settings.rate_limit_fields;
        Told { fields, standing: *standing }
    }

    /// Marks the credentials of a request that passed as sensitive, or
    /// [removes](Self::with_credentials_stripped) them, for frameworks that are not built on tower.
    pub fn redact_credentials(&self, headers: &mut HeaderMap) {
        let names = self.verifier.header_names();
        for name in [&names.api_key, &names.token] {
            if self.settings.removes_credentials {
                headers.remove(name);
            } else if let Some(value) = headers.get_mut(name) {
                value.set_sensitive(true);
            }
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("verifier", &self.verifier)
            .field("realm", &self.settings.realm)
            .finish_non_exhaustive()
    }
}
