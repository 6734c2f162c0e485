//! The responses of a gate: refusals with problem details, and the `RateLimit` fields of charged requests.

mod challenge;
mod fields;
mod grpc;
mod map_refusal;
mod problem;
mod quota;
mod refusal;
mod reverse_buffer;
mod settings;

#[cfg(feature = "openapi")]
pub(crate) use challenge::title_case;
pub use fields::RateLimitFields;
pub(crate) use fields::{RATE_LIMIT, RATE_LIMIT_POLICY, RateLimitState};
pub use grpc::GrpcRefusals;
pub use map_refusal::MapRefusal;
pub(crate) use refusal::{for_method, refusal_response};
pub(crate) use settings::ResponseSettings;
