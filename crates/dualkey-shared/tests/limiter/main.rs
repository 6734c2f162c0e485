//! `SharedLimiter` on the exact model of the store, on a fake clock.

mod callers;
mod leases;
mod outages;
mod support;
