use super::code::Found;

/// What a request found in the cache, for its one count.
#[derive(Clone, Copy, Default)]
pub(crate) struct Trace {
    pub(crate) partner: Found,
    pub(crate) token: Found,
    /// The number of its partner, if that is known.
    pub(crate) number: Option<u32>,
}

/// A request that has waited for the store looks again: what it found first is counted.
impl Trace {
    #[inline]
    pub(crate) fn set_partner(&mut self, number: u32) {
        self.number = Some(number);
    }

    #[inline]
    pub(crate) fn found_partner(&mut self, found: Found) {
        if self.partner == Found::NotLookedUp {
            self.partner = found;
        }
    }

    #[inline]
    pub(crate) fn found_token(&mut self, found: Found) {
        if self.token == Found::NotLookedUp {
            self.token = found;
        }
    }
}
