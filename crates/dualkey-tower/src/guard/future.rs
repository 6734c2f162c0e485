use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use dualkey_verify::{Denial, Grant};
use http::{HeaderMap, Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::body::GuardBody;
use super::rule::GuardRule;
use crate::gate::Gate;
use crate::response::{RateLimitState, for_method};

/// A decision that waits for the store. It resolves to the headers of the request and the decision.
type Verifying = Pin<Box<dyn Future<Output = (HeaderMap, Result<Grant, Denial>)> + Send>>;

pin_project! {
    /// The future response of a guarded service: the response of the inner service, or a refusal.
    ///
    /// # Panics
    ///
    /// If it is polled again after it has completed.
    pub struct GuardFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B, S::Future>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B, F> {
        /// The decision waits for the store.
        Verifying { inner: S, gate: Gate, request: Option<Request<B>>, verifying: Verifying },
        /// The inner service was called. `rate_limit` is `None` for a public route.
        Serving { #[pin] response: F, rate_limit: Option<RateLimitState> },
        Refused { refusal: Option<Response<Bytes>> },
    }
}

impl<S, B> GuardFuture<S, B>
where
    S: Service<Request<B>> + Clone,
{
    /// Decides from the cache if that is possible. Otherwise keeps the inner service, which is ready, and
    /// calls it after the store has answered.
    pub(crate) fn guarded(inner: &mut S, rule: &GuardRule, request: Request<B>) -> Self {
        let GuardRule { gate, requirement, cost } = rule;
        let cached = gate.verifier().try_verify_cached(request.headers(), requirement, *cost);
        let state = match cached {
            Some(decision) => State::decided(inner, gate, request, decision),
            None => State::verifying(inner, rule.clone(), request),
        };
        Self { state }
    }

    /// Calls the inner service without a decision, for a public route.
    pub(crate) fn public(inner: &mut S, request: Request<B>) -> Self {
        Self { state: State::Serving { response: inner.call(request), rate_limit: None } }
    }

    /// Responds without calling the inner service.
    pub(crate) const fn refused(refusal: Response<Bytes>) -> Self {
        Self { state: State::Refused { refusal: Some(refusal) } }
    }
}

impl<S, B> State<S, B, S::Future>
where
    S: Service<Request<B>> + Clone,
{
    fn verifying(inner: &mut S, rule: GuardRule, mut request: Request<B>) -> Self {
        // The clone may not be ready. This future takes the service that is ready and leaves the clone in
        // its place, as tower recommends:
        // https://docs.rs/tower/latest/tower/trait.Service.html#be-careful-when-cloning-inner-services
        let clone = inner.clone();
        let inner = mem::replace(inner, clone);
        let GuardRule { gate, requirement, cost } = rule;
        let (verifier, headers) = (gate.verifier().clone(), mem::take(request.headers_mut()));
        let verifying = Box::pin(async move {
            let decision = verifier.verify_with_cost(&headers, &requirement, cost).await;
            (headers, decision)
        });
        Self::Verifying { inner, gate, request: Some(request), verifying }
    }
}

impl<S, B> State<S, B, S::Future>
where
    S: Service<Request<B>>,
{
    fn decided(
        inner: &mut S,
        gate: &Gate,
        mut request: Request<B>,
        decision: Result<Grant, Denial>,
    ) -> Self {
        match decision {
            Ok(grant) => {
                gate.redact_credentials(request.headers_mut());
                let rate_limit = Some(gate.rate_limit_state(&grant.standing));
                request.extensions_mut().insert(grant);
                Self::Serving { response: inner.call(request), rate_limit }
            }
            Err(denial) => {
                tracing::debug!(code = denial.code(), "refused");
                let refusal = for_method(request.method(), gate.refusal_response(&denial));
                Self::Refused { refusal: Some(refusal) }
            }
        }
    }
}

impl<S, B, ResBody> Future for GuardFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
{
    type Output = Result<Response<GuardBody<ResBody>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Verifying { inner, gate, request, verifying } => {
                    let (headers, decision) = ready!(verifying.as_mut().poll(cx));
                    let mut request = request.take().expect("not polled after completion");
                    *request.headers_mut() = headers;
                    State::decided(inner, gate, request, decision)
                }
                StateProjection::Serving { response, rate_limit } => {
                    let response = ready!(response.poll(cx))?;
                    let mut response = response.map(GuardBody::of_service);
                    if let Some(rate_limit) = rate_limit {
                        rate_limit.insert_into(response.headers_mut());
                    }
                    return Poll::Ready(Ok(response));
                }
                StateProjection::Refused { refusal } => {
                    let refusal = refusal.take().expect("not polled after completion");
                    return Poll::Ready(Ok(refusal.map(GuardBody::of_refusal)));
                }
            };
            state.set(next);
        }
    }
}

impl<S, B> fmt::Debug for GuardFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardFuture").finish_non_exhaustive()
    }
}
