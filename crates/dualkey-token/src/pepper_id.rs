use alloc::string::ToString as _;
use core::fmt;
use core::str::FromStr;

/// The id of a [`Pepper`](crate::Pepper), which tells peppers apart without revealing their keys: 16
/// hexadecimal digits.
///
/// ```
/// use dualkey_token::{Digester, Pepper, PepperId};
///
/// let id = Digester::peppered(Pepper::new([7; 32])?).pepper_id().expect("there is a pepper");
/// assert_eq!(id.to_string().parse(), Ok(id));
/// assert_ne!(Digester::peppered(Pepper::new([8; 32])?).pepper_id(), Some(id));
/// assert!("no id".parse::<PepperId>().is_err());
/// # Ok::<(), dualkey_token::InvalidPepper>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PepperId(u64);

/// The text is not 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of a pepper must have 16 lower-case hexadecimal digits")]
pub struct InvalidPepperId;

impl PepperId {
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }
}

impl FromStr for PepperId {
    type Err = InvalidPepperId;

    fn from_str(text: &str) -> Result<Self, InvalidPepperId> {
        let id = u64::from_str_radix(text, 16).map(Self).map_err(|_| InvalidPepperId)?;
        if id.to_string() == text { Ok(id) } else { Err(InvalidPepperId) }
    }
}

impl fmt::Display for PepperId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for PepperId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PepperId({self})")
    }
}
