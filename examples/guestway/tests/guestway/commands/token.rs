//! `guestway token`.

use std::fs;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::of_acme;
use crate::support::sandbox::{Sandbox, text};

#[test]
fn a_token_is_printed_at_creation_and_masked_in_the_list() {
    let sandbox = Sandbox::new();
    let create = of_acme("create", &["--name", "Zapier", "--scope", "guests:read"]);
    let more = ["--scope", "conversations:edit", "--expires-in", "90d"];
    let created = sandbox.json(&[&create[..], &more].concat());
    let secret = text(&created, "token");
    assert!(secret.starts_with("gw_"));

    let listed = sandbox.list(&of_acme("list", &[]));
    let mut expected = created.clone();
    expected.as_object_mut().unwrap().remove("token");
    assert_eq!(listed, [expected]);
    assert_eq!(listed[0]["masked"], format!("*********{}", &secret[secret.len() - 3..]));
    let permissions = [
        json!({ "name": "guests:read", "label": "Guests - Read" }),
        json!({ "name": "conversations:edit", "label": "Conversations - Edit" }),
    ];
    assert_eq!(listed[0]["permissions"], json!(permissions));
    assert_eq!((&listed[0]["status"], &listed[0]["name"]), (&json!("active"), &json!("Zapier")));
    for none in ["first_used", "last_used", "replaces", "replaced_by"] {
        assert_eq!(listed[0][none], Value::Null, "{none}");
    }
    let time = |key| text(&listed[0], key).parse::<Timestamp>().unwrap();
    let days = time("expires").duration_since(time("created")).as_secs_f64() / 86_400.0;
    assert!((days - 90.0).abs() < 0.001, "{days}");
    assert!(sandbox.list(&["token", "list", "--organization", "another"]).is_empty());
}

#[test]
fn a_rotated_token_works_for_the_overlap_and_is_rotated_once() {
    let sandbox = Sandbox::new();
    let [first, second] = [(); 2].map(|()| sandbox.create_token("acme"));
    let ids = [text(&first, "id"), text(&second, "id")];
    let overlapping = sandbox.json(&of_acme("rotate", &[ids[0], "--overlap", "1h"]));
    let at_once = sandbox.json(&of_acme("rotate", &[ids[1]]));
    assert_eq!((&overlapping["replaces"], &at_once["replaces"]), (&first["id"], &second["id"]));
    assert_eq!(overlapping["name"], first["name"]);

    let listed = sandbox.list(&of_acme("list", &[]));
    let find = |id| listed.iter().find(|token| token["id"] == id).unwrap();
    assert_eq!(find(ids[0])["status"], "replaced");
    assert_eq!(find(ids[0])["replaced_by"], overlapping["id"]);
    assert_eq!(find(ids[1])["status"], "expired");
    assert!(sandbox.refused(1, &of_acme("rotate", &[ids[0]])).contains("rotated before"));
    assert!(sandbox.refused(1, &of_acme("rotate", &[ids[1]])).contains("has expired"));
    assert_eq!(sandbox.list(&of_acme("list", &[])), listed);
}

#[test]
fn a_token_is_revoked_once_and_by_its_own_organization() {
    let sandbox = Sandbox::new();
    let id = text(&sandbox.create_token("acme"), "id").to_owned();
    let foreign = sandbox.refused(1, &["token", "revoke", "--organization", "other", &id]);
    assert!(foreign.contains("token list --organization 'other'"), "{foreign}");
    let revoked = sandbox.json(&of_acme("revoke", &[&id]));
    assert_eq!(revoked, json!({ "id": id, "organization": "acme", "status": "revoked" }));
    sandbox.refused(1, &of_acme("revoke", &[&id]));
    sandbox.refused(1, &of_acme("rotate", &[&id]));
    assert!(sandbox.list(&of_acme("list", &[])).is_empty());
}

#[test]
fn a_token_that_was_not_used_for_some_time_is_idle() {
    let sandbox = Sandbox::new();
    let created = sandbox.create_token("acme");
    let idle = sandbox.list(&of_acme("idle", &["--since", "0s"]));
    assert_eq!((idle.len(), &idle[0]["id"]), (1, &created["id"]));
    assert!(sandbox.list(&of_acme("idle", &["--since", "90d"])).is_empty());
}

#[test]
fn expired_tokens_are_pruned_with_an_audit_entry() {
    let sandbox = Sandbox::new();
    let old = sandbox.create_token("acme");
    let new = sandbox.json(&of_acme("rotate", &[text(&old, "id")])); // the old one expires at once
    assert_eq!(sandbox.json(&["token", "prune"]), json!({ "pruned": 0 }), "younger than 30 days");
    let pruned = sandbox.json(&["token", "prune", "--expired-for", "0s"]);
    assert_eq!(pruned, json!({ "pruned": 1 }));
    let listed = sandbox.list(&of_acme("list", &[]));
    assert_eq!((listed.len(), &listed[0]["id"]), (1, &new["id"]));
    let entry = &sandbox.list(&["audit", "--organization", "acme"])[0];
    assert_eq!((&entry["action"], &entry["token"]), (&json!("token_pruned"), &old["id"]));
    assert_eq!(entry["detail"], "Tests");
}

#[test]
fn tokens_that_are_not_peppered_are_listed() {
    let sandbox = Sandbox::new();
    let ids =
        ["acme", "other"].map(|organization| sandbox.create_token(organization)["id"].clone());
    let listed = sandbox.list(&["token", "unpeppered"]);
    assert_eq!([&listed[1]["id"], &listed[0]["id"]], [&ids[0], &ids[1]], "guestway has no pepper");
    assert_eq!(listed[0]["digest_method"], "unpeppered");
    assert!(sandbox.run(&["token", "unpeppered"]).stdout.contains("DIGEST METHOD"));
}

#[test]
#[cfg(target_os = "linux")]
fn if_a_new_token_cannot_be_printed_the_error_has_its_id() {
    let sandbox = Sandbox::new();
    let mut create =
        sandbox.command(&of_acme("create", &["--name", "X", "--scope", "guests:read"]));
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = create.stdout(full).output().unwrap();
    let line = String::from_utf8(output.stderr).unwrap();
    let id = sandbox.list(&of_acme("list", &[]))[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(line.contains(&format!("guestway token revoke --organization 'acme' {id}")), "{line}");
}
