use std::fmt;

use url::{Url, form_urlencoded};

use crate::error::SqlError;

/// The address of a database, which may hold a password. Its `Display` and `Debug` show scheme, host and name
/// only.
///
/// An address is checked before a library can log or quote a part of it: a password with a character that
/// has to be percent-encoded moves the rest of it to the port, the name, a parameter or the fragment.
///
/// ```
/// use dualkey_sql::{Address, SqlError};
///
/// let address = Address::parse("postgres://app:hunter2@db.internal:5432/app?sslmode=require")?;
/// assert_eq!(address.to_string(), "postgres://db.internal/app");
/// for unescaped in ["postgres://app:1#hunter2@db/app", "postgres://app:1?hunter2@db/app"] {
///     assert!(matches!(Address::parse(unescaped), Err(SqlError::InvalidAddress(_))));
/// }
/// # Ok::<(), SqlError>(())
/// ```
#[derive(Clone)]
pub struct Address {
    text: String,
    shown: String,
}

/// The parameters of SQLite that sqlx knows.
const SQLITE: [&str; 4] = ["mode", "cache", "immutable", "vfs"];
/// The parameters of PostgreSQL that sqlx knows, and `options[…]`.
const POSTGRES: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

impl Address {
    /// The address with this text: `sqlite:` and a path, or `postgres://USER@HOST/NAME`, each with parameters
    /// behind a `?`.
    ///
    /// # Errors
    ///
    /// [`SqlError::InvalidAddress`], which quotes nothing of the text, if it has another scheme, a parameter
    /// that is not known, or a character that has to be percent-encoded.
    pub fn parse(text: &str) -> Result<Self, SqlError> {
        let shown = match text.split_once(':') {
            Some(("sqlite", _)) => check_sqlite(text)?,
            Some(("postgres" | "postgresql", _)) => check_postgres(text)?,
            _ => return Err(SqlError::InvalidAddress("it begins with sqlite: or postgres://")),
        };
        Ok(Self { text: text.to_owned(), shown })
    }

    pub(crate) fn expose_secret(&self) -> &str {
        &self.text
    }
}

fn check_sqlite(text: &str) -> Result<String, SqlError> {
    let (file, query) = text.split_once('?').unwrap_or((text, ""));
    check_parameters(query, |key| SQLITE.contains(&key))?;
    Ok(file.to_owned())
}

fn check_postgres(text: &str) -> Result<String, SqlError> {
    let url = Url::parse(text).map_err(|_| SqlError::InvalidAddress("malformed"))?;
    if !url.has_authority() {
        return Err(SqlError::InvalidAddress("an address of PostgreSQL begins with postgres://"));
    }
    let (path, query) = (url.path(), url.query().unwrap_or_default());
    let name = path.strip_prefix('/').unwrap_or(path);
    if url.fragment().is_some() || name.contains(['/', '@']) || query.contains('@') {
        return Err(SqlError::InvalidAddress(
            "the characters : / ? # @ have to be percent-encoded in user, password, name and parameters",
        ));
    }
    check_parameters(query, |key| POSTGRES.contains(&key) || key.starts_with("options["))?;
    Ok(format!("{}://{}{path}", url.scheme(), url.host_str().unwrap_or_default()))
}

fn check_parameters(query: &str, is_known: impl Fn(&str) -> bool) -> Result<(), SqlError> {
    if form_urlencoded::parse(query.as_bytes()).all(|(key, _)| is_known(&key)) {
        return Ok(());
    }
    Err(SqlError::InvalidAddress("a parameter behind the ? is not known"))
}

/// Scheme, host and name.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Scheme, host and name.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({:?})", self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn what_is_shown_of_an_address_has_no_password() {
        for (address, shown) in [
            ("sqlite:gate.db", "sqlite:gate.db"),
            ("sqlite:///tmp/me@home.db?mode=rw", "sqlite:///tmp/me@home.db"),
            ("postgres://db.example/gw", "postgres://db.example/gw"),
            ("postgres://me:hunter2@db.example:5432/gw", "postgres://db.example/gw"),
            ("postgres://me:hunter%232@[::1]/gw", "postgres://[::1]/gw"),
            ("postgres://me:hun@ter2@db.example/gw", "postgres://db.example/gw"),
            ("postgres://me:4711", "postgres://me"),
            ("postgresql:///gw?host=/run/pg&password=hunter2", "postgresql:///gw"),
            ("postgres://%2Frun%2Fpg/gw?options[a.b]=hunter2", "postgres://%2Frun%2Fpg/gw"),
        ] {
            let address = Address::parse(address).unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), format!("Address({shown:?})"));
        }
    }

    #[test]
    fn an_invalid_address_is_refused_and_nothing_of_it_is_quoted() {
        for address in [
            "",
            "hunter2",
            "mysql://root:hunter2@db/gw",
            "postgres:me:hunter2@db/gw",
            "postgres:/me:hunter2@db/gw",
            "postgres://app:hunter2#secret@db/gw",
            "postgres://app:hunter2?secret@db/gw",
            "postgres://app:hunter2/secret@db/gw",
            "postgres://app:47#hunter2@db/gw",
            "postgres://app:47?hunter2@db/gw",
            "postgres://app:47/hunter2@db/gw",
            "postgres://app:47?user=hunter2@db/gw",
            "postgres://app#hunter2",
            "postgres://db/gw#hunter2",
            "postgres://db/gw?sslpassword=hunter2",
            "postgres://db/gw?hunter2",
            "postgres://db/gw/hunter2",
            "postgres://me:hunter2@[",
            "postgres://me:hunter2@db:port/gw",
            "sqlite:gate.db?key=hunter2",
        ] {
            let error = Address::parse(address).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(!text.contains("hunter2") && !text.contains("secret"), "{address}: {text}");
        }
    }
}
