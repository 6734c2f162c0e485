use http::StatusCode;
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::Header;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{AnyOfBuilder, Components, Ref};
use utoipa::openapi::{RefOr, Schema};

use super::headers;
use super::problem::{PROBLEM, is_problem};
use super::refusals::Refusal;
use crate::response::RateLimitFields;

/// The response of these refusals, which have the same status.
pub(crate) fn of_refusals(
    status: StatusCode,
    refusals: &[Refusal],
    version: RateLimitFields,
) -> Response {
    let mut response = ResponseBuilder::new().description(description(status)).build();
    for (name, header) in headers::of_refusals(refusals, version) {
        add_header(&mut response, name, RefOr::T(header));
    }
    for refusal in refusals {
        if let Some(media_type) = refusal.media_type() {
            let content = RefOr::T(content(refusal));
            match response.content.get_mut(&media_type) {
                Some(RefOr::T(known)) => merge_content(known, content),
                _ => drop(response.content.insert(media_type, content)),
            }
        }
    }
    response
}

/// The body of one refusal. Its schema is only known if no mapper has replaced the problem.
fn content(refusal: &Refusal) -> Content {
    let schema = is_problem(refusal).then(|| Ref::from_schema_name(PROBLEM));
    let summary = refusal.denial.to_string();
    let example = ExampleBuilder::new().summary(summary).value(Some(refusal.body()));
    ContentBuilder::new().schema(schema).examples_from_iter([(refusal.name, example)]).build()
}

fn description(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "A credential was sent more than once.",
        StatusCode::UNAUTHORIZED => "The partner key or the access token is missing or not valid.",
        StatusCode::FORBIDDEN => "The access token lacks a scope that the operation requires.",
        StatusCode::TOO_MANY_REQUESTS => "A limit of the partner is used up.",
        StatusCode::SERVICE_UNAVAILABLE => "The credentials cannot be checked at the moment.",
        other => other.canonical_reason().unwrap_or("The request was refused."),
    }
}

/// Adds to the program's response what a refusal with the same status can be instead. What the program has
/// described stays.
pub(crate) fn merge(own: &mut Response, refusal: Response) {
    for (name, header) in refusal.headers {
        add_header(own, &name, header);
    }
    for (media_type, content) in refusal.content {
        match own.content.get_mut(&media_type) {
            Some(RefOr::T(known)) => merge_content(known, content),
            Some(RefOr::Ref(_)) => {}
            None => drop(own.content.insert(media_type, content)),
        }
    }
}

fn merge_content(own: &mut Content, other: RefOr<Content>) {
    let RefOr::T(other) = other else { return };
    // OpenAPI allows one of `example` and `examples`.
    if let Some(example) = own.example.take() {
        let example = ExampleBuilder::new().value(Some(example));
        own.examples.insert("example".to_owned(), example.into());
    }
    for (name, example) in other.examples {
        own.examples.entry(name).or_insert(example);
    }
    own.schema = match (own.schema.take(), other.schema) {
        (Some(own), Some(other)) if own != other => Some(any_of(own, other)),
        (own, _) => own,
    };
}

fn any_of(one: RefOr<Schema>, other: RefOr<Schema>) -> RefOr<Schema> {
    AnyOfBuilder::new().item(one).item(other).into()
}

/// Adds a header, unless the response has one of this name (RFC 9110 §5.1: without regard to case).
pub(crate) fn add_header(response: &mut Response, name: &str, header: RefOr<Header>) {
    if !response.headers.keys().any(|known| known.eq_ignore_ascii_case(name)) {
        response.headers.insert(name.to_owned(), header);
    }
}

/// The response itself, if it is a reference to a component.
pub(crate) fn resolve<'a>(
    response: &'a RefOr<Response>,
    components: &'a Components,
) -> Option<&'a Response> {
    match response {
        RefOr::T(response) => Some(response),
        RefOr::Ref(reference) => {
            let name = reference.ref_location.strip_prefix("#/components/responses/")?;
            resolve(components.responses.get(name)?, components)
        }
    }
}
