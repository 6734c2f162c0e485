use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

use crate::ScopeSet;

pub(crate) type Names = Arc<[Box<str>]>;

/// What a route asks of a token. Clones share their names.
///
/// [`Catalogue::require_all`](crate::Catalogue::require_all) and
/// [`require_any`](crate::Catalogue::require_any) make one; [`NONE`](Self::NONE) asks for any valid
/// token. `Display` writes the names with spaces between, as the `scope` parameter of a challenge
/// does (RFC 6750 §3).
#[derive(Clone, Debug)]
pub struct Requirement {
    rule: Rule,
    names: Option<Names>,
}

#[derive(Clone, Copy, Debug)]
enum Rule {
    None,
    All { catalogue: u64, bits: u128 },
    Any { catalogue: u64, bits: u128 },
}

impl Requirement {
    /// Any valid token, whatever its scopes.
    pub const NONE: Self = Self { rule: Rule::None, names: None };

    pub(crate) fn all(catalogue: u64, bits: u128, names: Names) -> Self {
        if bits == 0 {
            return Self::NONE;
        }
        Self { rule: Rule::All { catalogue, bits }, names: Some(names) }
    }

    pub(crate) const fn any(catalogue: u64, bits: u128, names: Names) -> Self {
        Self { rule: Rule::Any { catalogue, bits }, names: Some(names) }
    }

    /// Whether a token with this set may pass. A set of another catalogue never does, except where
    /// any valid token may.
    #[must_use]
    pub fn is_met_by(&self, set: &ScopeSet) -> bool {
        match self.rule {
            Rule::None => true,
            Rule::All { catalogue, bits } => set.bits_of(catalogue) & bits == bits,
            Rule::Any { catalogue, bits } => set.bits_of(catalogue) & bits != 0,
        }
    }

    /// The names that are asked for, in the order in which they were given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().flat_map(|names| names.iter()).map(AsRef::as_ref)
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
