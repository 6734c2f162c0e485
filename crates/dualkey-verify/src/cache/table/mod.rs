//! The lock-free tables behind the cache.
//!
//! # What they hold
//!
//! | type | structure | readers | writers |
//! | --- | --- | --- | --- |
//! | [`TokenTable`] | extendible hashing, skewed so that the pages are equally full at any size: a directory of words, each with the number of a 4 KiB page of slots | lock-free (seqlock) | one at a time |
//! | `AccessRecords`, inside it | an interner with reference counts: an organization with scopes, held once | within the seqlock of the slot that refers to it | within the same lock |
//! | [`Index`] | open addressing; entries are never removed | lock-free | the caller's lock |
//! | [`Interner`] | values by number, held once and never removed | lock-free | one at a time |
//! | [`Arena`] | segments that never move | lock-free | the caller's lock |
//!
//! # Invariants
//!
//! 1. **Seqlock.** A directory word holds a version and a page number. A writer makes the version odd, then
//!    writes the page, then makes it even. A reader loads the word, copies what it needs, and loads the word
//!    again: if the version was odd or has changed, it retries under the writer lock. Every field is an
//!    atomic, so a torn read is discarded and never undefined.
//! 2. **Two fences.** `fence(Release)` in `write_section` keeps the writer's stores behind the odd version;
//!    `fence(Acquire)` in `TokenTable::get` keeps the reader's second load behind its copies. Without either,
//!    a test in `loom_tests.rs` fails.
//! 3. **A page splits alone.** A full page moves half of its tokens to a new page. Where only one directory
//!    word refers to it, the directory is doubled first; the outgrown directory stays odd for good, so its
//!    readers retry under the lock.
//! 4. **References before reuse.** An access record is rewritten only when no slot refers to it. The last
//!    reference is removed in a write section, so a reader that still has the old slot sees a changed version.
//!    A name too long for a record is read after that, and compared by a serial number that is never reused.
//! 5. **Generations.** A slot counts how often it was given to a token (32 bits). A use is recorded with
//!    compare-and-swap under the generation that the reader saw, so a late write never reaches another token.
//!    The partner of the use is stored after it, beside 12 bits of the generation: of a late write, the next
//!    token shows no partner.
//!
//! # What they buy
//!
//! Memory: over a million tokens 94 bytes per token, organizations included: 0.6 of a papaya map and 0.4 of a
//! DashMap with the same entries. A lookup in a tight loop takes 1.3 to 3.3 times as long as theirs, since an
//! organization is one more access to memory. Both are measured in one run by
//! `cargo bench -p dualkey-benches --bench cache`. If the gain in memory no longer pays for the code, replace
//! [`TokenTable`] by such a map: everything outside of this folder uses only the types that it exports.

#![cfg_attr(test, allow(clippy::duplicate_mod, reason = "loom_tests.rs compiles the tables again"))]

mod access;
mod arena;
mod geometry;
mod index;
mod interner;
#[cfg(test)]
mod loom_tests;
mod page;
mod slot;
mod sync;
#[cfg(test)]
mod tests;
mod token_table;

pub(crate) use access::{Access, EncodedAccess};
pub(crate) use arena::Arena;
pub(crate) use index::Index;
pub(crate) use interner::Interner;
pub(crate) use slot::{Contents, Key, LAST_SECOND, PARTNER_BITS, Slot};
pub(crate) use token_table::{TokenTable, Writer};
