//! Catalogues are serialized as lists of scopes, sets as lists of names.
#![cfg(feature = "serde")]

use dualkey_scope::Catalogue;
use serde::de::DeserializeSeed as _;
use serde_json::json;

#[test]
fn a_catalogue_is_serialized_as_a_list_of_scopes() {
    let declared = json!([
        {"name": "a:edit", "label": "A - Edit", "implies": ["a:read"]},
        {"name": "a:read", "label": "A - Read", "implies": []},
    ]);
    let catalogue: Catalogue = serde_json::from_value(declared.clone()).unwrap();
    assert_eq!(serde_json::to_value(&catalogue).unwrap(), declared);
    assert_eq!(catalogue.grant(["a:edit"]).unwrap().len(), 2);

    let circle = json!([{"name": "a", "label": "A", "implies": ["a"]}]);
    let error = serde_json::from_value::<Catalogue>(circle).unwrap_err();
    assert!(error.to_string().contains("circle: a → a"));
}

#[test]
fn a_set_is_serialized_as_names_and_unknown_names_fail() {
    let catalogue = Catalogue::builder().scope("a", "A").scope("b", "B").build().unwrap();
    let set = catalogue.grant(["b", "a"]).unwrap();
    let names = serde_json::to_value(catalogue.names(&set)).unwrap();
    assert_eq!(names, json!(["a", "b"]));
    assert_eq!(catalogue.scope_set_seed().deserialize(names).unwrap(), set);
    assert!(catalogue.scope_set_seed().deserialize(json!(["a", "c"])).is_err());
}
