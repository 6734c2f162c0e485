//! Building a catalogue, granting scopes and meeting requirements.
#![allow(clippy::unwrap_used, reason = "test code may panic")]

use dualkey_scope::{Catalogue, CatalogueBuilder, CatalogueError, Requirement};

fn builder() -> CatalogueBuilder {
    Catalogue::builder()
        .scope("full:edit", "Full Access - Edit")
        .scope("full:read", "Full Access - Read")
        .scope("guests:read", "Guests - Read")
        .scope("messages:send", "Messages - Send")
        .implies("full:read", ["guests:read"])
        .implies("full:edit", ["full:read", "messages:send"])
}

fn catalogue() -> Catalogue {
    builder().build().unwrap()
}

#[test]
fn scopes_are_listed_as_declared() {
    let catalogue = catalogue();
    let names: Vec<_> = catalogue.scopes().iter().map(|scope| scope.name()).collect();
    assert_eq!(names, ["full:edit", "full:read", "guests:read", "messages:send"]);
    let scope = catalogue.scope("full:edit").unwrap();
    assert_eq!(scope.label(), "Full Access - Edit");
    assert_eq!(scope.implies().collect::<Vec<_>>(), ["full:read", "messages:send"]);
    assert!(catalogue.scope("full").is_none());
}

#[test]
fn implications_are_transitive() {
    let catalogue = catalogue();
    let set = catalogue.grant(["full:edit"]).unwrap();
    assert_eq!(set.len(), 4);
    assert!(!set.is_empty());
    assert_eq!(
        catalogue.names(&set).collect::<Vec<_>>(),
        ["full:edit", "full:read", "guests:read", "messages:send"]
    );
    assert!(catalogue.require_all(["guests:read"]).unwrap().is_met_by(&set));
}

#[test]
fn implications_are_not_symmetric() {
    let catalogue = catalogue();
    let set = catalogue.grant(["full:read"]).unwrap();
    assert!(!catalogue.require_all(["full:edit"]).unwrap().is_met_by(&set));
    assert!(!catalogue.require_any(["messages:send", "full:edit"]).unwrap().is_met_by(&set));
}

#[test]
fn names_match_exactly() {
    let catalogue = catalogue();
    for name in ["", "full", "full:*", "*", "Full:read", "full:read ", "full:read guests:read"] {
        let error = catalogue.grant([name]).unwrap_err();
        assert_eq!(error.names().collect::<Vec<_>>(), [name]);
        assert!(catalogue.require_all([name]).is_err());
        assert!(catalogue.require_any([name]).is_err());
    }
}

#[test]
fn a_strict_grant_lists_every_unknown_name() {
    let error = catalogue().grant(["full:read", "owners:read", "x"]).unwrap_err();
    assert_eq!(error.to_string(), "unknown scopes: owners:read x");
}

#[test]
fn unknown_stored_names_grant_nothing_and_are_listed() {
    let catalogue = catalogue();
    let resolved = catalogue.resolve(["guests:read", "owners:read"]);
    assert_eq!(resolved.unknown, ["owners:read"]);
    assert_eq!(resolved.scopes, catalogue.grant(["guests:read"]).unwrap());
    assert!(catalogue.resolve(["owners:read"]).scopes.is_empty());
}

#[test]
fn requiring_all_of_nothing_passes_and_any_of_nothing_fails() {
    let catalogue = catalogue();
    let nothing = catalogue.grant([""; 0]).unwrap();
    let everything = catalogue.grant(["full:edit"]).unwrap();
    assert!(Requirement::NONE.is_met_by(&nothing));
    assert!(catalogue.require_all([""; 0]).unwrap().is_met_by(&nothing));
    assert!(!catalogue.require_any([""; 0]).unwrap().is_met_by(&everything));
}

#[test]
fn two_equal_catalogues_never_match() {
    let (one, other) = (catalogue(), catalogue());
    let set = one.grant(["full:edit"]).unwrap();
    assert!(!other.require_all(["full:edit"]).unwrap().is_met_by(&set));
    assert!(!other.require_any(["full:edit"]).unwrap().is_met_by(&set));
    assert_eq!(other.names(&set).count(), 0);
    assert!(one.clone().require_all(["full:edit"]).unwrap().is_met_by(&set));
}

#[test]
fn a_requirement_without_names_is_of_every_catalogue() {
    let (one, other) = (catalogue(), catalogue());
    for requirement in
        [one.require_all([""; 0]).unwrap(), one.require_any([""; 0]).unwrap(), Requirement::NONE]
    {
        assert!(other.has(&requirement), "{requirement:?}");
    }
    for requirement in [one.require_all(["full:read"]), one.require_any(["full:read"])] {
        let requirement = requirement.unwrap();
        assert!(one.has(&requirement) && !other.has(&requirement), "{requirement:?}");
    }
}

#[test]
fn debug_output_lists_a_catalogue_and_counts_a_set() {
    let catalogue = catalogue();
    assert!(format!("{catalogue:?}").contains("Full Access - Edit"));
    let set = format!("{:?}", catalogue.grant(["full:read"]).unwrap());
    assert!(set.starts_with("ScopeSet(2 of catalogue "), "{set}");
}

#[test]
fn a_requirement_displays_space_separated_names() {
    let catalogue = catalogue();
    let requirement = catalogue.require_all(["messages:send", "full:read"]).unwrap();
    assert_eq!(requirement.to_string(), "messages:send full:read");
    assert_eq!(Requirement::NONE.to_string(), "");
}

#[test]
fn a_cycle_is_an_error_that_lists_its_path() {
    let error = builder().implies("guests:read", ["full:edit"]).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "scopes imply each other in a circle: full:edit → full:read → guests:read → full:edit"
    );
    let error = builder().implies("guests:read", ["guests:read"]).build().unwrap_err();
    let path = vec!["guests:read".to_owned(); 2];
    assert_eq!(error, CatalogueError::Cycle { path });
}

#[test]
fn unknown_duplicate_and_invalid_names_are_errors() {
    let name = |name: &str| name.to_owned();
    let unknown = CatalogueError::Unknown { name: name("owners:read") };
    assert_eq!(builder().implies("full:read", ["owners:read"]).build().unwrap_err(), unknown);
    assert_eq!(builder().implies("owners:read", ["full:read"]).build().unwrap_err(), unknown);
    assert_eq!(
        builder().scope("full:read", "again").build().unwrap_err(),
        CatalogueError::Duplicate { name: name("full:read") }
    );
    for bad in ["", "a b", "a\"", "a\\", "é", "a\n", "\u{7f}"] {
        let error = builder().scope(bad, "").build().unwrap_err();
        assert_eq!(error, CatalogueError::InvalidName { name: name(bad) });
    }
}

#[test]
fn a_catalogue_holds_at_most_128_scopes() {
    let build = |count: u32| {
        let empty = Catalogue::builder();
        (0..count).fold(empty, |builder, n| builder.scope(format!("s{n}"), "")).build()
    };
    let catalogue = build(128).unwrap();
    let last = catalogue.grant(["s127"]).unwrap();
    assert_eq!(catalogue.names(&last).collect::<Vec<_>>(), ["s127"]);
    assert_eq!(build(129).unwrap_err(), CatalogueError::TooMany { count: 129 });
}

#[test]
fn a_repeated_name_counts_once_in_the_catalogues_order() {
    let catalogue = catalogue();
    let million = ["messages:send", "guests:read"].into_iter().cycle().take(1_000_000);
    let names = catalogue.canonical_names(million.clone()).unwrap();
    assert_eq!(names, ["guests:read", "messages:send"]);
    let required = catalogue.require_all(million.clone()).unwrap();
    assert_eq!(required.to_string(), "messages:send guests:read");
    assert_eq!(catalogue.grant(million).unwrap().len(), 2);
}

#[test]
fn unknown_names_are_listed_once_and_at_most_128() {
    let catalogue = catalogue();
    let repeated = ["x", "guests:read"].into_iter().cycle().take(1_000_000);
    let error = catalogue.grant(repeated).unwrap_err();
    assert_eq!(error.names().collect::<Vec<_>>(), ["x"]);
    let many = catalogue.resolve((0..10_000).map(|number| number.to_string()));
    assert_eq!((many.unknown.len(), &*many.unknown[127]), (128, "127"));
}
