use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::body::{Shape, present};
use crate::problem::Problem;

/// A field that an organization defines in addition to those of the product.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CustomField {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) applies_to: Target,
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    pub(crate) value: Content,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Target {
    Listing,
    Reservation,
    Guest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    Text,
    Number,
    Boolean,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum Content {
    Text(String),
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
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CustomFieldChange {
    #[serde(default, deserialize_with = "present")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) value: Option<Content>,
}

impl CustomFieldChange {
    const MAX_NAME: usize = 100;
    const MAX_TEXT: usize = 1_000;
}

impl Shape for CustomFieldChange {
    const SHAPE: &'static str = "an object with the optional fields name (a string) and value (a \
                                 string, number or boolean)";

    fn check(&self) -> Result<(), Problem> {
        let length = |text: &str| text.chars().count();
        if self.name.as_deref().is_some_and(|name| !(1..=Self::MAX_NAME).contains(&length(name))) {
            return Err(Problem::invalid(format!(
                "A name has 1 to {} characters.",
                Self::MAX_NAME
            )));
        }
        match &self.value {
            Some(Content::Text(text)) if length(text) > Self::MAX_TEXT => {
                Err(Problem::invalid(format!("A value has at most {} characters.", Self::MAX_TEXT)))
            }
            _ => Ok(()),
        }
    }
}
