//! One file per page, and the parts that pages have in common.

pub(crate) mod audit;
pub(crate) mod create;
mod history;
pub(crate) mod list;
pub(crate) mod mint;
mod parts;
pub(crate) mod remove;
mod repeated;
mod result;
pub(crate) mod rotate;
pub(crate) mod token;
