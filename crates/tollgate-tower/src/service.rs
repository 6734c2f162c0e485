use std::num::NonZeroU32;
use std::task::{Context, Poll};

use http::{Request, Response};
use tollgate_scope::Requirement;
use tower_service::Service;

use crate::{GuardBody, GuardFuture, Tollgate};

/// A service that is called only with requests that may pass: see [`Tollgate::require`].
#[derive(Clone, Debug)]
pub struct Guard<S> {
    inner: S,
    tollgate: Tollgate,
    requirement: Requirement,
    cost: NonZeroU32,
}

impl<S> Guard<S> {
    pub(crate) const fn new(
        inner: S,
        tollgate: Tollgate,
        requirement: Requirement,
        cost: NonZeroU32,
    ) -> Self {
        Self { inner, tollgate, requirement, cost }
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
        GuardFuture::guarded(&mut self.inner, &self.tollgate, request, &self.requirement, self.cost)
    }
}
