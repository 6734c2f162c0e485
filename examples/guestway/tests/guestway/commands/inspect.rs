//! `guestway inspect`, and tokens on the command line.

use serde_json::{Value, json};

use super::of_acme;
use crate::support::sandbox::{CommandOutput, Sandbox, output_with_input, text};
use crate::support::secret::assert_absent;

fn inspect(sandbox: &Sandbox, input: &str, arguments: &[&str]) -> CommandOutput {
    output_with_input(&mut sandbox.command(&[&["inspect"], arguments].concat()), input)
}

#[test]
fn inspect_reads_a_token_from_stdin_and_never_prints_it() {
    let sandbox = Sandbox::new();
    let created = sandbox.create_token("acme");
    let (token, id) = (text(&created, "token"), text(&created, "id"));
    let finding = |input: &str, status| {
        let output = inspect(&sandbox, input, &["--json"]);
        assert_eq!(output.status, Some(status), "{output:?}");
        assert_absent(token, format!("{output:?}").as_bytes(), "the answer");
        serde_json::from_str::<Value>(&output.stdout).unwrap()
    };
    let known = finding(&format!("{token}\n"), 0);
    assert_eq!((&known["well_formed"], &known["known"]), (&json!(true), &json!(true)));
    assert_eq!((&known["status"], &known["record"]["id"]), (&json!("active"), &json!(id)));

    sandbox.json(&of_acme("rotate", &[id]));
    assert_eq!(finding(token, 0)["status"], "expired");
    sandbox.json(&of_acme("revoke", &[id]));
    let unknown = finding(&format!("  {token}\r\n"), 1);
    assert_eq!((&unknown["well_formed"], &unknown["known"]), (&json!(true), &json!(false)));
    assert_eq!((&unknown["status"], &unknown["record"]), (&json!(null), &json!(null)));

    let mut typo = token.to_owned();
    typo.replace_range(9..10, if &token[9..10] == "a" { "b" } else { "a" });
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
    assert!(
        inspect(&sandbox, token, &[]).error_line().contains("not known in sqlite://guestway.db")
    );
    assert_eq!(inspect(&sandbox, "\n", &[]).status, Some(2));
}

#[test]
fn a_token_on_the_command_line_is_refused_and_not_repeated() {
    let sandbox = Sandbox::new();
    let created = sandbox.create_token("acme");
    let token = text(&created, "token");
    let argument = format!("--key={token}");
    for arguments in [
        &["inspect", token][..],
        &["token", "revoke", "--organization", "acme", &token[..50]],
        &["partner", "add", "Misled", &argument],
        &["partner", "limits", token, "--rate", "9"],
        &["serve", "--database", token],
    ] {
        let line = sandbox.refused(2, arguments);
        assert!(line.contains("inspect"), "{line}");
        assert_absent(token, line.as_bytes(), "the error");
    }
}
