use bytes::Bytes;
use dualkey_verify::Denial;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::map_refusal::MapRefusal;

/// Maps refusals to gRPC. The response consists of trailers only ([gRPC over HTTP/2]), with status 16
/// (unauthenticated), 7 (permission denied), 8 (resource exhausted), 12 (unimplemented) or 14 (unavailable),
/// and the denial's code as its message.
///
/// A caller of gRPC-Web gets its own content type, so that the guard may stand outside of the layer that
/// translates. A browser shows the script `grpc-status` and `grpc-message` only if a layer of CORS exposes them.
///
/// [gRPC over HTTP/2]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
///
/// ```
/// # use dualkey_scope::Catalogue;
/// # use dualkey_store::Registry;
/// # use dualkey_token::Prefix;
/// # use dualkey_tower::{Denial, Gate, Verifier};
/// use dualkey_tower::GrpcRefusals;
///
/// # let registry = Registry::in_memory(Catalogue::builder().build()?, Prefix::new("gw"));
/// let gate = Gate::new(Verifier::new(registry)).with_refusal_mapper(GrpcRefusals);
/// let refusal = gate.refusal_response(&Denial::TokenMissing);
/// assert_eq!((refusal.status().as_u16(), &refusal.headers()["grpc-status"]), (200, &"16".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct GrpcRefusals;

impl GrpcRefusals {
    /// The content type of a response to this request.
    fn content_type(request: &HeaderMap) -> HeaderValue {
        let sent = request.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let is = |name: &str| {
            let (start, rest) = sent.split_at_checked(name.len()).unwrap_or_default();
            start.eq_ignore_ascii_case(name.as_bytes())
                && rest.first().is_none_or(|byte| b"+; ".contains(byte))
        };
        let types = ["application/grpc-web-text", "application/grpc-web"];
        let own = types.into_iter().find(|name| is(name));
        HeaderValue::from_static(own.unwrap_or("application/grpc"))
    }
}

impl MapRefusal for GrpcRefusals {
    fn map_refusal_to(
        &self,
        request: &HeaderMap,
        denial: &Denial,
        refusal: Response<Bytes>,
    ) -> Response<Bytes> {
        let mut refusal = self.map_refusal(denial, refusal);
        refusal.headers_mut().insert(CONTENT_TYPE, Self::content_type(request));
        refusal
    }

    fn map_refusal(&self, denial: &Denial, refusal: Response<Bytes>) -> Response<Bytes> {
        const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
        const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

        let code = match denial.status() {
            StatusCode::METHOD_NOT_ALLOWED => "12",
            StatusCode::FORBIDDEN => "7",
            StatusCode::TOO_MANY_REQUESTS => "8",
            StatusCode::SERVICE_UNAVAILABLE => "14",
            _ => "16",
        };
        let (mut head, _problem) = refusal.into_parts();
        head.status = StatusCode::OK;
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        head.headers.insert(GRPC_STATUS, HeaderValue::from_static(code));
        head.headers.insert(GRPC_MESSAGE, HeaderValue::from_static(denial.code()));
        Response::from_parts(head, Bytes::new())
    }
}
