use serde::{Deserialize, Serialize};
use serde_json::Number;
use utoipa::ToSchema;

use crate::body::{JsonText, json};
use crate::fields::Fields;

/// A field that an organization defines in addition to those of the product.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CustomField {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) applies_to: Target,
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    pub(crate) value: Content,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CustomFieldTarget)]
pub(crate) enum Target {
    Listing,
    Reservation,
    Guest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CustomFieldType)]
pub(crate) enum Kind {
    Text,
    Number,
    Boolean,
}

#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = CustomFieldValue)]
pub(crate) enum Content {
    Text(String),
    #[schema(value_type = f64)]
    Number(Number),
    Boolean(bool),
}

impl Content {
    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Number(_) => Kind::Number,
            Self::Boolean(_) => Kind::Boolean,
        }
    }
}

/// A change of a custom field: absent fields do not change. A value keeps its type.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CustomFieldChange {
    #[schema(min_length = 1, max_length = 100, nullable = false)]
    pub(crate) name: Option<String>,
    /// A string of at most 1,000 characters, a number or a boolean, as the field's type says.
    #[schema(nullable = false)]
    pub(crate) value: Option<Content>,
}

impl CustomFieldChange {
    const MAX_NAME: usize = 100;
    const MAX_TEXT: usize = 1_000;

    /// Reads a change of a field of this type.
    pub(crate) fn read(fields: &mut Fields<JsonText>, kind: Kind) -> Option<Self> {
        let length = |text: &str| text.chars().count();
        let name = format!("a string of 1 to {} characters", Self::MAX_NAME);
        let is_name = |name: &String| (1..=Self::MAX_NAME).contains(&length(name));
        let value = match kind {
            Kind::Text => &*format!("a string of at most {} characters", Self::MAX_TEXT),
            Kind::Number => "a number, as before",
            Kind::Boolean => "true or false, as before",
        };
        let is_value = |value: &Content| {
            let is_long = matches!(value, Content::Text(text) if length(text) > Self::MAX_TEXT);
            value.kind() == kind && !is_long
        };
        Some(Self {
            name: fields.read("name", &name, json(is_name)),
            value: fields.read("value", value, json(is_value)),
        })
    }
}
