use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// The name of an organization in the program that uses this crate. A clone of a name of up to 39 bytes,
/// such as a UUID, copies it. A clone of a longer name increments a reference count.
///
/// A [`Registry`](crate::Registry) accepts names of 1 to 128 bytes without control characters.
///
/// ```
/// use dualkey_store::OrganizationId;
///
/// assert_eq!(OrganizationId::new("acme").as_str(), "acme");
/// assert!(OrganizationId::new("acme").is_valid());
/// assert!(!OrganizationId::new("").is_valid());
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "String", into = "String"))]
pub struct OrganizationId(Name);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Name {
    /// The name, zeros, and in the last byte its length.
    Short(ShortName),
    Long(Arc<str>),
}

type ShortName = [u8; OrganizationId::SHORT + 1];

impl OrganizationId {
    /// The bytes of the longest name that is short.
    pub const SHORT: usize = 39;

    /// The organization with this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        match u8::try_from(name.len()) {
            Ok(len) if name.len() <= Self::SHORT => {
                let mut bytes = [0; Self::SHORT + 1];
                bytes[..name.len()].copy_from_slice(name.as_bytes());
                bytes[Self::SHORT] = len;
                Self(Name::Short(bytes))
            }
            _ => Self(Name::Long(name.into())),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Name::Short(bytes) => short_text(bytes).unwrap_or_default(),
            Name::Long(name) => name,
        }
    }

    /// Whether a registry accepts this name: it has 1 to 128 bytes and no control characters.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let name = self.as_str();
        (1..=128).contains(&name.len()) && !name.contains(char::is_control)
    }

    /// A short name in a fixed number of bytes, for a cache with entries of one size; none if the name is
    /// longer.
    ///
    /// ```
    /// use dualkey_store::OrganizationId;
    ///
    /// let acme = OrganizationId::new("acme");
    /// assert_eq!(acme.to_short().map(OrganizationId::from_short), Some(acme));
    /// assert!(OrganizationId::new(&"a".repeat(40)).to_short().is_none());
    /// ```
    #[must_use]
    pub const fn to_short(&self) -> Option<[u8; Self::SHORT + 1]> {
        match self.0 {
            Name::Short(bytes) => Some(bytes),
            Name::Long(_) => None,
        }
    }

    /// The inverse of [`to_short`](Self::to_short). The bytes are not checked: those that are no short
    /// name give an organization whose name is empty, which is not [valid](Self::is_valid).
    #[must_use]
    #[inline]
    pub const fn from_short(bytes: [u8; Self::SHORT + 1]) -> Self {
        Self(Name::Short(bytes))
    }
}

fn short_text(bytes: &ShortName) -> Option<&str> {
    let (name, len) = bytes.split_at(OrganizationId::SHORT);
    str::from_utf8(name.get(..usize::from(len[0]))?).ok()
}

/// In the order of the names.
impl Ord for OrganizationId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialOrd for OrganizationId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<&str> for OrganizationId {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for OrganizationId {
    fn from(name: String) -> Self {
        Self::new(&name)
    }
}

impl From<OrganizationId> for String {
    fn from(organization: OrganizationId) -> Self {
        organization.as_str().to_owned()
    }
}

impl fmt::Display for OrganizationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for OrganizationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrganizationId({:?})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::OrganizationId;

    #[test]
    fn names_of_all_lengths_are_kept_and_ordered_as_text() {
        let names: Vec<String> =
            (0..=128).flat_map(|len| ["a", "\0", "é"].map(|text| text.repeat(len))).collect();
        let mut organizations: Vec<OrganizationId> =
            names.iter().map(|name| OrganizationId::new(name)).collect();
        for (organization, name) in organizations.iter().zip(&names) {
            assert_eq!(organization.as_str(), name);
            assert_eq!(organization.to_short().is_some(), name.len() <= OrganizationId::SHORT);
        }
        let mut sorted = names;
        sorted.sort_unstable();
        organizations.sort_unstable();
        assert!(organizations.iter().map(OrganizationId::as_str).eq(sorted.iter()));
    }

    #[test]
    fn bytes_that_are_no_short_name_give_an_invalid_one() {
        for bytes in [[0xff; 40], [40; 40], [0; 40]] {
            assert!(!OrganizationId::from_short(bytes).is_valid(), "{bytes:?}");
        }
    }
}
