use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

use crate::ScopeSet;

pub(crate) type Names = Box<[Box<str>]>;

/// The scopes that a route requires of a token. A clone only increments a reference count.
///
/// [`Catalogue::require_all`](crate::Catalogue::require_all) and
/// [`require_any`](crate::Catalogue::require_any) construct one; [`NONE`](Self::NONE) requires no
/// scope. `Display` writes the names separated by spaces, as in the `scope` parameter of a challenge
/// (RFC 6750 §3).
///
/// ```
/// use dualkey_scope::{Catalogue, Requirement};
///
/// let catalogue = Catalogue::builder().scope("a", "A").scope("b", "B").build()?;
/// assert_eq!(catalogue.require_all(["b", "a"])?.to_string(), "b a");
///
/// let nothing = catalogue.grant([""; 0])?;
/// assert!(Requirement::NONE.is_met_by(&nothing));
/// assert!(!Requirement::DENY_ALL.is_met_by(&nothing));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Requirement(Rule);

#[derive(Clone, Debug)]
enum Rule {
    None,
    DenyAll,
    All(Arc<RequiredScopes>),
    Any(Arc<RequiredScopes>),
}

#[derive(Debug)]
struct RequiredScopes {
    catalogue: u64,
    bits: u128,
    names: Names,
}

impl Requirement {
    /// Any valid token passes, whatever its scopes.
    pub const NONE: Self = Self(Rule::None);

    /// No token passes: the route is closed.
    pub const DENY_ALL: Self = Self(Rule::DenyAll);

    pub(crate) fn all(catalogue: u64, bits: u128, names: Names) -> Self {
        match bits {
            0 => Self::NONE,
            _ => Self(Rule::All(Arc::new(RequiredScopes { catalogue, bits, names }))),
        }
    }

    pub(crate) fn any(catalogue: u64, bits: u128, names: Names) -> Self {
        match bits {
            0 => Self::DENY_ALL,
            _ => Self(Rule::Any(Arc::new(RequiredScopes { catalogue, bits, names }))),
        }
    }

    /// The identity of its catalogue, unless it needs none.
    pub(crate) fn catalogue(&self) -> Option<u64> {
        match &self.0 {
            Rule::None | Rule::DenyAll => None,
            Rule::All(required) | Rule::Any(required) => Some(required.catalogue),
        }
    }

    /// Whether a token with this set passes. A set of another catalogue meets only [`NONE`](Self::NONE).
    #[must_use]
    pub fn is_met_by(&self, set: &ScopeSet) -> bool {
        match &self.0 {
            Rule::None => true,
            Rule::DenyAll => false,
            Rule::All(required) => set.bits_in(required.catalogue) & required.bits == required.bits,
            Rule::Any(required) => set.bits_in(required.catalogue) & required.bits != 0,
        }
    }

    /// Whether a token with one of the [named](Self::names) scopes passes. Otherwise it needs all of them.
    ///
    /// ```
    /// use dualkey_scope::{Catalogue, Requirement};
    ///
    /// let catalogue = Catalogue::builder().scope("a", "A").scope("b", "B").build()?;
    /// assert!(catalogue.require_any(["a", "b"])?.accepts_any());
    /// assert!(!catalogue.require_all(["a", "b"])?.accepts_any());
    /// assert!(Requirement::DENY_ALL.accepts_any() && !Requirement::NONE.accepts_any());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn accepts_any(&self) -> bool {
        matches!(self.0, Rule::DenyAll | Rule::Any(_))
    }

    /// The names of the required scopes, each once, in the order of the arguments.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = match &self.0 {
            Rule::None | Rule::DenyAll => &[][..],
            Rule::All(required) | Rule::Any(required) => &required.names,
        };
        names.iter().map(AsRef::as_ref)
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}
