use std::fmt;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::fields::{Fault, Fields, Source};
use crate::problem::Problem;

/// The maximum length of a request body, in bytes.
pub(crate) const MAX_BODY: usize = 16 * 1024;

/// The time within which a body must arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// An extractor of a body that is one JSON object, whose values are not yet read.
pub(crate) struct JsonObject(Vec<(String, JsonText)>);

/// The text of a JSON value.
pub(crate) type JsonText = Box<RawValue>;

impl JsonObject {
    /// Reads the values of the object.
    pub(crate) fn read<T>(
        self,
        read: impl FnOnce(&mut Fields<JsonText>) -> Option<T>,
    ) -> Result<T, Problem> {
        let mut fields = Fields::new(Source::Body, self.0);
        let value = read(&mut fields);
        fields.finish(value)
    }
}

/// A parser of values of this type that fulfil the condition. `null` is a value only where the type has one.
pub(crate) fn json<T: DeserializeOwned>(
    condition: impl FnOnce(&T) -> bool,
) -> impl FnOnce(&JsonText) -> Option<T> {
    |text| serde_json::from_str(text.get()).ok().filter(condition)
}

impl<S: Send + Sync> FromRequest<S> for JsonObject {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_media_type_json(request.headers()) {
            return Err(Problem::unsupported_media_type());
        }
        let bytes = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, state));
        let bytes = bytes.await.map_err(|_| Problem::too_slow())?.map_err(|rejection| {
            match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(MAX_BODY),
                _ => Problem::malformed("The body broke off."),
            }
        })?;
        parse(&bytes)
    }
}

pub(crate) fn parse(bytes: &[u8]) -> Result<JsonObject, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        if is_json(bytes) {
            let fault = Fault::new(Source::Body, "", "must be an object");
            return Problem::of_faults(Source::Body, vec![fault]);
        }
        let at = format!("line {}, column {}", error.line(), error.column());
        Problem::malformed(format!("The body is not JSON: see {at}."))
    })
}

fn is_json(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

fn is_media_type_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
        && !headers.contains_key(header::CONTENT_ENCODING)
}

/// Keeps the names that are given more than once, which a map would not.
impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = JsonObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonObject, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(JsonObject(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}
