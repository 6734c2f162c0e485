use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use dualkey::SqlOptions;
use dualkey::{Registry, SystemClock};
use guestway::{PREFIX, catalogue};
use serde_json::Value;
use tempfile::TempDir;

use super::program::Program;

/// A folder with a database of its own, in which commands are run.
pub(crate) struct Desk {
    folder: TempDir,
    database: Option<String>,
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: Option<i32>,
    pub(crate) answer: String,
    pub(crate) error: String,
}

impl Desk {
    /// With the database that is there if nothing is said.
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

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        said(&mut self.command(arguments))
    }

    /// What a command answers with `--json`.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let said = self.run(&[arguments, &["--json"]].concat());
        assert_eq!((said.status, &*said.error), (Some(0), ""), "{arguments:?}: {}", said.answer);
        assert_eq!(said.answer.lines().count(), 1, "{arguments:?}");
        serde_json::from_str(&said.answer).unwrap()
    }

    /// What a command says that ends with this status: one line, for people.
    #[track_caller]
    pub(crate) fn refused(&self, status: i32, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!((said.status, &*said.answer), (Some(status), ""), "{arguments:?}: {said:?}");
        said.line()
    }

    /// What a command answers that lists.
    #[track_caller]
    pub(crate) fn list(&self, arguments: &[&str]) -> Vec<Value> {
        self.json(arguments).as_array().unwrap().clone()
    }

    pub(crate) fn create_token(&self, organization: &str) -> Value {
        let scope = ["--scope", "full:read"];
        let create = ["token", "create", "--organization", organization, "--name", "Tests"];
        self.json(&[&create[..], &scope].concat())
    }

    /// The server, on a free port.
    pub(crate) fn serve(&self, rust_log: &str) -> Program {
        Program::start(self.command(&["serve", "--listen", "127.0.0.1:0"]), rust_log)
    }

    /// The address of the database, from wherever it is used.
    pub(crate) fn database(&self) -> String {
        let file = self.folder().join("guestway.db");
        let in_folder = || format!("sqlite://{}", file.to_str().unwrap());
        self.database.clone().unwrap_or_else(in_folder)
    }

    /// The registry of the database, in this process: quicker than commands.
    pub(crate) async fn registry(&self) -> Registry {
        registry(&self.database()).await
    }

    /// All bytes of all files in the folder: a database, its log, and what else may be there.
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

pub(crate) fn said(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    Said {
        status: output.status.code(),
        answer: String::from_utf8(output.stdout).unwrap(),
        error: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Said {
    /// The one line that a command says when it fails.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        let line = self.error.strip_prefix("guestway: ").and_then(|line| line.strip_suffix('\n'));
        let line = line.filter(|line| !line.contains(char::is_control));
        line.unwrap_or_else(|| panic!("not one line: {:?}", self.error)).to_owned()
    }
}

pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text {key}: {value}"))
}
