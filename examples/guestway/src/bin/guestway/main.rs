//! Serves the Guestway Open API, and administers its partners and tokens.

mod actor;
mod admin;
mod arguments;
mod audit;
mod cli;
mod completions;
mod database;
mod demonstration;
mod failure;
mod input;
mod inspect;
mod logs;
mod metrics;
mod misplaced;
mod openapi;
mod output;
mod partner;
mod serve;
mod shared_limits;
mod signals;
mod table;
mod times;
mod token;

use std::env::args_os;
use std::io::{Write as _, stderr};
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::failure::Failure;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(stderr(), "guestway: {failure}");
            failure.status()
        }
    }
}

async fn run() -> Result<(), Failure> {
    misplaced::refuse_tokens(args_os())?;
    let Cli { global, command } = Cli::parse();
    let command = command.unwrap_or_else(|| Command::without_arguments(&global));
    logs::start(command.log_level())?;
    match command {
        Command::Serve(command) => command.run(&global).await,
        Command::Partner(command) => command.run(&global).await,
        Command::Token(command) => command.run(&global).await,
        Command::Admin(command) => command.run(&global).await,
        Command::Audit(command) => command.run(&global).await,
        Command::Inspect(command) => command.run(&global).await,
        Command::OpenApi(command) => command.run(),
        Command::Completions(command) => command.run(),
    }
}
