use serde_json::json;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Ref, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Required, Schema};
use utoipa::{IntoParams, ToSchema as _};

use crate::model::{Reservation, ReservationStatus};
use crate::page::{DEFAULT_LIMIT, Listed, MAX_LIMIT, Page};
use crate::stays::Stays;

impl<T: Listed> IntoParams for Page<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let limit = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(MAX_LIMIT))
            .default(Some(json!(DEFAULT_LIMIT)));
        let cursor = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
        vec![
            query("limit", "The most records of the page.", limit),
            query("cursor", "The `nextCursor` of the page before. Absent: the first page.", cursor),
        ]
    }
}

impl IntoParams for Stays {
    fn into_params(location: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let status = Ref::from_schema_name(ReservationStatus::name());
        let mut parameters = Page::<Reservation>::into_params(location);
        parameters.extend([
            query("status", "Only reservations with this status.", status),
            query("checkInFrom", "Only reservations with their check-in on this day or later.", date()),
            query(
                "checkInTo",
                "Only reservations with their check-in on this day or earlier. It must not be before `checkInFrom`.",
                date(),
            ),
        ]);
        parameters
    }
}

fn query(name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

fn date() -> ObjectBuilder {
    let date = SchemaFormat::KnownFormat(KnownFormat::Date);
    ObjectBuilder::new().schema_type(Type::String).format(Some(date))
}
