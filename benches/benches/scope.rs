//! The cost of checking a route's requirement, and of granting a list of names to a new token.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use dualkey_scope::{Catalogue, CatalogueError, Requirement};

const RESOURCES: [&str; 10] = [
    "conversations",
    "guests",
    "invoices",
    "listings",
    "members",
    "payments",
    "rates",
    "reservations",
    "reviews",
    "tasks",
];

/// Twenty scopes: for each resource one to read, and one to edit that implies it.
fn catalogue() -> Result<Catalogue, CatalogueError> {
    let mut builder = Catalogue::builder();
    for resource in RESOURCES {
        let (read, edit) = (format!("{resource}:read"), format!("{resource}:edit"));
        builder = builder.scope(&*read, "Read").scope(&*edit, "Edit").implies(&edit, [&read]);
    }
    builder.build()
}

fn scope(c: &mut Criterion) {
    let mut group = c.benchmark_group("scope");
    let catalogue = catalogue().expect("no name is declared twice");
    let names = ["reservations:edit", "guests:read", "listings:read"];

    group.bench_function("grant/3-names", |b| b.iter(|| catalogue.grant(black_box(names))));

    let granted = catalogue.grant(names).expect("the names are declared");
    let known = "the names are declared";
    let (met, unmet) = (["reservations:read", "guests:read"], ["reservations:read", "guests:edit"]);
    let neither = ["tasks:read", "guests:edit"];
    let check = |requirement: &Requirement| black_box(requirement).is_met_by(black_box(&granted));
    for (name, requirement, expected) in [
        ("all/met", catalogue.require_all(met).expect(known), true),
        ("all/unmet", catalogue.require_all(unmet).expect(known), false),
        ("any/met", catalogue.require_any(unmet).expect(known), true),
        ("any/unmet", catalogue.require_any(neither).expect(known), false),
    ] {
        assert_eq!(check(&requirement), expected);
        group.bench_function(name, |b| b.iter(|| check(&requirement)));
    }
    group.finish();
}

criterion_group!(benches, scope);
criterion_main!(benches);
