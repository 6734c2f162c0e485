use std::num::NonZeroU32;

use dualkey_scope::Requirement;
use dualkey_verify::{Denial, Grant, Request, StoreLookup};
use http::HeaderMap;

use crate::decision::Decision;
use crate::gate::Gate;

/// The requirement that each request must meet, and the number of permits that it is charged: what a guard
/// decides by, for frameworks that are not built on tower. A [`GuardLayer`](crate::GuardLayer) contains one.
///
/// ```
/// use dualkey_testing::Fixture;
/// use dualkey_tower::GuardRule;
///
/// # pollster::block_on(async {
/// let fixture = Fixture::new();
/// let rule = GuardRule::new(fixture.gate.clone(), fixture.require("guests:read"));
/// let mut headers = fixture.headers();
/// let decision = rule.decide(&mut headers, None).await.unwrap().unwrap();
/// assert_eq!(decision.grant().organization.as_str(), "acme");
///
/// headers.remove("authorization");
/// assert_eq!(rule.decide(&mut headers, None).await.unwrap_err().code(), "token_missing");
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct GuardRule {
    gate: Gate,
    requirement: Requirement,
    cost: NonZeroU32,
    access: Access,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Required,
    /// Requests without both fields pass.
    Optional,
    /// Every request passes, and its credentials are not read.
    Public,
}

/// What one guard knows of a request until it has decided.
#[derive(Default)]
pub(crate) struct Deciding {
    /// The decision that the extensions contained.
    earlier: Option<Decision>,
    /// The same, if it holds for this gate and these credentials.
    outer: Option<Decision>,
    lookup: StoreLookup,
}

/// The decision, or none for a request that passes without one.
pub(crate) type Decided = Result<Option<Decision>, Denial>;

impl GuardRule {
    /// A rule that charges one permit for each request.
    ///
    /// # Panics
    ///
    /// If the requirement is of another catalogue than the registry's: no token would meet it.
    #[must_use]
    #[track_caller]
    pub fn new(gate: Gate, requirement: Requirement) -> Self {
        assert!(
            gate.verifier().registry().catalogue().has(&requirement),
            "{requirement} is required by another catalogue than the registry's: no token meets it",
        );
        Self { gate, requirement, cost: NonZeroU32::MIN, access: Access::Required }
    }

    /// A rule by which a request passes without a grant only if both fields are absent; one with any value in
    /// either, even an empty one, is decided on. Anonymous requests are not charged and not limited: an outer
    /// layer has to limit them, by address for instance.
    ///
    /// # Panics
    ///
    /// In the same case as [`new`](Self::new).
    #[must_use]
    #[track_caller]
    pub fn optional(gate: Gate, requirement: Requirement) -> Self {
        Self { access: Access::Optional, ..Self::new(gate, requirement) }
    }

    /// A rule that lets every request pass without a decision.
    pub(crate) fn public(gate: Gate) -> Self {
        Self { access: Access::Public, ..Self::new(gate, Requirement::NONE) }
    }

    /// Charges this many permits for each request. Default: one. A cost above the burst or the daily quota
    /// of a partner is reduced to the smaller of the two.
    #[must_use]
    pub fn with_cost(self, permits: NonZeroU32) -> Self {
        Self { cost: permits, ..self }
    }

    /// The gate that decides.
    #[must_use]
    pub const fn gate(&self) -> &Gate {
        &self.gate
    }

    #[cfg(feature = "openapi")]
    pub(crate) const fn requirement(&self) -> &Requirement {
        &self.requirement
    }

    #[cfg(feature = "axum")]
    pub(crate) fn is_public(&self) -> bool {
        self.access == Access::Public
    }

    pub(crate) fn is_optional(&self) -> bool {
        self.access == Access::Optional
    }

    /// Decides on a request with these headers, whose credentials are redacted or stripped if it passes.
    /// `earlier` is the [`Decision`] in the extensions of the request, where the new one belongs afterwards.
    /// `None`: the request passes without a grant, and [`Anonymous`](dualkey_verify::Anonymous) belongs into its
    /// extensions.
    ///
    /// # Errors
    ///
    /// The request is denied.
    pub async fn decide(
        &self,
        headers: &mut HeaderMap,
        earlier: Option<Decision>,
    ) -> Result<Option<Decision>, Denial> {
        let mut deciding = self.start(headers, earlier);
        match self.try_decide(headers, &mut deciding) {
            Some(decided) => decided,
            None => self.resolve(headers, deciding).await,
        }
    }

    /// Recognizes a request that an outer guard of the same gate has decided.
    pub(crate) fn start(&self, headers: &mut HeaderMap, earlier: Option<Decision>) -> Deciding {
        let verifier = self.gate.shared_verifier();
        let outer = earlier.as_ref().and_then(|earlier| earlier.matching(verifier, headers));
        if let Some(outer) = &outer {
            outer.restore_credentials(headers);
        }
        Deciding { earlier, outer, lookup: StoreLookup::default() }
    }

    /// Decides from memory. `None`: the store has to be asked.
    pub(crate) fn try_decide(
        &self,
        headers: &mut HeaderMap,
        deciding: &mut Deciding,
    ) -> Option<Decided> {
        let passes_undecided = match self.access {
            Access::Required => false,
            Access::Optional => !self.gate.has_credentials(headers),
            Access::Public => true,
        };
        if passes_undecided {
            self.hide_credentials(headers, deciding.outer.as_ref());
            return Some(Ok(None));
        }
        let request = self.request(headers, deciding);
        let decision = self.gate.verifier().try_verify(request, &mut deciding.lookup)?;
        Some(self.complete(headers, deciding, decision))
    }

    /// Decides once the store has answered.
    pub(crate) async fn resolve(&self, headers: &mut HeaderMap, mut deciding: Deciding) -> Decided {
        let (lookup, request) =
            (std::mem::take(&mut deciding.lookup), self.request(headers, &deciding));
        let decision = self.gate.verifier().resolve(request, lookup).await;
        self.complete(headers, &mut deciding, decision)
    }

    fn request<'a>(&'a self, headers: &'a HeaderMap, deciding: &Deciding) -> Request<'a> {
        let charged = deciding.outer.as_ref().map_or(0, Decision::charged);
        Request { headers, requirement: &self.requirement, cost: self.cost, charged }
    }

    fn complete(
        &self,
        headers: &mut HeaderMap,
        deciding: &mut Deciding,
        decision: Result<Grant, Denial>,
    ) -> Decided {
        let (cost, gate) = (self.cost.get(), &self.gate);
        let Some(outer) = deciding.outer.take() else {
            let (grant, earlier) = (decision?, deciding.earlier.take());
            return Ok(Some(Decision::outermost(gate, headers, grant, cost, earlier)));
        };
        outer.update(&decision, cost);
        decision?;
        self.hide_credentials(headers, Some(&outer));
        Ok(Some(outer))
    }

    /// Removes the credentials if a guard of this decision does, and marks them as sensitive otherwise.
    fn hide_credentials(&self, headers: &mut HeaderMap, decision: Option<&Decision>) {
        let mut strip = self.gate.strips_credentials();
        if let Some(decision) = decision {
            strip = decision.strip_if(strip);
        }
        self.gate.hide_credentials(headers, strip);
    }
}
