use std::num::NonZeroU32;
use std::sync::Arc;

use dualkey_scope::Requirement;
use tower_layer::Layer;

use super::rule::GuardRule;
use super::service::Guard;
use crate::gate::Gate;

/// A layer that puts a service behind one requirement: see [`Gate::require`].
#[derive(Clone, Debug)]
pub struct GuardLayer {
    rule: GuardRule,
}

impl GuardLayer {
    /// Charges this many permits for each request. Default: one. A cost above the burst or the daily
    /// quota of a partner is reduced to the smaller of the two.
    ///
    /// ```
    /// # use dualkey_scope::{Catalogue, Requirement};
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    /// # use dualkey_tower::{Gate, Verifier};
    /// use std::num::NonZeroU32;
    ///
    /// # let registry = Registry::in_memory(Catalogue::builder().build()?, Prefix::new("gw"));
    /// # let gate = Gate::new(Verifier::new(registry));
    /// const EXPORT: NonZeroU32 = NonZeroU32::new(5).unwrap();
    /// let export = gate.require(Requirement::NONE).with_cost(EXPORT);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_cost(mut self, permits: NonZeroU32) -> Self {
        self.rule = self.rule.with_cost(permits);
        self
    }
}

#[cfg(feature = "axum")]
impl GuardLayer {
    /// A layer that passes every request on, without a decision.
    pub(crate) fn public(gate: Gate) -> Self {
        Self { rule: GuardRule::public(gate) }
    }

    #[cfg(feature = "openapi")]
    pub(crate) const fn rule(&self) -> &GuardRule {
        &self.rule
    }

    pub(crate) const fn gate(&self) -> &Gate {
        self.rule.gate()
    }

    pub(crate) fn is_public(&self) -> bool {
        self.rule.is_public()
    }
}

impl Gate {
    /// A layer that passes on the requests that meet this requirement, and refuses the others.
    ///
    /// ```
    /// # use bytes::Bytes;
    /// # use dualkey_scope::{Catalogue, Requirement};
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    /// # use dualkey_tower::{Gate, Verifier};
    /// # use http::{Request, Response};
    /// # use http_body_util::Full;
    /// use tower::{Layer as _, ServiceExt as _, service_fn};
    ///
    /// # pollster::block_on(async {
    /// # let registry = Registry::in_memory(Catalogue::builder().build()?, Prefix::new("gw"));
    /// # let gate = Gate::new(Verifier::new(registry));
    /// let hello = service_fn(async |_: Request<Full<Bytes>>| {
    ///     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
    /// });
    /// let guarded = gate.require(Requirement::NONE).layer(hello);
    /// assert_eq!(guarded.oneshot(Request::default()).await?.status(), 401);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// If the requirement is of another catalogue than the registry's: no token would meet it.
    #[must_use]
    #[track_caller]
    pub fn require(&self, requirement: Requirement) -> GuardLayer {
        GuardLayer { rule: GuardRule::new(self.clone(), requirement) }
    }

    /// A layer that also passes on requests without credentials, which then have no grant. A request is
    /// anonymous only if both fields are absent; one with any value in either, even an empty one, is decided on.
    /// Anonymous requests are not charged and not limited: an outer layer has to limit them, by address for
    /// instance. With axum, a handler extracts `Option<Grant>`.
    ///
    /// # Panics
    ///
    /// In the same case as [`require`](Self::require).
    #[must_use]
    #[track_caller]
    pub fn optional(&self, requirement: Requirement) -> GuardLayer {
        GuardLayer { rule: GuardRule::optional(self.clone(), requirement) }
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard::new(inner, Arc::new(self.rule.clone()))
    }
}
