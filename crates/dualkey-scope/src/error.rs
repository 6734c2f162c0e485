use alloc::string::String;
use alloc::vec::Vec;

/// The declarations of a catalogue are invalid.
///
/// ```
/// # use dualkey_scope::Catalogue;
/// let error = Catalogue::builder().scope("a b", "A").build().unwrap_err();
/// assert!(error.to_string().starts_with("invalid scope name"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// The name is not a `scope-token` of RFC 6749 §3.3: visible ASCII other than `"` and `\`.
    #[error("invalid scope name {name:?}: must be visible ASCII other than a quote or a backslash")]
    InvalidName {
        /// The name as declared.
        name: String,
    },
    /// The name is declared twice.
    #[error("scope {name:?} is declared twice")]
    Duplicate {
        /// The name as declared.
        name: String,
    },
    /// An implication names a scope that is not declared.
    #[error("an implication names scope {name:?}, which is not declared")]
    Unknown {
        /// The name that is not declared.
        name: String,
    },
    /// Scopes imply each other in a cycle.
    #[error("scopes imply each other in a circle: {}", path.join(" → "))]
    Cycle {
        /// The names along the cycle. The first and the last are equal.
        path: Vec<String>,
    },
    /// More than 128 scopes.
    #[error("{count} scopes are declared, more than the maximum of 128")]
    TooMany {
        /// The number of declared scopes.
        count: usize,
    },
}

/// Names that the catalogue does not declare.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown scopes: {}", names.join(" "))]
pub struct UnknownScopes {
    pub(crate) names: Vec<String>,
}

impl UnknownScopes {
    /// The names, each once, in the order of the arguments. Of more than 128, the first 128.
    ///
    /// ```
    /// # use dualkey_scope::Catalogue;
    /// let error = Catalogue::builder().build()?.grant(["b", "a"]).unwrap_err();
    /// assert_eq!(error.names().collect::<Vec<_>>(), ["b", "a"]);
    /// # Ok::<(), dualkey_scope::CatalogueError>(())
    /// ```
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}
