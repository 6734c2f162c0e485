//! Commands that fail: the exit status, and one line on standard error.

use std::fs;
use std::process::Command;
use std::thread;

use super::of_acme;
use crate::support::sandbox::{Sandbox, output_of};

const NO_ID: &str = "0192f0c1-2d3e-7f00-8a9b-0c1d2e3f4a5b";

#[test]
fn invalid_arguments_end_with_status_2_and_change_nothing() {
    let sandbox = Sandbox::new();
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
        create(&["--name", "X", "--scope", "guests:read", "--expires-in", "300000d"]),
        create(&["--name", "X", "--scope", "guests:read", "--json", "--quiet"]),
        of_acme("rotate", &[NO_ID, "--overlap", "300000d"]),
        vec!["token", "revoke", NO_ID],
        vec!["token", "revoke"],
        of_acme("idle", &[]),
        vec!["completions", "cmd"],
        vec!["serve", "--listen", "8080"],
        vec!["serve", "--demo", "--listen", "0.0.0.0:0"],
        vec!["serve", "--demo", "--listen", "[::]:0"],
    ] {
        let output = sandbox.run(&arguments);
        assert_eq!((output.status, &*output.stdout), (Some(2), ""), "{arguments:?}: {output:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
    assert!(sandbox.list(&["partner", "list"]).is_empty());
    assert!(sandbox.list(&of_acme("list", &[])).is_empty());
}

#[test]
fn not_found_ends_with_status_1_and_a_hint_where_to_look() {
    let sandbox = Sandbox::new();
    for (arguments, hint) in [
        (vec!["partner", "limits", "abcdefgh", "--rate", "1"], "partner list"),
        (vec!["partner", "disable", "abcdefgh"], "partner list"),
        (vec!["partner", "enable", "abcdefgh"], "partner list"),
        (of_acme("revoke", &[NO_ID]), "token list --organization 'acme'"),
        (of_acme("rotate", &[NO_ID, "--json"]), "token list --organization 'acme'"),
    ] {
        let line = sandbox.refused(1, &arguments);
        assert!(line.contains(hint), "{line}");
    }
}

#[test]
fn an_unusable_database_gives_a_one_line_error_with_its_cause() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.folder().join("not.db"), "something else entirely").unwrap();
    let commands = [&["partner", "list"][..], &["serve", "--listen", "127.0.0.1:0"]];
    let databases = [
        ("sqlite:///nowhere/at/all.db", "No such file or directory"),
        ("sqlite://not.db", "file is not a database"),
        ("postgres://me:hunter2@127.0.0.1:1/gw", "Connection refused"),
        ("postgres:///gw?host=/nowhere&password=hunter2", "No such file or directory"),
        ("postgres://me:hunter2@[", "malformed"),
        ("postgres:me:hunter2@127.0.0.1/gw", "postgres://"),
        ("postgres://me:1#hunter2@127.0.0.1/gw", "percent-encoded"),
        ("postgres://me:1?hunter2@127.0.0.1/gw", "percent-encoded"),
        ("postgres://127.0.0.1/gw?sslpassword=hunter2", "not known"),
    ];
    let assert_refused = |command: &[&str], database: &str, cause: &str| {
        let line = sandbox.refused(1, &[command, &["--database", database]].concat());
        assert!(line.contains(cause) && line.contains("--database"), "{database}: {line}");
        assert!(!line.contains("hunter2") && !line.contains("Error"), "{line}");
    };
    // A refused connection is retried for seconds, so the databases are tried at the same time.
    thread::scope(|scope| {
        for (database, cause) in databases {
            for command in commands {
                let assert_refused = &assert_refused;
                scope.spawn(move || assert_refused(command, database, cause));
            }
        }
    });
}

/// A file size limit of the shell simulates a full disk.
#[test]
fn a_failed_write_gives_a_one_line_error_with_its_cause() {
    let sandbox = Sandbox::new();
    sandbox.create_token("acme");
    let create = sandbox.command(&of_acme("create", &["--name", "X", "--scope", "guests:read"]));
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"trap "" XFSZ; ulimit -f 1; exec "$@""#, "sh"]);
    shell.arg(create.get_program()).args(create.get_args()).current_dir(sandbox.folder());
    let output = output_of(&mut shell);
    assert_eq!((output.status, &*output.stdout), (Some(1), ""), "{output:?}");
    assert!(output.error_line().contains("disk I/O error"), "{output:?}");
    assert_eq!(sandbox.list(&of_acme("list", &[])).len(), 1);
}
