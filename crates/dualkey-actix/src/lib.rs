//! Dualkey as a middleware of [`actix_web`]: requests pass with a [`Grant`] in their extensions, or
//! are answered with a refusal that says what to do.
//!
//! ```
//! use actix_web::{App, test, web};
//! use dualkey_actix::{Guard, Granted, Gate, Verifier};
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
//! let answer = test::call_service(&app, test::TestRequest::get().uri("/guests").to_request()).await;
//! assert_eq!(answer.status(), 401);
//! # Ok(())
//! # }
//! ```
//!
//! The answers are those of [`dualkey_tower`], to the byte: its [`Gate`] writes them and decides
//! what can be configured of them. This crate only carries them over from one framework to the other,
//! whose types for http are those of another version.

mod convert;
mod granted;
mod guard;

pub use dualkey_tower::{Denial, Gate, Grant, Verifier};
pub use granted::{Granted, MissingGrant};
pub use guard::{Guard, GuardService};
