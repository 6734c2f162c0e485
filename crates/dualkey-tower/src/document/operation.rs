use std::collections::BTreeMap;

use dualkey_verify::Denial;
use http::StatusCode;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::{Response, Responses};
use utoipa::openapi::schema::{Components, Ref};

use super::components::component;
use super::problem::{PROBLEM, is_problem};
use super::refusals::{Refusal, codes};
use super::{headers, problem, responses, security};
use crate::guard::GuardRule;
use crate::response::RateLimitFields;

/// Adds to an operation what the guard of its route requires and responds.
pub(crate) fn complete(operation: &mut Operation, rule: &GuardRule, components: &mut Components) {
    if rule.is_public() {
        operation.security.get_or_insert_default();
        return;
    }
    operation.security = Some(security::requirements(components, rule));
    let scopes = security::required_scopes(rule.requirement());
    let extensions = operation.extensions.get_or_insert_default();
    extensions.insert(security::REQUIRED_SCOPES.to_owned(), scopes);

    let version = rule.gate().rate_limit_fields();
    add_rate_limit_fields(&mut operation.responses, version, components);
    for (status, refusals) in refusals_by_status(rule) {
        add_refusals(&mut operation.responses, status, &refusals, version, components);
    }
}

/// Adds the `RateLimit` fields to the responses of the program: a guard inserts them whatever their status.
fn add_rate_limit_fields(
    responses: &mut Responses,
    version: RateLimitFields,
    components: &mut Components,
) {
    for (title, header) in headers::of_served_requests(version) {
        let name = component(&mut components.headers, title, RefOr::T(header));
        let header = Ref::new(format!("#/components/headers/{name}"));
        for response in responses.responses.values_mut() {
            if let Some(mut own) = responses::resolve(response, components).cloned() {
                responses::add_header(&mut own, title, RefOr::Ref(header.clone()));
                *response = RefOr::T(own);
            }
        }
    }
}

fn refusals_by_status(rule: &GuardRule) -> BTreeMap<StatusCode, Vec<Refusal>> {
    let (gate, requirement) = (rule.gate(), rule.requirement());
    let mut refusals = Refusal::of_every_guard(gate);
    if requirement.accepts_any() || requirement.names().next().is_some() {
        refusals.push(Refusal::of_requirement(gate, requirement));
    }
    let mut by_status: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for refusal in refusals {
        by_status.entry(refusal.status()).or_default().push(refusal);
    }
    by_status
}

/// Adds the response of these refusals: as a reference to a component, unless the program has a response of
/// this status, or the refusal names the scopes of this operation.
fn add_refusals(
    responses: &mut Responses,
    status: StatusCode,
    refusals: &[Refusal],
    version: RateLimitFields,
    components: &mut Components,
) {
    if refusals.iter().any(is_problem) {
        let problem = || problem::schema(codes()).into();
        components.schemas.entry(PROBLEM.to_owned()).or_insert_with(problem);
    }
    let refused = responses::of_refusals(status, refusals, version);
    let names_scopes =
        refusals.iter().any(|it| matches!(it.denial, Denial::ScopeInsufficient { .. }));
    let response = match own_response(responses, status, components) {
        Some(mut own) => {
            responses::merge(&mut own, refused);
            RefOr::T(own)
        }
        None if names_scopes => RefOr::T(refused),
        None => {
            let name =
                component(&mut components.responses, &shared_name(status), RefOr::T(refused));
            RefOr::Ref(Ref::from_response_name(name))
        }
    };
    responses.responses.insert(status.as_str().to_owned(), response);
}

/// The program's response of this status, of its range, such as `4XX`, or of every other status.
fn own_response(
    responses: &Responses,
    status: StatusCode,
    components: &Components,
) -> Option<Response> {
    let range = format!("{}XX", &status.as_str()[..1]);
    let own = [status.as_str(), &range, "default"]
        .into_iter()
        .find_map(|key| responses.responses.get(key))?;
    responses::resolve(own, components).cloned()
}

/// The name of a shared response, such as `TooManyRequests`.
fn shared_name(status: StatusCode) -> String {
    let reason = status.canonical_reason().unwrap_or("Refusal");
    reason.chars().filter(char::is_ascii_alphanumeric).collect()
}
