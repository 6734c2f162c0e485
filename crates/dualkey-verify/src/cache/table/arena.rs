use super::geometry::SEGMENT_BYTES;
use super::sync::OnceLock;

/// Entries by number that never move: the arena grows by segments, and segments stay.
pub(crate) struct Arena<T> {
    segments: Box<[OnceLock<Box<[T]>>]>,
}

impl<T: Default> Arena<T> {
    /// Entries per segment.
    const SEGMENT: usize = match SEGMENT_BYTES / size_of::<T>().next_power_of_two() {
        0 => 1,
        entries => entries,
    };

    /// An arena for at least this many entries, none of them allocated yet.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let segments = capacity.div_ceil(Self::SEGMENT);
        Self { segments: (0..segments).map(|_| OnceLock::new()).collect() }
    }

    /// How many entries the arena can hold: its capacity, rounded up to whole segments.
    pub(crate) fn capacity(&self) -> usize {
        self.segments.len() * Self::SEGMENT
    }

    /// The entry of this number, if its segment is allocated.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        let at = number as usize;
        self.segments.get(at / Self::SEGMENT)?.get()?.get(at % Self::SEGMENT)
    }

    /// The entry of this number, whose segment is allocated if need be; none beyond the capacity.
    pub(crate) fn get_or_init(&self, number: u32) -> Option<&T> {
        let at = number as usize;
        let segment = self.segments.get(at / Self::SEGMENT)?;
        let allocate = || (0..Self::SEGMENT).map(|_| T::default()).collect();
        segment.get_or_init(allocate).get(at % Self::SEGMENT)
    }
}
