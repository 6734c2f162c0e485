use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use dualkey::SqlOptions;
use dualkey::{Registry, SystemClock};
use guestway::{PREFIX, catalogue};
use serde_json::Value;
use tempfile::TempDir;

use super::program::Program;
use super::unique_name;

/// A temporary folder with its own database, in which commands run.
pub(crate) struct Sandbox {
    folder: TempDir,
    database: Option<String>,
}

/// The exit status and the output of a command.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    /// With the default database.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database: None }
    }

    pub(crate) fn on(database: String) -> Self {
        Self { database: Some(database), ..Self::new() }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_guestway"));
        command.args(arguments).current_dir(self.folder()).stdin(Stdio::null());
        command.env_remove("RUST_LOG").env_remove("GUESTWAY_DATABASE").env("USER", "tester");
        command.envs(self.database.as_ref().map(|database| ("GUESTWAY_DATABASE", database)));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> CommandOutput {
        output_of(&mut self.command(arguments))
    }

    /// Runs a command with `--json`, and parses its output.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(
            (output.status, &*output.stderr),
            (Some(0), ""),
            "{arguments:?}: {}",
            output.stdout
        );
        assert_eq!(output.stdout.lines().count(), 1, "{arguments:?}");
        serde_json::from_str(&output.stdout).unwrap()
    }

    /// Runs a command that fails with this status, and returns the one line of its error.
    #[track_caller]
    pub(crate) fn refused(&self, status: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(
            (output.status, &*output.stdout),
            (Some(status), ""),
            "{arguments:?}: {output:?}"
        );
        output.error_line()
    }

    /// Runs a command that lists.
    #[track_caller]
    pub(crate) fn list(&self, arguments: &[&str]) -> Vec<Value> {
        self.json(arguments).as_array().unwrap().clone()
    }

    pub(crate) fn create_token(&self, organization: &str) -> Value {
        let scope = ["--scope", "full:read"];
        let name = unique_name();
        let create = ["token", "create", "--organization", organization, "--name", &name];
        self.json(&[&create[..], &scope].concat())
    }

    /// Starts the server with its demonstration, on a free port.
    pub(crate) fn serve(&self, rust_log: &str) -> Program {
        Program::start(self.command(&["serve", "--demo", "--listen", "127.0.0.1:0"]), rust_log)
    }

    /// The URL of the database, valid in every working directory.
    pub(crate) fn database(&self) -> String {
        let file = self.folder().join("guestway.db");
        let in_folder = || format!("sqlite://{}", file.to_str().unwrap());
        self.database.clone().unwrap_or_else(in_folder)
    }

    /// The registry of the database in this process, which is faster than commands.
    pub(crate) async fn registry(&self) -> Registry {
        registry(&self.database()).await
    }

    /// The names and contents of all files in the folder: the database, its log, and any others.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let files = fs::read_dir(self.folder()).unwrap().map(|file| file.unwrap());
        let read = |file: fs::DirEntry| {
            (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())
        };
        files.map(read).collect()
    }
}

pub(crate) async fn registry(database: &str) -> Registry {
    let options = SqlOptions::new().with_timeout(Duration::from_secs(10));
    let store = Arc::new(options.connect(database).await.unwrap());
    Registry::new(catalogue(), PREFIX, store, Arc::new(SystemClock))
}

pub(crate) fn output_of(command: &mut Command) -> CommandOutput {
    output_from(&command.output().unwrap())
}

/// The output of a command with this text on standard input.
pub(crate) fn output_with_input(command: &mut Command, input: &str) -> CommandOutput {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that ends without reading closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    output_from(&child.wait_with_output().unwrap())
}

fn output_from(output: &Output) -> CommandOutput {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    CommandOutput { status: output.status.code(), stdout, stderr }
}

impl CommandOutput {
    /// The one line of standard error of a failed command.
    #[track_caller]
    pub(crate) fn error_line(&self) -> String {
        let line = self.stderr.strip_prefix("guestway: ").and_then(|line| line.strip_suffix('\n'));
        let line = line.filter(|line| !line.contains(char::is_control));
        line.unwrap_or_else(|| panic!("not one line: {:?}", self.stderr)).to_owned()
    }
}

pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no string {key}: {value}"))
}
