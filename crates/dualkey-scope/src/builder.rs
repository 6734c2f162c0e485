use alloc::borrow::ToOwned as _;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::scope::is_scope_token;
use crate::{Catalogue, CatalogueError, Scope};

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

impl CatalogueBuilder {
    /// Declares a scope. Lists show scopes in the order of their declaration.
    pub fn scope(mut self, name: impl Into<Box<str>>, label: impl Into<Box<str>>) -> Self {
        self.scopes.push(Scope { name: name.into(), label: label.into(), implies: Vec::new() });
        self
    }

    /// Declares that `name` grants each of `implied` too, and everything those imply.
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
    /// A name is invalid, declared twice or not declared, implications form a cycle, or there are
    /// more than 128 scopes.
    ///
    /// ```
    /// use dualkey_scope::{Catalogue, CatalogueError};
    ///
    /// assert!(Catalogue::builder().scope("a", "A").build().is_ok());
    /// let error = Catalogue::builder().scope("a", "A").scope("a", "again").build().unwrap_err();
    /// assert_eq!(error, CatalogueError::Duplicate { name: "a".into() });
    /// ```
    pub fn build(mut self) -> Result<Catalogue, CatalogueError> {
        if self.scopes.len() > 128 {
            return Err(CatalogueError::TooMany { count: self.scopes.len() });
        }
        let by_name = self.index()?;
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

    fn index(&self) -> Result<BTreeMap<Box<str>, u8>, CatalogueError> {
        let mut by_name = BTreeMap::new();
        for (at, scope) in (0_u8..).zip(&self.scopes) {
            if !is_scope_token(&scope.name) {
                return Err(CatalogueError::InvalidName { name: scope.name.as_ref().to_owned() });
            }
            if by_name.insert(scope.name.clone(), at).is_some() {
                return Err(CatalogueError::Duplicate { name: scope.name.as_ref().to_owned() });
            }
        }
        Ok(by_name)
    }
}

/// Depth-first search over the implications. The closure of a scope is the scope and the closures of
/// the scopes it implies; a scope that is already on the current path closes a cycle.
struct Closures<'a> {
    scopes: &'a [Scope],
    by_name: &'a BTreeMap<Box<str>, u8>,
    done: Vec<Option<u128>>,
    path: Vec<u8>,
}

impl<'a> Closures<'a> {
    fn of(
        scopes: &'a [Scope],
        by_name: &'a BTreeMap<Box<str>, u8>,
    ) -> Result<Vec<u128>, CatalogueError> {
        let mut walk = Self { scopes, by_name, done: Vec::new(), path: Vec::new() };
        walk.done.resize(scopes.len(), None);
        (0_u8..).zip(scopes).map(|(at, _)| walk.closure(at)).collect()
    }

    fn closure(&mut self, at: u8) -> Result<u128, CatalogueError> {
        if let Some(closure) = self.done[usize::from(at)] {
            return Ok(closure);
        }
        if let Some(start) = self.path.iter().position(|seen| *seen == at) {
            return Err(self.cycle(start, at));
        }
        self.path.push(at);
        let mut closure = 1 << at;
        let scopes = self.scopes;
        for implied in &scopes[usize::from(at)].implies {
            closure |= self.closure(self.by_name[implied])?;
        }
        self.path.pop();
        self.done[usize::from(at)] = Some(closure);
        Ok(closure)
    }

    fn cycle(&self, start: usize, at: u8) -> CatalogueError {
        let around = self.path[start..].iter().chain([&at]);
        let path = around.map(|at| self.scopes[usize::from(*at)].name.as_ref().to_owned());
        CatalogueError::Cycle { path: path.collect() }
    }
}
