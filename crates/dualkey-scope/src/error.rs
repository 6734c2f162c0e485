use alloc::string::String;
use alloc::vec::Vec;

/// The catalogue cannot be built as declared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// The name is no `scope-token` of RFC 6749 §3.3: visible ASCII other than `"` and `\`.
    #[error("{name:?} is no scope name: use visible ASCII other than a quote or a backslash")]
    InvalidName {
        /// The name as declared.
        name: String,
    },
    /// The name is declared twice.
    #[error("the scope {name:?} is declared twice")]
    Duplicate {
        /// The name as declared.
        name: String,
    },
    /// An implication names a scope that is not declared.
    #[error("an implication names {name:?}, which is not declared")]
    Unknown {
        /// The name that is not declared.
        name: String,
    },
    /// Scopes imply each other in a circle.
    #[error("scopes imply each other in a circle: {}", path.join(" → "))]
    Cycle {
        /// The names around the circle; the first one is also the last.
        path: Vec<String>,
    },
    /// More than 128 scopes.
    #[error("{count} scopes are declared, and a catalogue holds at most 128")]
    TooMany {
        /// How many were declared.
        count: usize,
    },
}

/// Names that the catalogue does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown scopes: {}", names.join(" "))]
pub struct UnknownScopes {
    pub(crate) names: Vec<String>,
}

impl UnknownScopes {
    /// The names, in the order in which they were given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}
