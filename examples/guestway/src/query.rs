use axum::extract::{self, FromRequestParts};
use axum::http::Uri;
use axum::http::request::Parts;

use crate::fields::{Fields, Source};
use crate::problem::Problem;

/// What an endpoint reads from the query.
pub(crate) trait Parameters: Sized {
    fn read(fields: &mut Fields<String>) -> Self;
}

/// An extractor of a valid query. A parameter that the endpoint does not have is refused: where a misspelled
/// filter is ignored, the answer has records that the client did not ask for.
pub(crate) struct Query<P>(pub(crate) P);

impl<P: Parameters, S: Send + Sync> FromRequestParts<S> for Query<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse(&parts.uri).map(Self)
    }
}

pub(crate) fn parse<P: Parameters>(uri: &Uri) -> Result<P, Problem> {
    let extract::Query(pairs) =
        extract::Query::try_from_uri(uri).expect("every query is a sequence of pairs");
    let mut fields = Fields::new(Source::Query, pairs);
    let parameters = P::read(&mut fields);
    fields.finish(Some(parameters))
}
