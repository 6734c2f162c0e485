//! The middleware: a layer, the service that it makes, that service's future and its body.

mod body;
mod future;
mod layer;
mod rule;
mod service;

pub use body::GuardBody;
pub use future::GuardFuture;
pub use layer::GuardLayer;
pub use rule::GuardRule;
pub use service::Guard;
