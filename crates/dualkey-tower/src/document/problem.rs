use serde_json::Value;
use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, SchemaFormat, Type};

use super::refusals::Refusal;

/// The name of the schema among the components.
pub(crate) const PROBLEM: &str = "Problem";

const MEMBERS: [&str; 5] = ["type", "title", "status", "detail", "code"];

/// The schema of a refusal's body, with the codes of all denials.
pub(crate) fn schema(codes: Vec<&'static str>) -> Object {
    let uri_reference = SchemaFormat::Custom("uri-reference".to_owned());
    let schema = ObjectBuilder::new()
        .description(Some("Why a request was refused: problem details (RFC 9457)."))
        .property("type", described("The problem type.").format(Some(uri_reference)))
        .property("title", described("The name of the status."))
        .property("status", described("The status of the response.").schema_type(Type::Integer))
        .property("detail", described("What the caller can do about it."))
        .property("code", described("The machine-readable cause.").enum_values(Some(codes)))
        .property("field", described("The header field that was sent more than once."))
        .property("required", strings("The scopes that the operation requires.", None))
        .property(
            "violated-policies",
            strings("The limit that is used up.", Some(["burst", "daily", "attempts"])),
        );
    MEMBERS.into_iter().fold(schema, ObjectBuilder::required).build()
}

/// Whether the body has the members of a problem. A mapper of refusals can remove them.
pub(crate) fn is_problem(refusal: &Refusal) -> bool {
    let body = refusal.body();
    MEMBERS.iter().all(|member| body.get(member).is_some())
        && body.get("code").and_then(Value::as_str) == Some(refusal.denial.code())
}

fn described(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description))
}

fn strings(description: &str, values: Option<[&str; 3]>) -> ArrayBuilder {
    let item = ObjectBuilder::new().schema_type(Type::String).enum_values(values);
    ArrayBuilder::new().description(Some(description)).items(item)
}
