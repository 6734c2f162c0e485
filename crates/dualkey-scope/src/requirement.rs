use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

use crate::ScopeSet;

pub(crate) type Names = Box<[Box<str>]>;

/// What a route asks of a token. Clones cost a reference count.
///
/// [`Catalogue::require_all`](crate::Catalogue::require_all) and
/// [`require_any`](crate::Catalogue::require_any) make one; [`NONE`](Self::NONE) asks for any valid
/// token. `Display` writes the names with spaces between, as the `scope` parameter of a challenge
/// does (RFC 6750 §3).
#[derive(Clone, Debug)]
pub struct Requirement(Rule);

#[derive(Clone, Debug)]
enum Rule {
    None,
    Nobody,
    All(Arc<Asked>),
    Any(Arc<Asked>),
}

#[derive(Debug)]
struct Asked {
    catalogue: u64,
    bits: u128,
    names: Names,
}

impl Requirement {
    /// Any valid token, whatever its scopes.
    pub const NONE: Self = Self(Rule::None);

    /// No token at all: for a route that nobody may use.
    pub const DENY_ALL: Self = Self(Rule::Nobody);

    pub(crate) fn all(catalogue: u64, bits: u128, names: Names) -> Self {
        match bits {
            0 => Self::NONE,
            _ => Self(Rule::All(Arc::new(Asked { catalogue, bits, names }))),
        }
    }

    pub(crate) fn any(catalogue: u64, bits: u128, names: Names) -> Self {
        match bits {
            0 => Self::DENY_ALL,
            _ => Self(Rule::Any(Arc::new(Asked { catalogue, bits, names }))),
        }
    }

    /// Whether a token with this set may pass. A set of another catalogue never does, except where
    /// any valid token may.
    #[must_use]
    pub fn is_met_by(&self, set: &ScopeSet) -> bool {
        match &self.0 {
            Rule::None => true,
            Rule::Nobody => false,
            Rule::All(asked) => set.bits_of(asked.catalogue) & asked.bits == asked.bits,
            Rule::Any(asked) => set.bits_of(asked.catalogue) & asked.bits != 0,
        }
    }

    /// The names that are asked for, in the order in which they were given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = match &self.0 {
            Rule::None | Rule::Nobody => &[][..],
            Rule::All(asked) | Rule::Any(asked) => &asked.names,
        };
        names.iter().map(AsRef::as_ref)
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.names().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}
