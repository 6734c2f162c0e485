//! `guestway audit`, and the actor of commands.

use serde_json::{Value, json};

use super::{keys, of_acme};
use crate::support::sandbox::{Sandbox, output_of, text};

#[test]
fn the_audit_trail_records_actor_action_and_target() {
    let sandbox = Sandbox::new();
    let created = sandbox.create_token("acme");
    let id = text(&created, "id").to_owned();
    let rotate = of_acme("rotate", &[&id, "--actor", "Robin (night shift)"]);
    let successor = sandbox.json(&rotate);
    sandbox.json(&of_acme("revoke", &[&id]));
    sandbox.json(&["partner", "add", "Door locks", "--actor", "setup"]);

    let entries = sandbox.list(&["audit", "--organization", "acme"]);
    assert_eq!(
        keys(&entries[0]),
        ["action", "actor", "at", "detail", "id", "organization", "partner", "token"]
    );
    let summary = |entry: &Value| ["actor", "action", "detail"].map(|key| entry[key].clone());
    let tester = "cli:tester";
    assert_eq!(
        Vec::from_iter(entries.iter().map(summary)),
        [
            [json!(tester), json!("token_revoked"), created["name"].clone()],
            [json!("Robin (night shift)"), json!("token_rotated"), successor["id"].clone()],
            [json!(tester), json!("token_issued"), created["name"].clone()],
        ]
    );
    assert!(entries.iter().all(|entry| entry["token"] == id && entry["organization"] == "acme"));
    let of_partners = sandbox.list(&["audit"]);
    assert_eq!((of_partners.len(), &of_partners[0]["actor"]), (1, &json!("setup")));
    assert_eq!(sandbox.list(&["audit", "--organization", "acme", "--limit", "1"]), entries[..1]);
    sandbox.refused(2, &["partner", "add", "Not added", "--actor", "\u{1b}[31m"]);
}

#[test]
fn without_a_user_name_the_actor_is_the_user_number() {
    let sandbox = Sandbox::new();
    for name in [None, Some(""), Some("\u{7}")] {
        let mut command = sandbox.command(&["partner", "add", "Door locks"]);
        command.env_remove("USER").envs(name.map(|name| ("USER", name)));
        assert_eq!(output_of(&mut command).status, Some(0));
        let actor = sandbox.list(&["audit"])[0]["actor"].clone();
        let number = actor.as_str().unwrap().strip_prefix("cli:").unwrap();
        assert!(number == "unknown" || number.parse::<u32>().is_ok(), "{actor}");
    }
}
