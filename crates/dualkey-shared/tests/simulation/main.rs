//! Processes that share limits, simulated on clocks of their own: the real logic of a process
//! ([`NodeState`](dualkey_shared::node::NodeState)), the exact model of the store, and a network that delays,
//! loses and repeats. A seed decides on everything, so a failure happens again.
//!
//! ```sh
//! DUALKEY_SIMULATION_SEEDS=1000000 cargo test --release -p dualkey-shared --test simulation random
//! DUALKEY_SIMULATION_SEED=17 DUALKEY_SIMULATION_SEEDS=1 cargo test -p dualkey-shared --test simulation random
//! ```

mod bound;
mod callers;
mod calls;
mod checks;
mod clocks;
mod defects;
mod directed;
mod faults;
mod plan;
mod plot;
mod process;
mod random;
mod store;
mod utilisation;
mod world;
