use std::fmt::Write as _;

use dualkey_scope::Requirement;
use dualkey_verify::HeaderNames;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Components;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};

use super::components::component;
use crate::gate::Gate;
use crate::guard::GuardRule;
use crate::response::title_case;

/// The extension of an operation that has its scopes.
pub(crate) const REQUIRED_SCOPES: &str = "x-required-scopes";

/// The alternatives by which requests pass a rule.
pub(crate) fn requirements(
    components: &mut Components,
    rule: &GuardRule,
) -> Vec<SecurityRequirement> {
    let schemes = &mut components.security_schemes;
    let partner_key = component(schemes, "partnerKey", RefOr::T(partner_key(rule.gate())));
    let token = component(schemes, "organizationToken", RefOr::T(organization_token(rule.gate())));
    let both = |scopes: &[&str]| {
        SecurityRequirement::new(&*partner_key, [""; 0]).add(&*token, scopes.iter().copied())
    };
    let scopes: Vec<_> = rule.requirement().names().collect();
    let mut alternatives: Vec<_> = match rule.requirement().accepts_any() {
        true if !scopes.is_empty() => scopes.iter().map(|scope| both(&[scope])).collect(),
        _ => vec![both(&scopes)],
    };
    if rule.is_optional() {
        alternatives.push(SecurityRequirement::default());
    }
    alternatives
}

/// The value of [`REQUIRED_SCOPES`].
pub(crate) fn required_scopes(requirement: &Requirement) -> Value {
    let quantifier = if requirement.accepts_any() { "any" } else { "all" };
    json!({ quantifier: requirement.names().collect::<Vec<_>>() })
}

fn partner_key(gate: &Gate) -> SecurityScheme {
    let HeaderNames { api_key, .. } = gate.verifier().header_names();
    SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
        title_case(api_key),
        "The key of the partner, which is the integration that calls. Its limits apply. It is not secret and \
         gives access to nothing.".to_owned(),
    )))
}

/// HTTP bearer authentication, which OpenAPI defines for `Authorization` only. With another field, it is an
/// API key whose value begins with the scheme.
fn organization_token(gate: &Gate) -> SecurityScheme {
    let registry = gate.verifier().registry();
    let format = format!("{}_…", registry.prefix().as_str());
    let mut description =
        "An access token of the organization whose data is used. It is secret.".to_owned();
    let HeaderNames { token, .. } = gate.verifier().header_names();
    if *token != AUTHORIZATION {
        let _ = write!(description, " The field is sent as `Bearer {format}`.");
    }
    if let [_, ..] = registry.catalogue().scopes() {
        description.push_str(" Its scopes:\n");
    }
    for scope in registry.catalogue().scopes() {
        let _ = write!(description, "\n- `{}`: {}", scope.name(), scope.label());
    }
    if *token != AUTHORIZATION {
        let value = ApiKeyValue::with_description(title_case(token), description);
        return SecurityScheme::ApiKey(ApiKey::Header(value));
    }
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format(format);
    SecurityScheme::Http(bearer.description(Some(description)).build())
}
