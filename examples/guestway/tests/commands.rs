//! Each command: its answer in JSON and for people, its exit status, and what it says when it fails.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

mod support;

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use serde_json::{Value, json};
use support::desk::{Desk, Said, said, text};
use support::secret::assert_absent;

const NO_ID: &str = "0192f0c1-2d3e-7f00-8a9b-0c1d2e3f4a5b";

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn of_acme<'a>(command: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&["token", command, "--organization", "acme"], rest].concat()
}

fn inspect(desk: &Desk, input: &str, arguments: &[&str]) -> Said {
    let mut command = desk.command(&[&["inspect"], arguments].concat());
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Said {
        status: output.status.code(),
        answer: String::from_utf8(output.stdout).unwrap(),
        error: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn a_partner_is_added_listed_limited_disabled_and_enabled() {
    let desk = Desk::new();
    let partner = desk.json(&["partner", "add", "Door locks"]);
    assert_eq!(
        keys(&partner),
        ["burst", "created", "daily", "enabled", "id", "key", "name", "rate", "used_today"]
    );
    let key = text(&partner, "key").to_owned();
    assert_eq!((key.len(), text(&partner, "name")), (16, "Door locks"));
    text(&partner, "created").parse::<Timestamp>().unwrap();
    let limits = |partner: &Value| ["rate", "burst", "daily"].map(|key| partner[key].clone());
    assert_eq!(limits(&partner), [json!(5), json!(10), json!(10_000)]);

    let changed = desk.json(&["partner", "limits", &key, "--rate", "7", "--daily", "none"]);
    assert_eq!(limits(&changed), [json!(7), json!(10), json!(null)]);
    let changed = desk.json(&["partner", "limits", &key, "--burst", "20", "--daily", "9"]);
    assert_eq!(limits(&changed), [json!(7), json!(20), json!(9)]);
    assert_eq!(desk.json(&["partner", "disable", &key])["enabled"], false);
    assert_eq!(desk.list(&["partner", "list"])[0]["enabled"], false);
    let enabled = desk.json(&["partner", "enable", &key]);
    assert_eq!(desk.list(&["partner", "list"]), [enabled]);
}

#[test]
fn a_partner_may_bring_a_key_that_nobody_has() {
    let desk = Desk::new();
    let add = ["partner", "add", "Own key", "--key=-!my-own~key", "--rate", "1"];
    assert_eq!(desk.json(&add)["key"], "-!my-own~key");
    assert!(desk.refused(1, &add).contains("another partner has this key"));
    desk.refused(2, &["partner", "add", "Short", "--key", "short"]);
    assert_eq!(desk.list(&["partner", "list"]).len(), 1);
}

#[test]
fn a_token_is_shown_when_it_is_created_and_masked_in_the_list() {
    let desk = Desk::new();
    let create = of_acme("create", &["--name", "Zapier", "--scope", "guests:read"]);
    let more = ["--scope", "conversations:edit", "--expires-in", "90d"];
    let created = desk.json(&[&create[..], &more].concat());
    let secret = text(&created, "token");
    assert!(secret.starts_with("gw_"));

    let listed = desk.list(&of_acme("list", &[]));
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
    assert!(desk.list(&["token", "list", "--organization", "another"]).is_empty());
}

#[test]
fn a_token_that_is_rotated_works_for_the_overlap_and_is_rotated_once() {
    let desk = Desk::new();
    let [first, second] = [(); 2].map(|()| desk.create_token("acme"));
    let ids = [text(&first, "id"), text(&second, "id")];
    let overlapping = desk.json(&of_acme("rotate", &[ids[0], "--overlap", "1h"]));
    let at_once = desk.json(&of_acme("rotate", &[ids[1]]));
    assert_eq!((&overlapping["replaces"], &at_once["replaces"]), (&first["id"], &second["id"]));
    assert_eq!(overlapping["name"], first["name"]);

    let listed = desk.list(&of_acme("list", &[]));
    let find = |id| listed.iter().find(|token| token["id"] == id).unwrap();
    assert_eq!(find(ids[0])["status"], "replaced");
    assert_eq!(find(ids[0])["replaced_by"], overlapping["id"]);
    assert_eq!(find(ids[1])["status"], "expired");
    assert!(desk.refused(1, &of_acme("rotate", &[ids[0]])).contains("rotated before"));
    assert!(desk.refused(1, &of_acme("rotate", &[ids[1]])).contains("has expired"));
    assert_eq!(desk.list(&of_acme("list", &[])), listed);
}

#[test]
fn a_token_is_revoked_once_and_by_its_own_organization() {
    let desk = Desk::new();
    let id = text(&desk.create_token("acme"), "id").to_owned();
    let foreign = desk.refused(1, &["token", "revoke", "--organization", "other", &id]);
    assert!(foreign.contains("token list --organization 'other'"), "{foreign}");
    let revoked = desk.json(&of_acme("revoke", &[&id]));
    assert_eq!(revoked, json!({ "id": id, "organization": "acme", "status": "revoked" }));
    desk.refused(1, &of_acme("revoke", &[&id]));
    desk.refused(1, &of_acme("rotate", &[&id]));
    assert!(desk.list(&of_acme("list", &[])).is_empty());
}

#[test]
fn a_token_that_nobody_used_for_some_time_is_idle() {
    let desk = Desk::new();
    let created = desk.create_token("acme");
    let idle = desk.list(&of_acme("idle", &["--since", "0s"]));
    assert_eq!((idle.len(), &idle[0]["id"]), (1, &created["id"]));
    assert!(desk.list(&of_acme("idle", &["--since", "90d"])).is_empty());
}

#[test]
fn the_audit_trail_says_who_did_what_to_what() {
    let desk = Desk::new();
    let id = text(&desk.create_token("acme"), "id").to_owned();
    let rotate = of_acme("rotate", &[&id, "--actor", "Robin (night shift)"]);
    let successor = desk.json(&rotate);
    desk.json(&of_acme("revoke", &[&id]));
    desk.json(&["partner", "add", "Door locks", "--actor", "setup"]);

    let entries = desk.list(&["audit", "--organization", "acme"]);
    assert_eq!(
        keys(&entries[0]),
        ["action", "actor", "at", "detail", "id", "organization", "partner", "token"]
    );
    let told = |entry: &Value| ["actor", "action", "detail"].map(|key| entry[key].clone());
    let tester = "cli:tester";
    assert_eq!(
        Vec::from_iter(entries.iter().map(told)),
        [
            [json!(tester), json!("token_revoked"), json!("")],
            [json!("Robin (night shift)"), json!("token_rotated"), successor["id"].clone()],
            [json!(tester), json!("token_issued"), json!("Tests")],
        ]
    );
    assert!(entries.iter().all(|entry| entry["token"] == id && entry["organization"] == "acme"));
    let of_partners = desk.list(&["audit"]);
    assert_eq!((of_partners.len(), &of_partners[0]["actor"]), (1, &json!("setup")));
    assert_eq!(desk.list(&["audit", "--organization", "acme", "--limit", "1"]), entries[..1]);
    desk.refused(2, &["partner", "add", "Nobody", "--actor", "\u{1b}[31m"]);
}

#[test]
fn without_a_name_of_the_user_the_audit_trail_has_the_number() {
    let desk = Desk::new();
    for name in [None, Some(""), Some("\u{7}")] {
        let mut command = desk.command(&["partner", "add", "Door locks"]);
        command.env_remove("USER").envs(name.map(|name| ("USER", name)));
        assert_eq!(said(&mut command).status, Some(0));
        let actor = desk.list(&["audit"])[0]["actor"].clone();
        let number = actor.as_str().unwrap().strip_prefix("cli:").unwrap();
        assert!(number == "unknown" || number.parse::<u32>().is_ok(), "{actor}");
    }
}

#[test]
fn a_token_is_inspected_from_standard_input_and_never_printed() {
    let desk = Desk::new();
    let created = desk.create_token("acme");
    let (token, id) = (text(&created, "token"), text(&created, "id"));
    let finding = |input: &str, status| {
        let said = inspect(&desk, input, &["--json"]);
        assert_eq!(said.status, Some(status), "{said:?}");
        assert_absent(token, format!("{said:?}").as_bytes(), "the answer");
        serde_json::from_str::<Value>(&said.answer).unwrap()
    };
    let known = finding(&format!("{token}\n"), 0);
    assert_eq!((&known["well_formed"], &known["known"]), (&json!(true), &json!(true)));
    assert_eq!((&known["status"], &known["record"]["id"]), (&json!("active"), &json!(id)));

    desk.json(&of_acme("rotate", &[id]));
    assert_eq!(finding(token, 0)["status"], "expired");
    desk.json(&of_acme("revoke", &[id]));
    let unknown = finding(&format!("  {token}\r\n"), 1);
    assert_eq!((&unknown["well_formed"], &unknown["known"]), (&json!(true), &json!(false)));
    assert_eq!((&unknown["status"], &unknown["record"]), (&json!(null), &json!(null)));

    let typo = token.replacen(&token[9..10], if &token[9..10] == "a" { "b" } else { "a" }, 1);
    for (input, reason) in [
        (&*typo, "wrong checksum"),
        (&token[..50], "wrong length"),
        (&token[1..], "another prefix"),
        (&format!("{}_", &token[..50]), "a character that no token holds"),
    ] {
        let malformed = finding(input, 1);
        assert_eq!(
            (&malformed["well_formed"], &malformed["reason"]),
            (&json!(false), &json!(reason))
        );
    }
    assert!(inspect(&desk, token, &[]).line().contains("not known in sqlite://guestway.db"));
    assert_eq!(inspect(&desk, "\n", &[]).status, Some(2));
}

#[test]
fn a_token_on_the_command_line_is_refused_and_not_repeated() {
    let desk = Desk::new();
    let created = desk.create_token("acme");
    let token = text(&created, "token");
    let argument = format!("--key={token}");
    for arguments in [
        &["inspect", token][..],
        &["token", "revoke", "--organization", "acme", &token[..50]],
        &["partner", "add", "Misled", &argument],
        &["partner", "limits", token, "--rate", "9"],
        &["serve", "--database", token],
    ] {
        let line = desk.refused(2, arguments);
        assert!(line.contains("inspect"), "{line}");
        assert_absent(token, line.as_bytes(), "the error");
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_status_2_and_changes_nothing() {
    let desk = Desk::new();
    let long = "x".repeat(129);
    let create = |rest: &[&'static str]| of_acme("create", rest);
    for arguments in [
        vec!["partners"],
        vec!["partner"],
        vec!["partner", "add"],
        vec!["partner", "add", ""],
        vec!["partner", "add", "a\u{9b}b"],
        vec!["partner", "add", "X", "--rate", "0"],
        vec!["partner", "add", "X", "--rate", "1000001"],
        vec!["partner", "add", "X", "--burst", "4000000000", "--daily", "4000000000"],
        vec!["partner", "limits", "abcdefgh"],
        vec!["token", "list"],
        vec!["token", "list", "--organization", ""],
        vec!["token", "list", "--organization", &long],
        vec!["token", "list", "--organization", "acme", "--database", "guestway.db"],
        vec!["token", "revoke", "--organization", "acme", "1"],
        create(&["--name", "X"]),
        create(&["--name", "X", "--scope", "guests:write"]),
        create(&["--name", "X\n", "--scope", "guests:read"]),
        create(&["--name", "X", "--scope", "guests:read", "--expires-in", "soon"]),
        create(&["--name", "X", "--scope", "guests:read", "--expires-in", "0s"]),
        of_acme("idle", &[]),
        vec!["completions", "cmd"],
        vec!["serve", "--listen", "8080"],
    ] {
        let said = desk.run(&arguments);
        assert_eq!((said.status, &*said.answer), (Some(2), ""), "{arguments:?}: {said:?}");
        assert!(!said.error.is_empty(), "{arguments:?}");
    }
    assert!(desk.list(&["partner", "list"]).is_empty());
    assert!(desk.list(&of_acme("list", &[])).is_empty());
}

#[test]
fn what_is_not_found_is_said_with_status_1_and_where_to_look() {
    let desk = Desk::new();
    for (arguments, hint) in [
        (vec!["partner", "limits", "abcdefgh", "--rate", "1"], "partner list"),
        (vec!["partner", "disable", "abcdefgh"], "partner list"),
        (vec!["partner", "enable", "abcdefgh"], "partner list"),
        (of_acme("revoke", &[NO_ID]), "token list --organization 'acme'"),
        (of_acme("rotate", &[NO_ID, "--json"]), "token list --organization 'acme'"),
    ] {
        let line = desk.refused(1, &arguments);
        assert!(line.contains(hint), "{line}");
    }
}

#[test]
fn a_database_that_cannot_be_used_is_said_in_one_line_with_the_cause() {
    let desk = Desk::new();
    fs::write(desk.folder().join("not.db"), "something else entirely").unwrap();
    for command in [&["partner", "list"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        for (database, cause) in [
            ("sqlite:///nowhere/at/all.db", "No such file or directory"),
            ("sqlite://not.db", "file is not a database"),
            ("postgres://me:hunter2@127.0.0.1:1/gw", "Connection refused"),
            ("postgres:///gw?host=/nowhere&password=hunter2", "No such file or directory"),
            ("postgres://me:hunter2@[", "malformed"),
        ] {
            let line = desk.refused(1, &[command, &["--database", database]].concat());
            assert!(line.contains(cause) && line.contains("--database"), "{database}: {line}");
            assert!(!line.contains("hunter2") && !line.contains("Error"), "{line}");
        }
    }
}

/// The shell forbids files to grow, which stands for a disk that is full.
#[test]
fn a_change_that_cannot_be_written_is_said_in_one_line_with_the_cause() {
    let desk = Desk::new();
    desk.create_token("acme");
    let create = desk.command(&of_acme("create", &["--name", "X", "--scope", "guests:read"]));
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"trap "" XFSZ; ulimit -f 1; exec "$@""#, "sh"]);
    shell.arg(create.get_program()).args(create.get_args()).current_dir(desk.folder());
    let said = said(&mut shell);
    assert_eq!((said.status, &*said.answer), (Some(1), ""), "{said:?}");
    assert!(said.line().contains("disk I/O error"), "{said:?}");
    assert_eq!(desk.list(&of_acme("list", &[])).len(), 1);
}

#[test]
#[cfg(target_os = "linux")]
fn a_token_that_cannot_be_shown_is_said_to_exist() {
    let desk = Desk::new();
    let mut create = desk.command(&of_acme("create", &["--name", "X", "--scope", "guests:read"]));
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = create.stdout(full).output().unwrap();
    let line = String::from_utf8(output.stderr).unwrap();
    let id = desk.list(&of_acme("list", &[]))[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(line.contains(&format!("guestway token revoke --organization 'acme' {id}")), "{line}");
}

#[test]
fn without_json_answers_are_tables_that_people_can_read() {
    let desk = Desk::new();
    desk.json(&["partner", "add", "名前", "--key", "partner-key-1"]);
    desk.json(&["partner", "add", "Door locks", "--key", "partner-key-2", "--daily", "none"]);
    let table = desk.run(&["partner", "list"]).answer;
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("KEY            NAME        RATE  BURST  DAILY"), "{table}");
    assert!(lines[2].starts_with("partner-key-2  Door locks  5     10     none "), "{table}");

    let created = desk.run(&of_acme("create", &["--name", "Zapier", "--scope", "guests:read"]));
    assert!(created.answer.starts_with("token         gw_"), "{created:?}");
    assert!(created.answer.contains("Copy the token now"), "{created:?}");
    let table = desk.run(&of_acme("list", &[])).answer;
    assert!(table.starts_with("ID ") && table.contains("Zapier  *********"), "{table}");
}

#[test]
fn the_database_is_named_by_option_or_variable_and_else_is_a_file_in_the_working_directory() {
    let desk = Desk::new();
    let add = ["partner", "add", "Door locks"];
    let named = [&add[..], &["--database", "sqlite://named.db"]].concat();
    desk.json(&named);
    assert_eq!(
        said(desk.command(&add).env("GUESTWAY_DATABASE", "sqlite://env.db")).status,
        Some(0)
    );
    desk.json(&add);
    for file in ["named.db", "env.db", "guestway.db"] {
        let database = format!("sqlite://{file}");
        assert!(desk.folder().join(file).is_file(), "{file}");
        assert_eq!(desk.list(&["partner", "list", "--database", &database]).len(), 1, "{file}");
    }
    let in_memory = desk.run(&[&add[..], &["--database", "memory:", "--json"]].concat());
    assert!(in_memory.status == Some(0) && in_memory.error.contains("gone"), "{in_memory:?}");
    assert_eq!(desk.list(&["partner", "list"]).len(), 1);
}

#[test]
fn each_shell_has_completions_that_know_commands_and_scopes() {
    let desk = Desk::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let said = desk.run(&["completions", shell]);
        assert_eq!((said.status, &*said.error), (Some(0), ""), "{shell}");
        assert!(said.answer.contains("rotate") && said.answer.contains("inspect"), "{shell}");
    }
    assert!(desk.run(&["completions", "bash"]).answer.contains("guests:read"));
    assert!(desk.files().is_empty());
}
