//! The synchronization primitives and the hasher of the tables. The interleaving tests compile the tables with
//! loom's primitives and with a fixed hasher.

pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use std::sync::{Mutex, MutexGuard, OnceLock};

pub(crate) use foldhash::quality::RandomState as Hasher;
