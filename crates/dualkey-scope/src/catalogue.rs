use alloc::borrow::ToOwned as _;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::requirement::Names;
use crate::{Requirement, Scope, ScopeSet, UnknownScopes};

/// All scopes of an application: up to 128 names with labels and implications.
///
/// Names match exactly and are case-sensitive. There are no wildcards. A clone is the same catalogue, and
/// only increments a reference count. Two builds are two different catalogues, even of equal
/// declarations: a set of one never meets a requirement of the other.
#[derive(Clone)]
pub struct Catalogue(Arc<Inner>);

struct Inner {
    /// Unique in this process.
    id: u64,
    scopes: Vec<Scope>,
    /// The index of each name in `scopes`.
    by_name: BTreeMap<Box<str>, u8>,
    /// For each scope, the bits of the scope and of everything it implies.
    closures: Vec<u128>,
}

/// The number of unknown names that are listed.
const MAX_UNKNOWN: usize = 128;

/// The result of [`Catalogue::resolve`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedScopes {
    /// The scopes that the known names grant.
    pub scopes: ScopeSet,
    /// The names that the catalogue does not declare, each once, the first 128. They grant nothing.
    pub unknown: Vec<String>,
}

impl Catalogue {
    pub(crate) fn from_parts(
        scopes: Vec<Scope>,
        by_name: BTreeMap<Box<str>, u8>,
        closures: Vec<u128>,
    ) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(Inner { id, scopes, by_name, closures }))
    }

    /// The scopes, in the order of their declaration.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.0.scopes
    }

    /// The scope with this name.
    ///
    /// ```
    /// # use dualkey_scope::Catalogue;
    /// let catalogue = Catalogue::builder().scope("a", "A").build()?;
    /// assert_eq!(catalogue.scope("a").map(|scope| scope.label()), Some("A"));
    /// assert_eq!(catalogue.scope("b"), None);
    /// # Ok::<(), dualkey_scope::CatalogueError>(())
    /// ```
    #[must_use]
    pub fn scope(&self, name: &str) -> Option<&Scope> {
        self.0.by_name.get(name).map(|index| &self.0.scopes[usize::from(*index)])
    }

    /// The scopes with these names and everything that they imply, for a new token. An unknown name is an
    /// error.
    ///
    /// # Errors
    ///
    /// The catalogue does not declare some of the names.
    ///
    /// ```
    /// # use dualkey_scope::Catalogue;
    /// let catalogue = Catalogue::builder().scope("a", "A").scope("b", "B").build()?;
    /// assert_eq!(catalogue.grant(["b"])?.len(), 1);
    /// assert!(catalogue.grant(["b", "c"]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn grant<I>(&self, names: I) -> Result<ScopeSet, UnknownScopes>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let ResolvedScopes { scopes, unknown } = self.resolve(names);
        if unknown.is_empty() { Ok(scopes) } else { Err(UnknownScopes { names: unknown }) }
    }

    /// The scopes with these names and everything that they imply, and the unknown names, for a stored
    /// token. Such a token may be older than this catalogue, so an unknown name is not an error.
    ///
    /// ```
    /// # use dualkey_scope::Catalogue;
    /// let catalogue = Catalogue::builder().scope("a", "A").scope("b", "B").build()?;
    /// let resolved = catalogue.resolve(["b", "c"]);
    /// assert_eq!(resolved.scopes, catalogue.grant(["b"])?);
    /// assert_eq!(resolved.unknown, ["c"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn resolve<I>(&self, names: I) -> ResolvedScopes
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let (known, unknown) = self.partition_names(names);
        let bits =
            known.into_iter().fold(0, |bits, index| bits | self.0.closures[usize::from(index)]);
        ResolvedScopes { scopes: ScopeSet::new(self.0.id, bits), unknown }
    }

    /// A requirement that a token with all of these scopes meets. Without names it is
    /// [`Requirement::NONE`].
    ///
    /// # Errors
    ///
    /// The catalogue does not declare some of the names.
    ///
    /// ```
    /// # use dualkey_scope::Catalogue;
    /// let catalogue = Catalogue::builder().scope("a", "A").scope("b", "B").build()?;
    /// let requirement = catalogue.require_all(["a", "b"])?;
    /// assert!(requirement.is_met_by(&catalogue.grant(["a", "b"])?));
    /// assert!(!requirement.is_met_by(&catalogue.grant(["a"])?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn require_all<I>(&self, names: I) -> Result<Requirement, UnknownScopes>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        self.resolve_required(names).map(|(bits, names)| Requirement::all(self.0.id, bits, names))
    }

    /// A requirement that a token with at least one of these scopes meets. Without names it is
    /// [`Requirement::DENY_ALL`].
    ///
    /// # Errors
    ///
    /// The catalogue does not declare some of the names.
    ///
    /// ```
    /// # use dualkey_scope::Catalogue;
    /// let catalogue = Catalogue::builder().scope("a", "A").scope("b", "B").build()?;
    /// let requirement = catalogue.require_any(["a", "b"])?;
    /// assert!(requirement.is_met_by(&catalogue.grant(["a"])?));
    /// assert!(!requirement.is_met_by(&catalogue.grant([""; 0])?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn require_any<I>(&self, names: I) -> Result<Requirement, UnknownScopes>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        self.resolve_required(names).map(|(bits, names)| Requirement::any(self.0.id, bits, names))
    }

    /// Whether this catalogue constructed the requirement. [`Requirement::NONE`] and
    /// [`Requirement::DENY_ALL`] are of every catalogue.
    ///
    /// ```
    /// # use dualkey_scope::{Catalogue, Requirement};
    /// let catalogue = || Catalogue::builder().scope("a", "A").build();
    /// let (one, equal) = (catalogue()?, catalogue()?);
    /// let requirement = one.require_all(["a"])?;
    /// assert!(one.has(&requirement) && !equal.has(&requirement));
    /// assert!(equal.has(&Requirement::NONE));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn has(&self, requirement: &Requirement) -> bool {
        requirement.catalogue().is_none_or(|id| id == self.0.id)
    }

    /// The set of this catalogue with these [bits](ScopeSet::to_bits).
    ///
    /// ```
    /// # use dualkey_scope::Catalogue;
    /// let catalogue = Catalogue::builder().scope("a", "A").scope("b", "B").build()?;
    /// let set = catalogue.grant(["b"])?;
    /// assert_eq!(catalogue.scope_set_from_bits(set.to_bits()), set);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn scope_set_from_bits(&self, bits: u128) -> ScopeSet {
        ScopeSet::new(self.0.id, bits)
    }

    /// The names of the set's scopes, including implied ones, in the order of their declaration.
    /// Empty for a set of another catalogue.
    ///
    /// ```
    /// # use dualkey_scope::Catalogue;
    /// let catalogue = Catalogue::builder().scope("a", "A").scope("b", "B").build()?;
    /// let set = catalogue.grant(["b", "a"])?;
    /// assert_eq!(catalogue.names(&set).collect::<Vec<_>>(), ["a", "b"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn names(&self, set: &ScopeSet) -> ScopeNames<'_> {
        ScopeNames { scopes: &self.0.scopes, bits: set.bits_in(self.0.id) }
    }

    /// These names, each once, in the order of their declaration, to store with a new token. Scopes that they
    /// imply are not added.
    ///
    /// # Errors
    ///
    /// The catalogue does not declare some of the names.
    ///
    /// ```
    /// # use dualkey_scope::Catalogue;
    /// let catalogue = Catalogue::builder().scope("a", "A").scope("b", "B").build()?;
    /// assert_eq!(catalogue.canonical_names(["b", "a", "b"])?, ["a", "b"]);
    /// assert!(catalogue.canonical_names(["c"]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn canonical_names<I>(&self, names: I) -> Result<Vec<&str>, UnknownScopes>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let (mut known, unknown) = self.partition_names(names);
        if !unknown.is_empty() {
            return Err(UnknownScopes { names: unknown });
        }
        known.sort_unstable();
        Ok(known.into_iter().map(|index| self.0.scopes[usize::from(index)].name()).collect())
    }

    /// The bits of the scopes with these names, without those that they imply, and the names.
    fn resolve_required<I>(&self, names: I) -> Result<(u128, Names), UnknownScopes>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let (known, unknown) = self.partition_names(names);
        if !unknown.is_empty() {
            return Err(UnknownScopes { names: unknown });
        }
        let bits = known.iter().fold(0, |bits, index| bits | 1 << index);
        let names = known.iter().map(|index| self.0.scopes[usize::from(*index)].name.clone());
        Ok((bits, names.collect()))
    }

    /// The indexes of the known names, and the unknown names: each once, in the order of the arguments. Memory
    /// and comparisons per name are bounded, however many names there are.
    fn partition_names<I>(&self, names: I) -> (Vec<u8>, Vec<String>)
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let (mut known, mut unknown) = (Vec::new(), Vec::<String>::new());
        let mut seen = 0_u128;
        for name in names {
            let name = name.as_ref();
            match self.0.by_name.get(name) {
                Some(index) if seen & 1 << index == 0 => {
                    seen |= 1 << index;
                    known.push(*index);
                }
                Some(_) => {}
                None if unknown.len() < MAX_UNKNOWN && !unknown.iter().any(|it| it == name) => {
                    unknown.push(name.to_owned());
                }
                None => {}
            }
        }
        (known, unknown)
    }
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Catalogue").field(&self.0.scopes).finish()
    }
}

/// The names of a set's scopes, from [`Catalogue::names`].
///
/// ```
/// # use dualkey_scope::Catalogue;
/// let catalogue = Catalogue::builder().scope("a", "A").scope("b", "B").build()?;
/// let set = catalogue.grant(["b"])?;
/// assert!(catalogue.names(&set).eq(["b"]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ScopeNames<'a> {
    scopes: &'a [Scope],
    bits: u128,
}

impl<'a> Iterator for ScopeNames<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let index = self.bits.trailing_zeros() as usize;
        let scope = self.scopes.get(index)?;
        self.bits &= self.bits - 1;
        Some(scope.name())
    }
}
