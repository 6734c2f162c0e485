use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dualkey::SqlOptions;
use dualkey::{MemoryStore, Registry, Store, SystemClock};
use guestway::{PREFIX, catalogue};

use crate::failure::{Failure, with_causes};

/// The database of partners and tokens.
pub(crate) enum Database {
    /// In the memory of this process.
    Memory,
    /// At this address, which may contain a password.
    Sql(String),
}

impl Database {
    pub(crate) fn parse(address: &str) -> Result<Self, Failure> {
        match address.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("sqlite" | "postgres" | "postgresql", _)) => Ok(Self::Sql(address.to_owned())),
            _ => Err(Failure::usage(
                "--database takes sqlite://FILE, postgres://USER@HOST/NAME or memory:",
            )),
        }
    }

    /// Opens the registry, with this timeout for each call to the database.
    pub(crate) async fn open(&self, timeout: Duration) -> Result<Registry, Failure> {
        let store: Arc<dyn Store> = match self {
            Self::Memory => Arc::new(MemoryStore::new()),
            Self::Sql(address) => {
                let opened = SqlOptions::new().with_timeout(timeout).connect(address).await;
                Arc::new(opened.map_err(|error| self.cannot_open(&error))?)
            }
        };
        Ok(Registry::new(catalogue(), PREFIX, store, Arc::new(SystemClock)))
    }

    fn cannot_open(&self, error: &dualkey::SqlError) -> Failure {
        let message = format!("cannot open {self}: {}", with_causes(error));
        Failure::new(message).and("check the database, or name another one with --database")
    }
}

/// The address without user name, password and options.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Sql(address) = self else { return f.write_str("memory:") };
        let address = address.split(['?', '#']).next().unwrap_or_default();
        match (address.split_once("://"), address.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, server))) if scheme != "sqlite" => {
                write!(f, "{scheme}://{server}")
            }
            _ => f.write_str(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Database;

    #[test]
    fn the_displayed_address_has_no_password() {
        for (address, shown) in [
            ("memory:", "memory:"),
            ("sqlite://guestway.db", "sqlite://guestway.db"),
            ("sqlite:///tmp/me@home.db?mode=rw", "sqlite:///tmp/me@home.db"),
            ("postgres://db.example/gw", "postgres://db.example/gw"),
            ("postgres://me:secret@db.example:5432/gw", "postgres://db.example:5432/gw"),
            ("postgres://me:sec@ret@db.example/gw", "postgres://db.example/gw"),
            ("postgresql:///gw?host=/run/pg&password=secret", "postgresql:///gw"),
        ] {
            assert_eq!(Database::parse(address).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn an_unknown_scheme_is_refused_without_repeating_the_address() {
        for address in ["", "guestway.db", "memory", "memory:x", "mysql://root:secret@db/gw"] {
            let failure = Database::parse(address).err().unwrap().to_string();
            assert!(!failure.contains("secret") && failure.contains("sqlite://FILE"), "{failure}");
        }
    }
}
