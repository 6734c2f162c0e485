use std::fmt;
use std::iter;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dualkey_limit::Standing;
use dualkey_verify::{Denial, Grant, HeaderNames, Verifier};
use http::{HeaderMap, HeaderValue};

use crate::gate::Gate;

/// A request passed a guard. The guard puts it into the extensions of the request, where an inner guard of
/// the same [`Gate`](crate::Gate) finds it, and the outermost guard also into those of the response, where an
/// outer layer can read whose request it was and what is left of the limits.
///
/// An inner guard decides the same request again, but charges only what its cost exceeds the permits that are
/// charged already. A decision holds for the gate (and its clones) that made it, and for the credentials that
/// it was made on: if a layer in between changes a credential, the inner guard begins anew.
///
/// Only a guard constructs a decision, but a clone of it passes for the same decision. A handler that sends
/// several requests to a guarded inner service, each with a clone of its own extensions, is therefore charged
/// for one request. It charges each of them if it removes the `Decision` from the clones.
///
/// ```
/// # use bytes::Bytes;
/// # use http::{Request, Response};
/// # use http_body_util::Full;
/// use dualkey_scope::Requirement;
/// use dualkey_testing::Fixture;
/// use dualkey_tower::Decision;
/// use tower::{Layer as _, ServiceExt as _, service_fn};
///
/// # pollster::block_on(async {
/// let fixture = Fixture::new();
/// let (any_token, guests_read) = (Requirement::NONE, fixture.require("guests:read"));
/// let hello = service_fn(async |_: Request<Full<Bytes>>| {
///     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
/// });
/// let guarded = fixture.gate.require(guests_read).layer(hello);
/// let guarded_twice = fixture.gate.require(any_token).layer(guarded);
///
/// let mut request = Request::new(Full::default());
/// *request.headers_mut() = fixture.headers();
/// let response = guarded_twice.oneshot(request).await.unwrap();
/// let decision: &Decision = response.extensions().get().unwrap();
/// assert_eq!(decision.grant().partner, fixture.partner.id);
/// assert_eq!(decision.standing().burst_remaining(), 9); // of 10
/// # });
/// ```
#[derive(Clone)]
pub struct Decision {
    shared: Arc<Shared>,
    is_outermost: bool,
}

struct Shared {
    verifier: Arc<Verifier>,
    /// The fields of the partner key and of the token, marked as sensitive.
    credentials: [HeaderValue; 2],
    grant: Grant,
    state: Mutex<State>,
    /// The decision of another gate, or on other credentials.
    outer: Option<Decision>,
}

#[derive(Clone, Copy)]
struct State {
    /// In permits, by all guards of this gate.
    charged: u32,
    standing: Standing,
    /// Whether a guard has removed the credentials.
    is_stripped: bool,
}

impl Decision {
    /// The decision of the outermost guard, which hides the credentials. `earlier` is what the extensions of
    /// the request contained.
    pub(crate) fn outermost(
        gate: &Gate,
        headers: &mut HeaderMap,
        grant: Grant,
        charged: u32,
        earlier: Option<Self>,
    ) -> Self {
        let verifier = Arc::clone(gate.shared_verifier());
        let is_stripped = gate.strips_credentials();
        let credentials = fields(verifier.header_names()).map(|name| {
            let value = headers.get_mut(name).map(|value| {
                value.set_sensitive(true);
                value.clone()
            });
            value.unwrap_or(HeaderValue::from_static(""))
        });
        if is_stripped {
            gate.hide_credentials(headers, true);
        }
        let state = Mutex::new(State { charged, standing: grant.standing, is_stripped });
        let shared = Shared { verifier, credentials, grant, state, outer: earlier };
        Self { shared: Arc::new(shared), is_outermost: true }
    }

    /// This decision or one around it, if it is by this verifier and on the credentials in these headers.
    pub(crate) fn matching(&self, verifier: &Arc<Verifier>, headers: &HeaderMap) -> Option<Self> {
        let mut decisions = iter::successors(Some(self), |decision| decision.shared.outer.as_ref());
        let is_same = |decision: &&Self| {
            Arc::ptr_eq(&decision.shared.verifier, verifier) && decision.is_on(headers)
        };
        let shared = Arc::clone(&decisions.find(is_same)?.shared);
        Some(Self { shared, is_outermost: false })
    }

    /// Whether a request with these headers presents the same credentials, or none after a guard removed
    /// them.
    fn is_on(&self, headers: &HeaderMap) -> bool {
        let Shared { verifier, credentials, .. } = &*self.shared;
        iter::zip(fields(verifier.header_names()), credentials).all(|(name, credential)| {
            let mut values = headers.get_all(name).iter();
            match (values.next(), values.next()) {
                (None, _) => self.state().is_stripped,
                (Some(value), None) => value == credential,
                _ => false,
            }
        })
    }

    /// Puts the credentials back, for the decision of an inner guard.
    pub(crate) fn restore_credentials(&self, headers: &mut HeaderMap) {
        let Shared { verifier, credentials, .. } = &*self.shared;
        for (name, credential) in iter::zip(fields(verifier.header_names()), credentials) {
            headers.insert(name, credential.clone());
        }
    }

    /// Records what an inner guard decided, whose cost is charged unless a limit refused it.
    pub(crate) fn update(&self, decision: &Result<Grant, Denial>, cost: u32) {
        let (standing, is_charged) = match decision {
            Ok(grant) => (Some(&grant.standing), true),
            Err(denial) => (denial.standing(), matches!(denial, Denial::ScopeInsufficient { .. })),
        };
        let mut state = self.state();
        state.standing = *standing.unwrap_or(&state.standing);
        state.charged = state.charged.max(if is_charged { cost } else { 0 });
    }

    /// Records that a guard strips the credentials, if it does. Returns whether one does.
    pub(crate) fn strip_if(&self, strips: bool) -> bool {
        let mut state = self.state();
        state.is_stripped |= strips;
        state.is_stripped
    }

    /// In permits.
    pub(crate) fn charged(&self) -> u32 {
        self.state().charged
    }

    /// The grant, with what is left of the partner's limits now that inner guards have charged their costs.
    #[must_use]
    pub fn grant(&self) -> Grant {
        let mut grant = self.shared.grant.clone();
        grant.standing = self.standing();
        grant
    }

    /// What is left of the partner's limits after the guards that have decided so far.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.state().standing
    }

    /// Whether no guard of the same gate is outside of the one that made this decision. That one writes the
    /// `RateLimit` fields.
    #[must_use]
    pub const fn is_outermost(&self) -> bool {
        self.is_outermost
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn fields(names: &HeaderNames) -> [&http::HeaderName; 2] {
    [&names.api_key, &names.token]
}

/// Without the credentials.
impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decision")
            .field("grant", &self.grant())
            .field("is_outermost", &self.is_outermost)
            .finish_non_exhaustive()
    }
}
