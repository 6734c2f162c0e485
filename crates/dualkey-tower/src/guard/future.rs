use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use dualkey_verify::Anonymous;
use http::{HeaderMap, Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::body::GuardBody;
use super::rule::{Decided, Deciding, GuardRule};
use crate::decision::Decision;
use crate::response::{RateLimitFields, RateLimitState, for_method};

/// A decision that waits for the store. It resolves to the headers of the request and the decision.
type Verifying = Pin<Box<dyn Future<Output = (HeaderMap, Decided)> + Send>>;

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
        Verifying { inner: S, rule: GuardRule, request: Option<Request<B>>, verifying: Verifying },
        /// The inner service was called. The outermost guard writes the fields of the response.
        Serving { #[pin] response: F, fields: Option<(RateLimitFields, Decision)> },
        Refused { refusal: Option<Response<Bytes>> },
    }
}

impl<S, B> GuardFuture<S, B>
where
    S: Service<Request<B>> + Clone,
{
    /// Decides from the cache if that is possible. Otherwise keeps the inner service, which is ready, and
    /// calls it after the store has answered.
    pub(crate) fn guarded(inner: &mut S, rule: &GuardRule, mut request: Request<B>) -> Self {
        let earlier = request.extensions().get().cloned();
        let mut deciding = rule.start(request.headers_mut(), earlier);
        let state = match rule.try_decide(request.headers_mut(), &mut deciding) {
            Some(decided) => State::decided(inner, rule, request, decided),
            None => State::verifying(inner, rule.clone(), request, deciding),
        };
        Self { state }
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
    fn verifying(
        inner: &mut S,
        rule: GuardRule,
        mut request: Request<B>,
        deciding: Deciding,
    ) -> Self {
        // The clone may not be ready. This future takes the service that is ready and leaves the clone in
        // its place, as tower recommends:
        // https://docs.rs/tower/latest/tower/trait.Service.html#be-careful-when-cloning-inner-services
        let clone = inner.clone();
        let inner = mem::replace(inner, clone);
        let (deciding_rule, mut headers) = (rule.clone(), mem::take(request.headers_mut()));
        let verifying = Box::pin(async move {
            let decided = deciding_rule.resolve(&mut headers, deciding).await;
            (headers, decided)
        });
        Self::Verifying { inner, rule, request: Some(request), verifying }
    }
}

impl<S, B> State<S, B, S::Future>
where
    S: Service<Request<B>>,
{
    fn decided(inner: &mut S, rule: &GuardRule, mut request: Request<B>, decided: Decided) -> Self {
        let gate = rule.gate();
        match decided {
            Ok(decision) => {
                let mut fields = None;
                if let Some(decision) = decision {
                    let version = gate.rate_limit_fields();
                    fields = decision.is_outermost().then(|| (version, decision.clone()));
                    request.extensions_mut().insert(decision.grant());
                    request.extensions_mut().insert(decision);
                } else if rule.is_optional() {
                    request.extensions_mut().insert(Anonymous);
                }
                Self::Serving { response: inner.call(request), fields }
            }
            Err(denial) => {
                let refusal = gate.refusal_response_to(request.headers(), &denial);
                let refusal = for_method(request.method(), refusal);
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
                StateProjection::Verifying { inner, rule, request, verifying } => {
                    let (headers, decided) = ready!(verifying.as_mut().poll(cx));
                    let mut request = request.take().expect("not polled after completion");
                    *request.headers_mut() = headers;
                    State::decided(inner, rule, request, decided)
                }
                StateProjection::Serving { response, fields } => {
                    let response = ready!(response.poll(cx))?;
                    let mut response = response.map(GuardBody::of_service);
                    if let Some((version, decision)) = fields.take() {
                        RateLimitState::new(version, &decision.standing())
                            .insert_into(response.headers_mut());
                        response.extensions_mut().insert(decision);
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
