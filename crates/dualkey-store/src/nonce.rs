use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use dualkey_limit::Timestamp;
use rand::TryRng as _;
use rand::rngs::SysRng;

/// A number that a form carries, so that a form that is sent twice issues one token.
///
/// A page puts a new one into each form, and the handler of the form passes it to
/// [`NewToken::with_nonce`](crate::NewToken::with_nonce) or
/// [`Registry::rotate_token_once`](crate::Registry::rotate_token_once). The store keeps it in the transaction
/// that stores the token, so that a second use is found by every server and after a restart.
///
/// It is no credential: an organization that changes it sends another form.
///
/// ```
/// use dualkey_limit::Timestamp;
/// use dualkey_store::{FormNonce, NewToken, RegistryError};
/// # use dualkey_scope::Catalogue;
/// # use dualkey_store::Registry;
/// # use dualkey_token::Prefix;
///
/// # pollster::block_on(async {
/// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
/// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
/// let field = FormNonce::random(registry.clock().now()).to_string(); // of a hidden input
///
/// let nonce: FormNonce = field.parse()?;
/// let token = |name| NewToken::new("acme", name, ["guests:read"]).with_nonce(nonce);
/// let issued = registry.issue_token(token("Zapier")).await?;
/// let again = registry.issue_token(token("Zapier")).await;
/// let id = issued.record.id;
/// assert!(matches!(again, Err(RegistryError::AlreadyDone { token }) if token == id));
///
/// assert!("another text".parse::<FormNonce>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FormNonce {
    random: [u8; 16],
    /// In seconds since the Unix epoch.
    made_at: u64,
}

/// A text that is no [`FormNonce`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the form is incomplete: open it again")]
pub struct InvalidFormNonce;

/// The time for which a form may stay open.
const MAX_AGE: Duration = Duration::from_secs(86_400);
/// The time by which the clocks of two servers may differ.
const MAX_SKEW: Duration = Duration::from_secs(300);

impl FormNonce {
    /// A nonce of 128 random bits of the operating system, made at this time.
    ///
    /// # Panics
    ///
    /// If the operating system fails to provide random bytes.
    #[must_use]
    pub fn random(now: Timestamp) -> Self {
        let mut random = [0; 16];
        SysRng.try_fill_bytes(&mut random).expect("the operating system provides random bytes");
        Self { random, made_at: now.as_secs() }
    }

    /// When it was made, in whole seconds.
    #[must_use]
    pub const fn made_at(&self) -> Timestamp {
        Timestamp::from_secs(self.made_at)
    }

    /// Whether a [`Registry`](crate::Registry) refuses it at this time: it is older than a day, or was made
    /// more than five minutes in the future.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dualkey_limit::Timestamp;
    /// use dualkey_store::FormNonce;
    ///
    /// let now = Timestamp::from_secs(1_700_000_000);
    /// let nonce = FormNonce::random(now);
    /// assert!(!nonce.is_stale(now.saturating_add(Duration::from_hours(24))));
    /// assert!(nonce.is_stale(now.saturating_add(Duration::from_hours(25))));
    /// assert!(nonce.is_stale(now.saturating_sub(Duration::from_mins(6))));
    /// ```
    #[must_use]
    pub fn is_stale(&self, now: Timestamp) -> bool {
        let made_at = self.made_at();
        now > made_at.saturating_add(MAX_AGE) || made_at > now.saturating_add(MAX_SKEW)
    }

    /// The random bits, by which a store finds it.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.random
    }
}

/// 48 hexadecimal digits: the random bits, then the time.
impl fmt::Display for FormNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}{:016x}", u128::from_be_bytes(self.random), self.made_at)
    }
}

impl fmt::Debug for FormNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FormNonce({self})")
    }
}

impl FromStr for FormNonce {
    type Err = InvalidFormNonce;

    fn from_str(text: &str) -> Result<Self, InvalidFormNonce> {
        if text.len() != 48 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidFormNonce);
        }
        let (random, made_at) = text.split_at(32);
        let random = u128::from_str_radix(random, 16).map_err(|_| InvalidFormNonce)?;
        let made_at = u64::from_str_radix(made_at, 16).map_err(|_| InvalidFormNonce)?;
        Ok(Self { random: random.to_be_bytes(), made_at })
    }
}

#[cfg(test)]
mod tests {
    use dualkey_limit::Timestamp;

    use super::{FormNonce, InvalidFormNonce};

    #[test]
    fn a_nonce_is_48_digits_and_no_other_text_is_one() {
        let now = Timestamp::from_secs(1_700_000_000);
        let (nonce, other) = (FormNonce::random(now), FormNonce::random(now));
        assert_ne!(nonce, other);
        let text = nonce.to_string();
        assert_eq!((text.len(), text.parse()), (48, Ok(nonce)));
        assert_eq!(nonce.made_at(), now);
        let sign = format!("+{}", &text[1..]);
        for text in ["", &text[1..], &format!("{text}0"), &sign, &"é".repeat(24), &"g".repeat(48)]
        {
            assert_eq!(text.parse::<FormNonce>(), Err(InvalidFormNonce), "{text}");
        }
        let latest: FormNonce = "f".repeat(48).parse().expect("well-formed");
        assert!(latest.is_stale(now), "a time beyond the last that can be represented");
    }
}
