use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use dualkey::{RegistryError, StoreError};

/// Why a command failed: one line that ends with what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    status: u8,
}

impl Failure {
    /// Something is not found, is refused or fails: exit status 1.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: 1 }
    }

    /// The command line is invalid: exit status 2, as for the errors of clap.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: 2 }
    }

    pub(crate) fn status(&self) -> ExitCode {
        self.status.into()
    }

    /// Appends a hint to the message.
    pub(crate) fn and(self, more: &str) -> Self {
        Self { message: format!("{}; {more}", self.message), ..self }
    }
}

/// The text of an error and of its sources.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        use RegistryError as Refusal;

        match error {
            Refusal::Store(error) => error.into(),
            Refusal::InvalidName
            | Refusal::InvalidActor
            | Refusal::InvalidOrganization
            | Refusal::TokenAsApiKey
            | Refusal::InvalidPolicy(_)
            | Refusal::NoScopes
            | Refusal::UnknownScopes(_)
            | Refusal::ExpiryInThePast => Self::usage(with_causes(&error)),
            error => Self::new(error.to_string()),
        }
    }
}

/// The tables of sign-in links and sessions.
impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::new(format!("the database of sessions failed: {}", with_causes(&error)))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(with_causes(&error)).and("check the database and its content, and try again")
    }
}

/// One line: control characters in the message become spaces.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message.replace(char::is_control, " "))
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;

    #[test]
    fn a_failure_is_one_line_without_escapes() {
        let failure = Failure::new("ERROR: no\n\u{1b}[31mLINE 1\u{9b}").and("try again");
        assert_eq!(failure.to_string(), "ERROR: no  [31mLINE 1 ; try again");
    }
}
