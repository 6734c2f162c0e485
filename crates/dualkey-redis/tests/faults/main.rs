//! Processes under load, with leases, while a fault is made. Each admission is recorded, and afterwards the bound
//! and the day's quota are checked.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod bound;
mod child;
mod clocks;
mod failovers;
mod fleet;
mod memory;
mod migrations;
mod networks;
mod policies;
mod proxy;
mod restarts;
mod stops;

#[path = "../support/mod.rs"]
mod support;
