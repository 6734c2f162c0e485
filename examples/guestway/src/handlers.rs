//! What the endpoints do. Each handler takes its organization from the grant.

pub(crate) mod custom_fields;
pub(crate) mod health;
pub(crate) mod inbox;
pub(crate) mod people;
pub(crate) mod property;
pub(crate) mod reservations;

use axum::Json;
use axum::extract::State;
use dualkey::Grant;

use crate::lists::Stored;
use crate::organizations::Organizations;
use crate::page::{List, Page};
use crate::problem::Problem;

type Answer<T> = Result<Json<T>, Problem>;

/// The records of the organization, in a handler.
type Store = State<Organizations>;

/// A page of all records of one kind.
fn list<T: Stored>(organizations: &Organizations, grant: &Grant, page: &Page<T>) -> Json<List<T>> {
    Json(organizations.with(&grant.organization, |records| page.of(T::all(records))))
}
