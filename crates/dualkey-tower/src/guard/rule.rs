use std::num::NonZeroU32;

use dualkey_scope::Requirement;

use crate::gate::Gate;

/// What a guard requires of each request, and how many permits it charges for one.
#[derive(Clone, Debug)]
pub(crate) struct GuardRule {
    pub(crate) gate: Gate,
    pub(crate) requirement: Requirement,
    pub(crate) cost: NonZeroU32,
}

impl GuardRule {
    /// A rule that charges one permit.
    pub(crate) const fn new(gate: Gate, requirement: Requirement) -> Self {
        Self { gate, requirement, cost: NonZeroU32::MIN }
    }
}
