//! The sizes of pages and segments. The interleaving tests compile the tables with tiny ones.

/// Slots of a page of 4 KiB.
pub(crate) const SLOTS: usize = 73;
/// A page with this many tokens is split: with fewer free slots, probe sequences grow long.
pub(crate) const FULL: usize = 68;
/// Pages that were just split are half full. Keys are random, so hardly any page holds fewer.
pub(crate) const FEWEST: usize = 20;
/// The directory has at most 2 to the power of this many words.
pub(crate) const MAX_BITS: usize = 26;
/// This many pages, 512 KiB, stay in a CPU cache.
pub(crate) const CPU_CACHE_PAGES: usize = 128;
/// An arena grows by segments of about this size.
pub(crate) const SEGMENT_BYTES: usize = 1 << 17;
