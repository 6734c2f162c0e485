//! The model of shared limits: the bound at the time at which a permit is spent, leases included, and the
//! count of the day.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod known;
mod leases;
mod limit_state;
mod nodes;
mod support;
