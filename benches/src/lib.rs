//! Support for the benchmarks: interleaved measurements, tables with targets, requests, and three
//! implementations of the decision: Dualkey's and two written by hand.

mod by_hand;
mod refusals;
mod report;
mod request;
mod settings;
mod summary;
mod synthetic_store;
mod table;
mod work;
mod world;

pub use by_hand::{HandPlain, HandStrict, TokenAccess};
pub use refusals::Refusals;
pub use report::{Record, Report, target_dir};
pub use request::{Numbers, ready_or_panic, request, rewrite, swapped};
pub use settings::{PREFIX, SCOPE, TOKEN_LEN, ample_policy, catalogue};
pub use synthetic_store::{SyntheticStore, partner_key, token_text};
pub use table::{Row, Run, Table, Target};
pub use work::{Samples, Work, interleave, is_measuring, median, speed_up};
pub use world::{AcceleratedClock, Requests, World};
