//! The pages of those who run the API.

mod audit;
mod builder;
mod changes;
mod limits;
mod list;
mod partner;
mod site;

pub use builder::{Operator, OperatorBuilder};
pub use site::Staff;
