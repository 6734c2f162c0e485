use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;

pin_project! {
    /// The response body of a guarded service: the body of the inner service, or of a refusal.
    #[derive(Debug)]
    pub struct GuardBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    #[derive(Debug)]
    enum Kind<B> {
        Service { #[pin] body: B },
        Refusal { #[pin] body: Full<Bytes> },
    }
}

impl<B> GuardBody<B> {
    pub(crate) const fn of_service(body: B) -> Self {
        Self { kind: Kind::Service { body } }
    }

    pub(crate) fn of_refusal(body: Bytes) -> Self {
        Self { kind: Kind::Refusal { body: Full::new(body) } }
    }
}

/// The same body as axum's own. Axum boxes any other.
#[cfg(feature = "axum")]
impl From<GuardBody<Self>> for axum::body::Body {
    fn from(body: GuardBody<Self>) -> Self {
        match body.kind {
            Kind::Service { body } => body,
            Kind::Refusal { body } => Self::new(body),
        }
    }
}

/// An empty body. Tonic requires the response bodies of its layers to have a default.
impl<B> Default for GuardBody<B> {
    fn default() -> Self {
        Self::of_refusal(Bytes::new())
    }
}

impl<B: Body<Data = Bytes>> Body for GuardBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Service { body } => body.poll_frame(cx),
            KindProjection::Refusal { body } => {
                body.poll_frame(cx).map_err(|never: std::convert::Infallible| match never {})
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Service { body } => body.is_end_stream(),
            Kind::Refusal { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Service { body } => body.size_hint(),
            Kind::Refusal { body } => body.size_hint(),
        }
    }
}
