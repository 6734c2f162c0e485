use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dualkey::{Address, MemoryStore, Registry, SqlError, SqlOptions, Store, SystemClock};
use guestway::{PREFIX, Sessions, catalogue};

use crate::failure::{Failure, with_causes};

/// The database of partners and tokens.
pub(crate) enum Database {
    /// In the memory of this process.
    Memory,
    /// At this address, which may contain a password.
    Sql { text: String, address: Address },
}

impl Database {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        match text.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("sqlite" | "postgres" | "postgresql", _)) => {
                let address = Address::parse(text);
                let address = address.map_err(|error| cannot_open("the database", &error))?;
                Ok(Self::Sql { text: text.to_owned(), address })
            }
            _ => Err(Failure::usage(
                "--database takes sqlite://FILE, postgres://USER@HOST/NAME or memory:",
            )),
        }
    }

    /// Opens the registry, with this timeout for each call to the database.
    pub(crate) async fn open(&self, timeout: Duration) -> Result<Registry, Failure> {
        let store: Arc<dyn Store> = match self {
            Self::Memory => Arc::new(MemoryStore::new()),
            Self::Sql { text, address } => {
                let opened = SqlOptions::new().with_timeout(timeout).connect(text).await;
                Arc::new(opened.map_err(|error| cannot_open(&address.to_string(), &error))?)
            }
        };
        Ok(Registry::new(catalogue(), PREFIX, store, Arc::new(SystemClock)))
    }

    /// Opens the tables of the sign-in in the same database.
    pub(crate) async fn sessions(&self) -> Result<Sessions, Failure> {
        let url = match self {
            Self::Memory => "memory:",
            Self::Sql { text, .. } => text,
        };
        let opened = Sessions::open(url).await;
        opened.map_err(|error| Failure::new(format!("cannot open {self}: {}", with_causes(&error))))
    }
}

fn cannot_open(database: &str, error: &SqlError) -> Failure {
    Failure::new(format!("cannot open {database}: {}", with_causes(error)))
        .and("check the database, or name another one with --database")
}

/// The address without user name, password and options.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Sql { address, .. } => address.fmt(f),
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
            ("postgres://me:secret@db.example:5432/gw", "postgres://db.example/gw"),
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
