use core::fmt;

/// The scopes that a token grants, implied ones included. Each set belongs to one catalogue, except for the
/// default: an empty set of none.
///
/// [`Catalogue::names`](crate::Catalogue::names) lists the names.
///
/// ```
/// # use dualkey_scope::Catalogue;
/// let catalogue = Catalogue::builder().scope("a", "A").scope("b", "B").build()?;
/// assert_eq!(catalogue.grant(["a", "b"])?.len(), 2);
/// assert!(catalogue.grant([""; 0])?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ScopeSet {
    /// Zero is none.
    catalogue: u64,
    /// The lower half first. A `u128` is aligned to 16 bytes, so with one the set would take 32 bytes
    /// instead of 24.
    bits: [u64; 2],
}

impl ScopeSet {
    #[expect(clippy::cast_possible_truncation, reason = "each half has 64 bits")]
    pub(crate) const fn new(catalogue: u64, bits: u128) -> Self {
        Self { catalogue, bits: [bits as u64, (bits >> 64) as u64] }
    }

    /// Whether the set grants nothing. Such a token still meets
    /// [`Requirement::NONE`](crate::Requirement::NONE).
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.to_bits() == 0
    }

    /// The number of scopes, including implied ones.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.to_bits().count_ones() as usize
    }

    /// One bit for each scope of the catalogue, in the order of declaration, lowest first.
    ///
    /// [`Catalogue::scope_set_from_bits`](crate::Catalogue::scope_set_from_bits) is the inverse. The
    /// bits are valid within this process only. To store a set, store its names.
    #[must_use]
    pub const fn to_bits(&self) -> u128 {
        let [low, high] = self.bits;
        (high as u128) << 64 | low as u128
    }

    /// The bits if the set belongs to this catalogue, otherwise 0.
    pub(crate) const fn bits_in(&self, catalogue: u64) -> u128 {
        if self.catalogue == catalogue { self.to_bits() } else { 0 }
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScopeSet({} of catalogue {})", self.len(), self.catalogue)
    }
}
