use std::fmt;
use std::future::Future;
use std::mem;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use dualkey_scope::Requirement;
use dualkey_verify::{Denial, Grant};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method, Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::fields::Told;
use crate::{Gate, GuardBody};

type Verifying = Pin<Box<dyn Future<Output = (HeaderMap, Result<Grant, Denial>)> + Send>>;

pin_project! {
    /// The answer of a guarded service.
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
        /// A store is being asked.
        Verifying { inner: S, gate: Gate, request: Option<Request<B>>, verifying: Verifying },
        Serving { #[pin] answering: F, told: Option<Told> },
        Refused { refusal: Option<Response<Bytes>> },
    }
}

impl<S, B> GuardFuture<S, B>
where
    S: Service<Request<B>> + Clone,
{
    /// Decides at once where memory suffices; else the service that is ready waits for the decision.
    pub(crate) fn guarded(
        inner: &mut S,
        gate: &Gate,
        mut request: Request<B>,
        requirement: &Requirement,
        cost: NonZeroU32,
    ) -> Self {
        let verifier = gate.verifier();
        let state = match verifier.try_verify_cached(request.headers(), requirement, cost) {
            Some(decision) => State::decided(inner, gate, request, decision),
            None => {
                // The clone may not be ready; the one that is goes with the request.
                // https://docs.rs/tower/latest/tower/trait.Service.html#be-careful-when-cloning-inner-services
                let clone = inner.clone();
                let inner = mem::replace(inner, clone);
                let headers = mem::take(request.headers_mut());
                let (verifier, requirement) = (verifier.clone(), requirement.clone());
                let verifying = Box::pin(async move {
                    let decision = verifier.verify_with_cost(&headers, &requirement, cost).await;
                    (headers, decision)
                });
                let (gate, request) = (gate.clone(), Some(request));
                State::Verifying { inner, gate, request, verifying }
            }
        };
        Self { state }
    }

    /// The inner service's answer to a request that nobody guards.
    #[cfg(feature = "axum")]
    pub(crate) fn open(inner: &mut S, request: Request<B>) -> Self {
        let answering = inner.call(request);
        Self { state: State::Serving { answering, told: None } }
    }

    #[cfg(feature = "axum")]
    pub(crate) fn method_not_allowed(allow: http::HeaderValue) -> Self {
        let mut refusal = Response::new(Bytes::new());
        *refusal.status_mut() = http::StatusCode::METHOD_NOT_ALLOWED;
        refusal.headers_mut().insert(http::header::ALLOW, allow);
        let no_store = http::HeaderValue::from_static("no-store");
        refusal.headers_mut().insert(http::header::CACHE_CONTROL, no_store);
        Self { state: State::Refused { refusal: Some(refusal) } }
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
                let told = Some(gate.told(&grant.standing));
                request.extensions_mut().insert(grant);
                Self::Serving { answering: inner.call(request), told }
            }
            Err(denial) => {
                tracing::debug!(code = denial.code(), "refused");
                let refusal = for_method(gate.refusal_response(&denial), request.method());
                Self::Refused { refusal: Some(refusal) }
            }
        }
    }
}

/// HEAD gets the same fields without the body (RFC 9110 §9.3.2).
fn for_method(mut refusal: Response<Bytes>, method: &Method) -> Response<Bytes> {
    let length = refusal.body().len();
    refusal.headers_mut().insert(CONTENT_LENGTH, length.into());
    if method == Method::HEAD { refusal.map(|_body| Bytes::new()) } else { refusal }
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
                    let mut request = request.take().expect("polled after it was ready");
                    *request.headers_mut() = headers;
                    State::decided(inner, gate, request, decision)
                }
                StateProjection::Serving { answering, told } => {
                    let answer = ready!(answering.poll(cx))?;
                    let mut answer = answer.map(GuardBody::of_service);
                    if let Some(told) = told {
                        told.write(answer.headers_mut());
                    }
                    return Poll::Ready(Ok(answer));
                }
                StateProjection::Refused { refusal } => {
                    let refusal = refusal.take().expect("polled after it was ready");
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
