use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use dualkey::Registry;
use guestway::Sessions;
use tracing::level_filters::LevelFilter;

use crate::actor;
use crate::admin::Admin;
use crate::audit::Audit;
use crate::completions::Completions;
use crate::database::Database;
use crate::failure::Failure;
use crate::inspect::Inspect;
use crate::openapi::OpenApi;
use crate::partner::Partner;
use crate::serve::Serve;
use crate::times::duration;
use crate::token::Token;

/// Serve the Guestway Open API, and administer its partners and tokens
///
/// A request to the API carries a partner's key, which identifies the integration and has limits, and
/// an organization's token, which grants access to its data. Without a command, the API is served; without a
/// database too, it is served with --demo.
#[derive(Parser)]
#[command(version, after_help = EXAMPLE)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalOptions,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const EXAMPLE: &str = "\
Example:
  guestway                                  # serves on 127.0.0.1:8080; in another terminal:
  guestway partner add 'Door locks'
  guestway token create --organization harbour-stays --name Zapier --scope guests:read";

#[derive(Subcommand)]
pub(crate) enum Command {
    Serve(Serve),
    /// Register, list, limit, disable and enable partners
    #[command(
        subcommand,
        after_help = "\
Example:
  guestway partner add 'Door locks'"
    )]
    Partner(Partner),
    /// Create, list, rotate and revoke an organization's tokens
    #[command(
        subcommand,
        after_help = "\
Example:
  guestway token create --organization harbour-stays --name Zapier --scope guests:read"
    )]
    Token(Token),
    /// Sign users in to the pages of the server, and out
    #[command(
        subcommand,
        after_help = "\
Example:
  guestway admin sign-in --organization harbour-stays"
    )]
    Admin(Admin),
    Audit(Audit),
    Inspect(Inspect),
    #[command(name = "openapi")]
    OpenApi(OpenApi),
    Completions(Completions),
}

impl Command {
    /// The command if none is given: to serve, with a demonstration unless a database is given.
    pub(crate) fn without_arguments(global: &GlobalOptions) -> Self {
        Self::Serve(Serve { demo: global.database.is_none(), ..Serve::default() })
    }

    /// The log level if `RUST_LOG` is not set.
    pub(crate) const fn log_level(&self) -> LevelFilter {
        match self {
            Self::Serve(_) => LevelFilter::INFO,
            _ => LevelFilter::WARN,
        }
    }
}

/// The database, the actor of changes, and the lifetimes of tokens.
#[derive(Args)]
#[command(next_help_heading = "Options of all commands")]
pub(crate) struct GlobalOptions {
    /// The database of partners and tokens: sqlite://FILE, postgres://USER@HOST/NAME or memory:
    /// [default: sqlite://guestway.db]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "GUESTWAY_DATABASE",
        hide_env_values = true // it may contain a password
    )]
    database: Option<String>,
    /// The actor to record in the audit trail [default: cli: and your user name]
    #[arg(long, global = true, value_name = "NAME")]
    actor: Option<String>,
    /// The lifetime of new tokens for which none is given, such as 90d [default: the longest]
    #[arg(
        long,
        global = true,
        value_name = "TIME",
        env = "GUESTWAY_DEFAULT_LIFETIME",
        value_parser = duration
    )]
    default_lifetime: Option<Duration>,
    /// The longest lifetime of new tokens, such as 365d [default: tokens need not expire]
    #[arg(
        long,
        global = true,
        value_name = "TIME",
        env = "GUESTWAY_MAX_LIFETIME",
        value_parser = duration
    )]
    max_lifetime: Option<Duration>,
}

/// The database if none is given.
const DATABASE: &str = "sqlite://guestway.db";

/// The database timeout of commands: longer than the server's, since a user can wait.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);

impl GlobalOptions {
    pub(crate) fn database(&self) -> Result<Database, Failure> {
        Database::parse(self.database.as_deref().unwrap_or(DATABASE))
    }

    /// The sign-in links and sessions, beside the registry.
    pub(crate) async fn sessions(&self) -> Result<Sessions, Failure> {
        self.database()?.sessions().await
    }

    /// The registry of a command.
    pub(crate) async fn registry(&self) -> Result<Registry, Failure> {
        if matches!(self.database()?, Database::Memory) {
            tracing::warn!("a database in memory is gone when this command ends");
        }
        self.registry_with_timeout(COMMAND_TIMEOUT).await
    }

    /// The registry, with this timeout for each call to the database.
    pub(crate) async fn registry_with_timeout(
        &self,
        timeout: Duration,
    ) -> Result<Registry, Failure> {
        let mut registry = self.database()?.open(timeout).await?;
        if let Some(lifetime) = self.default_lifetime {
            registry = registry.with_default_lifetime(lifetime);
        }
        if let Some(max) = self.max_lifetime {
            registry = registry.with_max_lifetime(max);
        }
        actor::with_actor(&registry, self.actor.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::{Cli, Command};

    fn serve(arguments: &[&str]) -> (String, bool) {
        let Cli { global, command } = Cli::parse_from([&["guestway"], arguments].concat());
        let command = command.unwrap_or_else(|| Command::without_arguments(&global));
        let Command::Serve(serve) = command else {
            panic!("{arguments:?} is another command");
        };
        (serve.listen.to_string(), serve.demo)
    }

    #[test]
    fn a_demonstration_needs_demo_or_neither_command_nor_database() {
        let usual = "127.0.0.1:8080".to_owned();
        assert_eq!(serve(&[]), (usual.clone(), true));
        assert_eq!(serve(&["--database", "memory:"]), (usual.clone(), false));
        assert_eq!(serve(&["serve"]), (usual.clone(), false));
        assert_eq!(serve(&["serve", "--demo", "--database", "memory:"]), (usual, true));
        assert_eq!(serve(&["serve", "--listen", "[::1]:0"]), ("[::1]:0".to_owned(), false));
    }

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn each_command_shows_a_well_formed_example_of_itself() {
        let mut commands = vec![(String::from("guestway"), Cli::command())];
        while let Some((name, command)) = commands.pop() {
            let help = command.get_after_help().unwrap_or_default().to_string();
            let examples = examples(&help);
            for example in &examples {
                assert!(Cli::try_parse_from(example).is_ok(), "{example:?}");
            }
            let of_itself = |example: &Vec<String>| example.join(" ").starts_with(&name);
            assert!(examples.iter().any(of_itself), "{name}: {help}");
            let subcommands = command.get_subcommands();
            commands
                .extend(subcommands.map(|sub| (format!("{name} {}", sub.get_name()), sub.clone())));
        }
    }

    /// The words of each example in a help text. Parses only the shell syntax that examples use.
    fn examples(help: &str) -> Vec<Vec<String>> {
        let help = help.replace("\\\n", " ");
        let commands = help.lines().filter_map(|line| {
            let command = &line[line.find("guestway")?..];
            command.split(['#', '<', ')']).next()
        });
        commands.map(words).collect()
    }

    fn words(command: &str) -> Vec<String> {
        let pieces = command.split('\'').enumerate();
        let words = pieces.flat_map(|(at, piece)| match at % 2 {
            0 => piece.split_whitespace().map(str::to_owned).collect(),
            _ => vec![piece.to_owned()],
        });
        words.collect()
    }
}
