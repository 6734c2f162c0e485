//! Dualkey as a middleware of [`actix_web`]. It passes a request on with a [`Grant`] in its
//! extensions, or responds with a refusal that names the cause and the remedy.
//!
//! ```
//! use actix_web::{App, test, web};
//! use dualkey_actix::{Gate, Granted, Guard, Verifier};
//! use dualkey_scope::Catalogue;
//! use dualkey_store::Registry;
//! use dualkey_token::Prefix;
//!
//! async fn guests(Granted(grant): Granted) -> String {
//!     format!("guests of {}", grant.organization)
//! }
//!
//! # #[actix_web::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
//! let guests_read = catalogue.require_all(["guests:read"])?;
//! let gate = Gate::new(Verifier::new(Registry::in_memory(catalogue, Prefix::new("gw"))));
//!
//! let guard = Guard::new(gate, guests_read);
//! let app = App::new().service(web::resource("/guests").wrap(guard).get(guests));
//!
//! let app = test::init_service(app).await;
//! let request = test::TestRequest::get().uri("/guests").to_request();
//! assert_eq!(test::call_service(&app, request).await.status(), 401);
//! # Ok(())
//! # }
//! ```
//!
//! The responses are equal to those of [`dualkey_tower`], byte for byte. The [`Gate`] configures them. This crate converts them to the types of actix, which uses an older version of `http`.

mod charged_error;
mod convert;
mod granted;
mod guard;

pub use charged_error::ChargedError;
pub use dualkey_tower::{Decision, Denial, Gate, Grant, Verifier};
pub use granted::{Granted, MaybeGranted, MissingGrant};
pub use guard::{Guard, GuardService};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
