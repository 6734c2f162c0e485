use std::collections::BTreeMap;
use std::marker::PhantomData;

use utoipa::openapi::RefOr;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::Ref;
use utoipa::{IntoResponses, ToSchema as _};

use super::bodies::Sent;
use super::examples::{invalid_query, to_json};
use crate::body;
use crate::problem::{Problem, RequestProblem};

/// The answer where no record has the id of the path.
pub(crate) struct NotFound;

/// The answer to an invalid query.
pub(crate) struct BadQuery;

/// The answers to an invalid body of this type.
pub(crate) struct BadBody<T>(PhantomData<T>);

impl IntoResponses for NotFound {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let description = "The organization has no record with this id. Another one may have it.";
        responses([(description, Problem::not_found())])
    }
}

impl IntoResponses for BadQuery {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        responses([("A parameter is not valid, not known, or sent twice.", invalid_query())])
    }
}

impl<T: Sent> IntoResponses for BadBody<T> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let malformed = body::parse(b"Hello").err().expect("the body is not JSON");
        responses([
            ("The body is not JSON.", malformed),
            ("The body did not arrive in time.", Problem::too_slow()),
            ("The body is too large.", Problem::too_large(body::MAX_BODY)),
            ("The body is of another media type.", Problem::unsupported_media_type()),
            ("A field of the body is not valid, not known, or missing.", T::problem()),
        ])
    }
}

fn responses<const N: usize>(problems: [(&str, Problem); N]) -> BTreeMap<String, RefOr<Response>> {
    let response = |(description, problem): (&str, Problem)| {
        let members = problem.members();
        let example = ExampleBuilder::new().summary(description).value(Some(to_json(&members)));
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(RequestProblem::name())))
            .examples_from_iter([(members.code, example)]);
        let response = ResponseBuilder::new()
            .description(description)
            .content(Problem::MEDIA_TYPE, content.build());
        (members.status.to_string(), response.into())
    };
    problems.map(response).into()
}
