use std::num::NonZeroU32;

use dualkey_scope::Requirement;

use crate::gate::Gate;

/// The requirement that each request must meet, and the number of permits that it is charged.
#[derive(Clone, Debug)]
pub(crate) struct GuardRule {
    pub(crate) gate: Gate,
    pub(crate) requirement: Requirement,
    pub(crate) cost: NonZeroU32,
}

impl GuardRule {
    /// A rule that charges one permit for each request.
    pub(crate) const fn new(gate: Gate, requirement: Requirement) -> Self {
        Self { gate, requirement, cost: NonZeroU32::MIN }
    }
}
