use bytes::Bytes;
use dualkey_verify::Denial;
use http::{HeaderMap, Response};

/// Changes the refusals of a [`Gate`](crate::Gate), for example their body, status or language. Closures
/// implement it.
///
/// ```
/// # use bytes::Bytes;
/// # use dualkey_scope::Catalogue;
/// # use dualkey_store::Registry;
/// # use dualkey_token::Prefix;
/// # use dualkey_tower::{Denial, Gate, Verifier};
/// # use http::{HeaderValue, Response};
/// # let registry = Registry::in_memory(Catalogue::builder().build()?, Prefix::new("gw"));
/// let gate = Gate::new(Verifier::new(registry));
/// let gate = gate.with_refusal_mapper(|denial: &Denial, refusal: Response<Bytes>| {
///     let mut refusal = refusal.map(|_problem| Bytes::from(denial.code()));
///     let plain = HeaderValue::from_static("text/plain");
///     refusal.headers_mut().insert("content-type", plain);
///     refusal
/// });
/// assert_eq!(gate.refusal_response(&Denial::TokenMissing).body(), "token_missing");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait MapRefusal: Send + Sync {
    /// The response to send instead of this refusal. The refusal has all its fields except
    /// `Content-Length`, which is added afterwards.
    fn map_refusal(&self, denial: &Denial, refusal: Response<Bytes>) -> Response<Bytes>;

    /// The same for a request with these fields, for example its content type or language. They may contain
    /// the credentials, which must not be in the response. Default: [`map_refusal`](Self::map_refusal).
    fn map_refusal_to(
        &self,
        _request: &HeaderMap,
        denial: &Denial,
        refusal: Response<Bytes>,
    ) -> Response<Bytes> {
        self.map_refusal(denial, refusal)
    }
}

impl<F> MapRefusal for F
where
    F: Fn(&Denial, Response<Bytes>) -> Response<Bytes> + Send + Sync,
{
    fn map_refusal(&self, denial: &Denial, refusal: Response<Bytes>) -> Response<Bytes> {
        self(denial, refusal)
    }
}
