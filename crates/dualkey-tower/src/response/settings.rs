use std::sync::Arc;

use super::fields::RateLimitFields;
use super::map_refusal::MapRefusal;
use super::problem::BLANK;

/// The settings of the responses of a [`Gate`](crate::Gate).
#[derive(Clone)]
pub(crate) struct ResponseSettings {
    /// Printable ASCII without quotes and backslashes, which a challenge would have to escape.
    pub(crate) realm: String,
    pub(crate) problem_type_base: String,
    pub(crate) rate_limit_fields: RateLimitFields,
    pub(crate) refusal_mapper: Option<Arc<dyn MapRefusal>>,
}

impl Default for ResponseSettings {
    fn default() -> Self {
        Self {
            realm: "api".to_owned(),
            problem_type_base: BLANK.to_owned(),
            rate_limit_fields: RateLimitFields::default(),
            refusal_mapper: None,
        }
    }
}
