use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::body::GuardBody;
use super::future::GuardFuture;
use super::rule::GuardRule;

/// A service behind one requirement. Only requests that meet it reach the inner service: see
/// [`Gate::require`](crate::Gate::require).
#[derive(Clone, Debug)]
pub struct Guard<S> {
    inner: S,
    /// Shared, because axum clones a service for each request: a clone increments one reference count
    /// instead of three.
    rule: Arc<GuardRule>,
}

impl<S> Guard<S> {
    pub(crate) const fn new(inner: S, rule: Arc<GuardRule>) -> Self {
        Self { inner, rule }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Guard<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
{
    type Response = Response<GuardBody<ResBody>>;
    type Error = S::Error;
    type Future = GuardFuture<S, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        GuardFuture::guarded(&mut self.inner, &self.rule, request)
    }
}
