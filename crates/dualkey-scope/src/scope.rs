use alloc::boxed::Box;
use alloc::vec::Vec;

/// One scope of a catalogue.
///
/// ```
/// # use dualkey_scope::Catalogue;
/// let builder = Catalogue::builder().scope("a", "A").scope("b", "B").implies("a", ["b"]);
/// let catalogue = builder.build()?;
/// let [a, b] = catalogue.scopes() else { panic!("two scopes are declared") };
/// assert_eq!((a.name(), b.label()), ("a", "B"));
/// assert_eq!(a.implies().collect::<Vec<_>>(), ["b"]);
/// # Ok::<(), dualkey_scope::CatalogueError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    pub(crate) name: Box<str>,
    pub(crate) label: Box<str>,
    pub(crate) implies: Vec<Box<str>>,
}

impl Scope {
    /// The name in tokens and requirements, such as `reservations:read`: a `scope-token` of
    /// RFC 6749 §3.3.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The label for user interfaces, such as `Reservations - Read`.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The names of the scopes that this one implies directly.
    pub fn implies(&self) -> impl Iterator<Item = &str> {
        self.implies.iter().map(AsRef::as_ref)
    }
}

/// `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`, RFC 6749 §3.3.
pub(crate) fn is_scope_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}
