//! `guestway token`.

use std::process::Command;

use dualkey::PlainToken;
use guestway::PREFIX;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::of_acme;
use crate::support::sandbox::{Sandbox, output_of, output_with_input, text};
use crate::support::secret::assert_absent;

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
        json!({ "name": "conversations:edit", "label": "Conversations - Edit" }),
        json!({ "name": "guests:read", "label": "Guests - Read" }),
    ];
    assert_eq!(listed[0]["permissions"], json!(permissions));
    assert_eq!((&listed[0]["status"], &listed[0]["name"]), (&json!("active"), &json!("Zapier")));
    for none in ["first_used", "last_used", "last_used_by", "replaces", "replaced_by"] {
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
fn a_token_gets_another_name_that_is_not_taken() {
    let sandbox = Sandbox::new();
    let [token, taken] = [(); 2].map(|()| sandbox.create_token("acme"));
    let id = text(&token, "id");
    let rename = |name| of_acme("rename", &[id, "--name", name]);
    let renamed = sandbox.json(&rename("Door locks"));
    assert_eq!((&renamed["id"], &renamed["name"]), (&token["id"], &json!("Door locks")));
    assert_eq!(sandbox.list(&of_acme("list", &[]))[1], renamed);
    let entry = &sandbox.list(&["audit", "--organization", "acme"])[0];
    assert_eq!(entry["action"], "token_renamed");
    let detail = format!("{} to \"Door locks\"", token["name"]);
    assert_eq!(entry["detail"], detail);

    let refused = sandbox.refused(1, &rename(text(&taken, "name")));
    assert!(refused.contains("has this name: choose another"), "{refused}");
    let create = of_acme("create", &["--name", "Door locks", "--scope", "guests:read"]);
    assert!(sandbox.refused(1, &create).contains("has this name"));
    let foreign = ["token", "rename", "--organization", "other", id, "--name", "Mine"];
    assert!(sandbox.refused(1, &foreign).contains("has no token"));
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
fn tokens_that_expire_soon_are_listed_soonest_first() {
    let sandbox = Sandbox::new();
    for (name, lifetime) in [("second", "9d"), ("first", "2d"), ("third", "20d")] {
        let create = ["--name", name, "--scope", "guests:read", "--expires-in", lifetime];
        sandbox.json(&of_acme("create", &create));
    }
    sandbox.create_token("acme");
    let expiring = sandbox.list(&of_acme("expiring", &["--within", "14d"]));
    assert_eq!(
        Vec::from_iter(expiring.iter().map(|token| text(token, "name"))),
        ["first", "second"]
    );
    assert!(sandbox.list(&of_acme("expiring", &["--within", "1d"])).is_empty());
}

#[test]
fn lifetimes_of_tokens_have_a_default_and_a_maximum() {
    let sandbox = Sandbox::new();
    let create = |name, rest: &[&'static str]| {
        let options = ["--default-lifetime", "30d", "--max-lifetime", "90d"];
        let create = ["--name", name, "--scope", "guests:read"];
        of_acme("create", &[&create[..], &options, rest].concat())
    };
    let created = sandbox.json(&create("short", &[]));
    let time = |key| text(&created, key).parse::<Timestamp>().unwrap();
    assert_eq!(time("expires").duration_since(time("created")).as_hours(), 30 * 24);
    for rest in [&["--no-expiry"][..], &["--expires-in", "91d"]] {
        let refused = sandbox.refused(1, &create("long", rest));
        assert!(refused.contains("at most 90 days"), "{refused}");
    }
    let endless = of_acme("create", &["--name", "endless", "--scope", "guests:read"]);
    let endless = [&endless[..], &["--default-lifetime", "30d", "--no-expiry"]].concat();
    assert_eq!(sandbox.json(&endless)["expires"], Value::Null);
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
    assert_eq!(entry["detail"], old["name"]);
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
fn if_a_new_token_cannot_be_printed_the_error_has_its_id() {
    let sandbox = Sandbox::new();
    let mut create =
        sandbox.command(&of_acme("create", &["--name", "X", "--scope", "guests:read"]));
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    let output = create.stdout(closed).output().unwrap();
    let line = String::from_utf8(output.stderr).unwrap();
    let id = sandbox.list(&of_acme("list", &[]))[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(line.contains(&format!("guestway token revoke --organization 'acme' {id}")), "{line}");
}

/// Without a descriptor, on the null device, on a full one, and on a file that is open for reading only.
#[test]
#[cfg(target_os = "linux")]
fn no_token_is_issued_where_its_only_copy_would_be_lost() {
    let sandbox = Sandbox::new();
    let created = sandbox.create_token("acme");
    let create = of_acme("create", &["--name", "X", "--scope", "guests:read"]);
    let rotate = of_acme("rotate", &[text(&created, "id")]);
    for redirection in [">&-", ">/dev/null", ">/dev/full", "1</etc/passwd"] {
        for arguments in [&create, &rotate] {
            let command = sandbox.command(arguments);
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!(r#"exec "$@" {redirection}"#), "sh"]);
            shell.arg(command.get_program()).args(command.get_args()).current_dir(sandbox.folder());
            let output = output_of(&mut shell);
            assert_eq!(output.status, Some(1), "{redirection}: {output:?}");
            assert!(output.error_line().contains("nothing was changed"), "{output:?}");
        }
    }
    let listed = sandbox.list(&of_acme("list", &[]));
    assert_eq!((listed.len(), &listed[0]["status"]), (1, &json!("active")));
}

#[test]
fn quiet_prints_only_the_token() {
    let sandbox = Sandbox::new();
    let create = of_acme("create", &["--name", "X", "--scope", "guests:read", "--quiet"]);
    let created = sandbox.run(&create);
    let id = text(&sandbox.list(&of_acme("list", &[]))[0], "id").to_owned();
    let rotated = sandbox.run(&of_acme("rotate", &[&id, "--quiet"]));
    for output in [&created, &rotated] {
        let token = output.stdout.strip_suffix('\n').unwrap();
        assert!(PlainToken::parse(&PREFIX, token).is_ok(), "{output:?}");
    }
}

#[test]
fn each_scope_is_listed_once_in_the_catalogues_order() {
    let sandbox = Sandbox::new();
    let scopes = ["guests:read", "full:read", "guests:read"].map(|scope| ["--scope", scope]);
    let created =
        sandbox.json(&of_acme("create", &[&["--name", "X"], scopes.as_flattened()].concat()));
    let permissions = created["permissions"].as_array().unwrap();
    let names = Vec::from_iter(permissions.iter().map(|permission| text(permission, "name")));
    assert_eq!(names, ["full:read", "guests:read"]);
}

#[test]
fn a_token_on_standard_input_is_revoked() {
    let sandbox = Sandbox::new();
    let created = sandbox.create_token("acme");
    let (token, id) = (text(&created, "token"), text(&created, "id"));
    let revoke = |rest: &[&str]| {
        let arguments = [&["token", "revoke", "--json"], rest].concat();
        output_with_input(&mut sandbox.command(&arguments), &format!(" {token}\r\n"))
    };
    let foreign = revoke(&["--organization", "other"]);
    assert!(foreign.error_line().contains("does not belong to other"), "{foreign:?}");
    let revoked = revoke(&[]);
    assert_eq!((revoked.status, &*revoked.stderr), (Some(0), ""), "{revoked:?}");
    assert_eq!(
        serde_json::from_str::<Value>(&revoked.stdout).unwrap(),
        json!({ "id": id, "organization": "acme", "status": "revoked" })
    );
    let again = revoke(&[]);
    assert!(again.status == Some(1) && again.error_line().contains("not known"), "{again:?}");
    assert_absent(token, format!("{foreign:?}{revoked:?}{again:?}").as_bytes(), "an answer");
}

/// `script` of Debian's package bsdutils, which is essential, runs a command on a terminal.
#[test]
#[cfg(target_os = "linux")]
fn on_a_terminal_revoke_asks_unless_yes_is_given() {
    let sandbox = Sandbox::new();
    let id = text(&sandbox.create_token("acme"), "id").to_owned();
    let on_terminal = |rest: &[&str], answer: &str| {
        let command = sandbox.command(&of_acme("revoke", &[&[&*id], rest].concat()));
        let line = [command.get_program()].into_iter().chain(command.get_args());
        let line = Vec::from_iter(line.map(|word| format!("'{}'", word.to_str().unwrap())));
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--command", &line.join(" "), "/dev/null"]);
        output_with_input(script.current_dir(sandbox.folder()), answer)
    };
    for answer in ["n\n", "\n", "\u{4}"] {
        let kept = on_terminal(&[], answer);
        assert!(kept.status == Some(1) && kept.stdout.contains("permanently? [y/N]"), "{kept:?}");
        assert_eq!(sandbox.list(&of_acme("list", &[])).len(), 1);
    }
    assert_eq!(on_terminal(&[], "y\n").status, Some(0));
    assert!(sandbox.list(&of_acme("list", &[])).is_empty());
    let asked = on_terminal(&["--yes"], "");
    assert!(asked.stdout.contains("has no token") && !asked.stdout.contains("[y/N]"), "{asked:?}");
}
