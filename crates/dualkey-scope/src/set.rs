use core::fmt;

/// What a token grants: a set of scopes of one catalogue, with everything they imply.
///
/// Names come back through [`Catalogue::names`](crate::Catalogue::names).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScopeSet {
    catalogue: u64,
    /// The lower half first: in halves, the set takes 24 bytes instead of 32.
    bits: [u64; 2],
}

impl ScopeSet {
    #[expect(clippy::cast_possible_truncation, reason = "a half has as many bits")]
    pub(crate) const fn new(catalogue: u64, bits: u128) -> Self {
        Self { catalogue, bits: [bits as u64, (bits >> 64) as u64] }
    }

    /// Whether the set grants nothing. Such a token still meets
    /// [`Requirement::NONE`](crate::Requirement::NONE).
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.to_bits() == 0
    }

    /// How many scopes the set grants, implied ones included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.to_bits().count_ones() as usize
    }

    /// A bit for each scope of the catalogue, in the order of declaration, lowest first: to be kept
    /// within the process and read by [`Catalogue::scope_set_from_bits`](crate::Catalogue::scope_set_from_bits). What
    /// outlives the process is the names.
    #[must_use]
    pub const fn to_bits(&self) -> u128 {
        let [low, high] = self.bits;
        (high as u128) << 64 | low as u128
    }

    /// The bits if the set is of this catalogue, else none.
    pub(crate) const fn bits_of(&self, catalogue: u64) -> u128 {
        if self.catalogue == catalogue { self.to_bits() } else { 0 }
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScopeSet({} of catalogue {})", self.len(), self.catalogue)
    }
}
