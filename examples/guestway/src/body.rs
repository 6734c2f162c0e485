use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::problem::Problem;

/// The maximum length of a request body, in bytes.
pub(crate) const MAX_BODY: usize = 16 * 1024;

/// The time within which a body must arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The body of an endpoint: one JSON object.
pub(crate) trait Shape: DeserializeOwned {
    /// A description of the object for the problem that answers another body.
    const SHAPE: &'static str;

    /// Checks the bounds of the values; the problem names the bound that is exceeded.
    fn check(&self) -> Result<(), Problem>;
}

/// An extractor of a validated body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: Shape, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_media_type_json(request.headers()) {
            return Err(Problem::unsupported_media_type());
        }
        let bytes = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, state));
        let bytes = bytes.await.map_err(|_| Problem::too_slow())?.map_err(|rejection| {
            match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => {
                    Problem::too_large(format!("A body has at most {MAX_BODY} bytes."))
                }
                _ => Problem::malformed("The body broke off."),
            }
        })?;
        parse(&bytes).map(Self)
    }
}

fn parse<T: Shape>(bytes: &[u8]) -> Result<T, Problem> {
    let Object(value) = serde_json::from_slice(bytes).map_err(|error| {
        let at = format!("line {}, column {}", error.line(), error.column());
        if is_json(bytes) {
            Problem::invalid(format!("Expected {}: see {at}.", T::SHAPE))
        } else {
            Problem::malformed(format!("The body is not JSON: see {at}."))
        }
    })?;
    T::check(&value)?;
    Ok(value)
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

/// Accepts only a JSON object: a derived `Deserialize` alone would accept an array of the fields too.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OnlyMaps<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OnlyMaps<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(OnlyMaps(PhantomData)).map(Self)
    }
}

/// Deserializes a field that may be absent, but not `null` unless `T` allows it.
pub(crate) fn present<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// An extractor of the `{id}` of a path.
pub(crate) struct Id(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(Problem::not_found()), // not UTF-8, so no record has this id
        }
    }
}
