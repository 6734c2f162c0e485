use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dualkey::SqlOptions;
use dualkey::{MemoryStore, Registry, Store, SystemClock};
use guestway::{PREFIX, catalogue};

use crate::failure::{Failure, with_causes};

/// Where partners and tokens are kept.
pub(crate) enum Database {
    /// In this process, which forgets everything when it ends.
    Memory,
    /// At an address, in which a password may be.
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

    /// The registry of this database, which has so long for each verb.
    pub(crate) async fn open(&self, deadline: Duration) -> Result<Registry, Failure> {
        let store: Arc<dyn Store> = match self {
            Self::Memory => Arc::new(MemoryStore::new()),
            Self::Sql(address) => {
                let opened = SqlOptions::new().with_timeout(deadline).connect(address).await;
                Arc::new(opened.map_err(|error| self.cannot_open(&error))?)
            }
        };
        Ok(Registry::new(catalogue(), PREFIX, store, Arc::new(SystemClock)))
    }

    fn cannot_open(&self, error: &dualkey::SqlError) -> Failure {
        let message = format!("cannot open {self}: {}", with_causes(error));
        Failure::new(message).and("see to it, or name another database with --database")
    }
}

/// The address without the name and password of a user, and without options.
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
    fn no_password_is_shown() {
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
    fn another_scheme_is_refused_without_repeating_the_address() {
        for address in ["", "guestway.db", "memory", "memory:x", "mysql://root:secret@db/gw"] {
            let failure = Database::parse(address).err().unwrap().to_string();
            assert!(!failure.contains("secret") && failure.contains("sqlite://FILE"), "{failure}");
        }
    }
}
