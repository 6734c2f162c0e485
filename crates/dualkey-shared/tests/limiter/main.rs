//! `SharedLimiter` on the exact model of the store, on a fake clock.

mod leases;
mod outages;
mod support;
