use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use crate::{GuardBody, GuardFuture, GuardLayer};

/// A service that is called only with requests that may pass: see
/// [`Gate::require`](crate::Gate::require).
#[derive(Clone, Debug)]
pub struct Guard<S> {
    inner: S,
    /// Axum clones a service for each request: one count of references is cheaper than three.
    layer: Arc<GuardLayer>,
}

impl<S> Guard<S> {
    pub(crate) const fn new(inner: S, layer: Arc<GuardLayer>) -> Self {
        Self { inner, layer }
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
        let GuardLayer { gate, requirement, cost } = &*self.layer;
        GuardFuture::guarded(&mut self.inner, gate, request, requirement, *cost)
    }
}
