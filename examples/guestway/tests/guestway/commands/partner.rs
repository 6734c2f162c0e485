//! `guestway partner`.

use std::thread;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::keys;
use crate::support::sandbox::{Sandbox, text};

#[test]
fn a_partner_is_added_listed_limited_disabled_and_enabled() {
    let sandbox = Sandbox::new();
    let partner = sandbox.json(&["partner", "add", "Door locks"]);
    assert_eq!(
        keys(&partner),
        ["burst", "created", "daily", "enabled", "id", "key", "name", "rate", "used_today"]
    );
    let key = text(&partner, "key").to_owned();
    assert_eq!((key.len(), text(&partner, "name")), (16, "Door locks"));
    text(&partner, "created").parse::<Timestamp>().unwrap();
    let limits = |partner: &Value| ["rate", "burst", "daily"].map(|key| partner[key].clone());
    assert_eq!(limits(&partner), [json!(5), json!(10), json!(10_000)]);

    let changed = sandbox.json(&["partner", "limits", &key, "--rate", "7", "--daily", "none"]);
    assert_eq!(limits(&changed), [json!(7), json!(10), json!(null)]);
    let changed = sandbox.json(&["partner", "limits", &key, "--burst", "20", "--daily", "9"]);
    assert_eq!(limits(&changed), [json!(7), json!(20), json!(9)]);
    assert_eq!(sandbox.json(&["partner", "disable", &key])["enabled"], false);
    assert_eq!(sandbox.list(&["partner", "list"])[0]["enabled"], false);
    let enabled = sandbox.json(&["partner", "enable", &key]);
    assert_eq!(sandbox.list(&["partner", "list"]), [enabled]);
}

#[test]
fn two_changes_of_limits_at_once_both_stay() {
    let sandbox = Sandbox::new();
    let key = text(&sandbox.json(&["partner", "add", "Door locks"]), "key").to_owned();
    for round in 1..=10 {
        let number = round.to_string();
        thread::scope(|scope| {
            for limit in ["--rate", "--burst"] {
                let change = ["partner", "limits", &key, limit, &number];
                let sandbox = &sandbox;
                scope.spawn(move || sandbox.json(&change));
            }
        });
        let partner = &sandbox.list(&["partner", "list"])[0];
        assert_eq!([&partner["rate"], &partner["burst"]], [&json!(round), &json!(round)]);
    }
}

#[test]
fn a_partner_can_have_a_chosen_key_that_is_not_taken() {
    let sandbox = Sandbox::new();
    let add = ["partner", "add", "Own key", "--key=-!my-own~key", "--rate", "1"];
    assert_eq!(sandbox.json(&add)["key"], "-!my-own~key");
    assert!(sandbox.refused(1, &add).contains("another partner has this key"));
    sandbox.refused(2, &["partner", "add", "Short", "--key", "short"]);
    assert_eq!(sandbox.list(&["partner", "list"]).len(), 1);
}
