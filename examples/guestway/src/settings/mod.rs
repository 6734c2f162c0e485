//! The pages of the API's settings: the token page of an organization, the page of the operators, and the
//! sign-in of both.

mod access;
mod cookie;
mod frame;
mod links;
mod pages;
mod sessions;
mod sign_in;

pub use links::{InvalidSiteUrl, SiteUrl};
pub use pages::settings;
pub use sessions::{Sessions, User};
