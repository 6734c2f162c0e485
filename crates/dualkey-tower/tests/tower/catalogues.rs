//! A requirement of another catalogue than the registry's can never be met: a guard refuses to be built.

use std::panic::catch_unwind;

use crate::support::*;
use dualkey_scope::{Catalogue, Requirement};
use dualkey_tower::{GuardRule, GuardedRouter, RouteTable};
use http::Method;

/// The same scopes as the fixture's, in a catalogue of its own.
fn foreign() -> Requirement {
    let catalogue = Catalogue::builder().scope("reservations:read", "Reservations - Read");
    catalogue.build().unwrap().require_all(["reservations:read"]).unwrap()
}

#[test]
#[should_panic(expected = "reservations:read is required by another catalogue than the registry's")]
fn a_layer_with_a_foreign_requirement_panics() {
    let _layer = Fixture::new().gate.require(foreign());
}

#[test]
fn every_way_to_declare_a_foreign_requirement_panics() {
    let declare: [fn(Fixture); 3] = [
        |fixture| drop(GuardRule::new(fixture.gate, foreign())),
        |fixture| drop(RouteTable::new(fixture.gate).require(Method::GET, "/", foreign())),
        |fixture| {
            let router = GuardedRouter::<()>::new(fixture.gate);
            drop(router.require(Method::GET, "/", foreign(), async || "guests"));
        },
    ];
    for declare in declare {
        assert!(catch_unwind(|| declare(Fixture::new())).is_err());
    }
}

#[test]
fn requirements_without_scopes_belong_to_every_catalogue() {
    let fixture = Fixture::new();
    let catalogue = Catalogue::builder().build().unwrap();
    let any_of_none = catalogue.require_any([""; 0]).unwrap();
    for requirement in [Requirement::NONE, Requirement::DENY_ALL, any_of_none, fixture.reads()] {
        let _layer = fixture.gate.require(requirement);
    }
}
