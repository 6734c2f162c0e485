//! Tables and shell completions.

use super::of_acme;
use crate::support::sandbox::Sandbox;

#[test]
fn without_json_output_is_a_readable_table() {
    let sandbox = Sandbox::new();
    sandbox.json(&["partner", "add", "名前", "--key", "partner-key-1"]);
    sandbox.json(&["partner", "add", "Door locks", "--key", "partner-key-2", "--daily", "none"]);
    let table = sandbox.run(&["partner", "list"]).stdout;
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("KEY            NAME        RATE  BURST  DAILY"), "{table}");
    assert!(lines[2].starts_with("partner-key-2  Door locks  5     10     none "), "{table}");

    let created = sandbox.run(&of_acme("create", &["--name", "Zapier", "--scope", "guests:read"]));
    assert!(created.stdout.starts_with("token         gw_"), "{created:?}");
    assert!(created.stdout.contains("Copy the token now"), "{created:?}");
    let table = sandbox.run(&of_acme("list", &[])).stdout;
    assert!(table.starts_with("ID ") && table.contains("Zapier  *********"), "{table}");
}

#[test]
fn completions_of_each_shell_contain_commands_and_scopes() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = sandbox.run(&["completions", shell]);
        assert_eq!((output.status, &*output.stderr), (Some(0), ""), "{shell}");
        assert!(output.stdout.contains("rotate") && output.stdout.contains("inspect"), "{shell}");
    }
    assert!(sandbox.run(&["completions", "bash"]).stdout.contains("guests:read"));
    assert!(sandbox.files().is_empty());
}
