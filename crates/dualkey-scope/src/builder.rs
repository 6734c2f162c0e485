use alloc::borrow::ToOwned as _;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::scope::is_scope_token;
use crate::{Catalogue, CatalogueError, Scope};

/// One bit of a `u128` for each scope.
const MAX_SCOPES: usize = 128;

/// Builds a [`Catalogue`] from scopes and implications, in any order.
///
/// ```
/// # use dualkey_scope::Catalogue;
/// let builder = Catalogue::builder().implies("a", ["b"]).scope("a", "A");
/// assert!(builder.clone().build().is_err()); // `b` is not declared
/// assert!(builder.scope("b", "B").build().is_ok());
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct CatalogueBuilder {
    scopes: Vec<Scope>,
    implications: Vec<(String, String)>,
}

/// Beside the builder, so that only this file imports the other.
impl Catalogue {
    /// A builder without scopes.
    pub fn builder() -> CatalogueBuilder {
        CatalogueBuilder::default()
    }
}

impl CatalogueBuilder {
    /// Declares a scope. Lists show scopes in the order of their declaration.
    pub fn scope(mut self, name: impl Into<Box<str>>, label: impl Into<Box<str>>) -> Self {
        self.scopes.push(Scope { name: name.into(), label: label.into(), implies: Vec::new() });
        self
    }

    /// Declares that `name` also grants each scope of `implied`, and everything that these imply.
    ///
    /// ```
    /// use dualkey_scope::Catalogue;
    ///
    /// let builder = Catalogue::builder().scope("a:edit", "A - Edit").scope("a:read", "A - Read");
    /// let catalogue = builder.implies("a:edit", ["a:read"]).build()?;
    /// assert_eq!(catalogue.grant(["a:edit"])?.len(), 2);
    /// assert_eq!(catalogue.grant(["a:read"])?.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn implies<I>(mut self, name: &str, implied: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        for scope in implied {
            self.implications.push((name.to_owned(), scope.as_ref().to_owned()));
        }
        self
    }

    /// Builds the catalogue and the transitive closure of its implications.
    ///
    /// # Errors
    ///
    /// A name is invalid, is declared twice, or is implied and not declared. Or the implications form a
    /// cycle, or there are more than 128 scopes.
    ///
    /// ```
    /// use dualkey_scope::{Catalogue, CatalogueError};
    ///
    /// assert!(Catalogue::builder().scope("a", "A").build().is_ok());
    /// let error = Catalogue::builder().scope("a", "A").scope("a", "again").build().unwrap_err();
    /// assert_eq!(error, CatalogueError::Duplicate { name: "a".into() });
    /// ```
    pub fn build(mut self) -> Result<Catalogue, CatalogueError> {
        if self.scopes.len() > MAX_SCOPES {
            return Err(CatalogueError::TooMany { count: self.scopes.len() });
        }
        let by_name = self.index_by_name()?;
        for (name, implied) in self.implications {
            let [from, to] = [name, implied].map(|name| by_name.get(&*name).copied().ok_or(name));
            let (from, to) = match (from, to) {
                (Ok(from), Ok(to)) => (usize::from(from), usize::from(to)),
                (Err(name), _) | (_, Err(name)) => return Err(CatalogueError::Unknown { name }),
            };
            let implied = self.scopes[to].name.clone();
            if !self.scopes[from].implies.contains(&implied) {
                self.scopes[from].implies.push(implied);
            }
        }
        let closures = Closures::of(&self.scopes, &by_name)?;
        Ok(Catalogue::from_parts(self.scopes, by_name, closures))
    }

    fn index_by_name(&self) -> Result<BTreeMap<Box<str>, u8>, CatalogueError> {
        let mut by_name = BTreeMap::new();
        for (index, scope) in (0_u8..).zip(&self.scopes) {
            if !is_scope_token(&scope.name) {
                return Err(CatalogueError::InvalidName { name: scope.name.as_ref().to_owned() });
            }
            if by_name.insert(scope.name.clone(), index).is_some() {
                return Err(CatalogueError::Duplicate { name: scope.name.as_ref().to_owned() });
            }
        }
        Ok(by_name)
    }
}

/// Depth-first search over the implications. The closure of a scope holds the scope and the closures of
/// the scopes that it implies. A scope that is on the current path already closes a cycle.
struct Closures<'a> {
    scopes: &'a [Scope],
    by_name: &'a BTreeMap<Box<str>, u8>,
    /// The closure of each scope that the search has completed.
    done: Vec<Option<u128>>,
    /// The scopes from the start of the search to the current one.
    path: Vec<u8>,
}

impl<'a> Closures<'a> {
    fn of(
        scopes: &'a [Scope],
        by_name: &'a BTreeMap<Box<str>, u8>,
    ) -> Result<Vec<u128>, CatalogueError> {
        let mut search = Self { scopes, by_name, done: Vec::new(), path: Vec::new() };
        search.done.resize(scopes.len(), None);
        (0_u8..).zip(scopes).map(|(index, _)| search.closure(index)).collect()
    }

    fn closure(&mut self, index: u8) -> Result<u128, CatalogueError> {
        if let Some(closure) = self.done[usize::from(index)] {
            return Ok(closure);
        }
        if let Some(start) = self.path.iter().position(|seen| *seen == index) {
            return Err(self.cycle(start, index));
        }
        self.path.push(index);
        let mut closure = 1 << index;
        let scopes = self.scopes;
        for implied in &scopes[usize::from(index)].implies {
            closure |= self.closure(self.by_name[implied])?;
        }
        self.path.pop();
        self.done[usize::from(index)] = Some(closure);
        Ok(closure)
    }

    fn cycle(&self, start: usize, index: u8) -> CatalogueError {
        let cycle = self.path[start..].iter().chain([&index]);
        let path = cycle.map(|index| self.scopes[usize::from(*index)].name.as_ref().to_owned());
        CatalogueError::Cycle { path: path.collect() }
    }
}
