//! What the benchmarks share: works that take turns, tables with targets, requests, and the servers
//! that decide on them, Dualkey's and two written by hand.

mod by_hand;
mod computed;
mod request;
mod table;
mod work;
mod world;

pub use by_hand::{Lean, Plain, Rights};
pub use computed::{Computed, partner_key, token_text};
pub use request::{Numbers, at_once, request, rewrite, swapped};
pub use table::{Record, Report, Row, Table, target_dir};
pub use work::{Samples, Work, interleave, is_measuring, speed_up};
pub use world::{Fast, Requests, SCOPE, World, catalogue, plenty};

/// A token's text: `gw_` and 48 characters.
pub const TOKEN_LEN: usize = 51;
/// What the tokens of the benchmarks begin with.
pub const PREFIX: dualkey_token::Prefix = dualkey_token::Prefix::new("gw");
