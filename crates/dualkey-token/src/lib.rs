//! Opaque bearer tokens: minted, parsed and digested.
//!
//! A token is a [prefix](Prefix) such as `gw`, then `_`, then 48 letters and digits: 32 random bytes and
//! a checksum, in base64url. It is shown once, when it is minted. A store keeps its
//! [digest](TokenDigest), and the [hint](TokenHint) that identifies it to its owner.
//!
//! ```
//! use dualkey_token::{ParseTokenErrorKind, PlainToken, Prefix};
//!
//! const PREFIX: Prefix = Prefix::new("gw");
//!
//! let token = PlainToken::mint(&PREFIX);
//! println!("copy this, it is shown once: {}", token.expose_secret());
//! let stored = (token.digest(), token.hint());
//!
//! // Later, a request presents it.
//! let presented = PlainToken::parse(&PREFIX, token.expose_secret())?;
//! assert!(bool::from(presented.digest().ct_eq(&stored.0)));
//!
//! // A typing error is detected before a store is queried.
//! let error = PlainToken::parse(&PREFIX, "gw_oops").unwrap_err();
//! assert_eq!(error.kind(), ParseTokenErrorKind::Length);
//! # Ok::<(), dualkey_token::ParseTokenError>(())
//! ```
//!
//! # Why not a slow hash
//!
//! A slow password hash protects secrets that people choose. A token's secret has 254 random bits: 32
//! bytes, less 2 bits because the text has letters and digits only. No dictionary helps against its
//! digest, so SHA-256 is enough. Where the database is less trusted than the application, a [`Pepper`]
//! turns the digest into an HMAC with a key that the database does not hold.
//!
//! # What is wiped from memory
//!
//! - The text in a [`PlainToken`] when it is dropped, and the key of a [`Pepper`] when its last user is dropped.
//! - After [`PlainToken::mint`], [`PlainToken::parse`] and [`Pepper::new`], what they leave on the stack: random
//!   bytes, decoded bytes, base64 digits, buffers. After a digest, the copies of the text and of the key.
//!
//! `tests/stack.rs` reads the stack after each of these calls, in a release build on Linux. Other
//! optimization levels and processors may use more stack than is wiped.
//!
//! Not wiped: the bytes passed to `parse`, to a digest and to `Pepper::new`, which belong to the caller; what the
//! caller copies from [`expose_secret`](PlainToken::expose_secret); the former place of a `PlainToken` that is moved;
//! digests, and the intermediate states of a SHA-256 without a pepper; the message words of such a digest, where
//! the processor has no SHA instructions; registers; and pages that the system has swapped out.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]

extern crate alloc;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod body;
mod digest;
mod error;
mod format;
mod hint;
mod pepper;
mod pepper_id;
mod plain;
mod prefix;
mod wipe;

pub use digest::TokenDigest;
pub use error::{ParseTokenError, ParseTokenErrorKind};
pub use hint::{InvalidHint, TokenHint};
pub use pepper::{Digester, InvalidPepper, Pepper};
pub use pepper_id::{InvalidPepperId, PepperId};
pub use plain::PlainToken;
pub use prefix::{InvalidPrefix, Prefix};
