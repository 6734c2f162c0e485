use std::num::NonZeroU32;
use std::sync::Arc;

use dualkey_scope::Requirement;
use tower_layer::Layer;

use crate::{Gate, Guard};

/// Guards services with one requirement: see [`Gate::require`].
#[derive(Clone, Debug)]
pub struct GuardLayer {
    pub(crate) gate: Gate,
    pub(crate) requirement: Requirement,
    pub(crate) cost: NonZeroU32,
}

impl GuardLayer {
    pub(crate) const fn new(gate: Gate, requirement: Requirement) -> Self {
        Self { gate, requirement, cost: NonZeroU32::MIN }
    }

    /// Charges so many permits for each request; one, if not said. A partner whose limits never hold so
    /// many pays all that they hold.
    #[must_use]
    pub fn with_cost(self, permits: NonZeroU32) -> Self {
        Self { cost: permits, ..self }
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard::new(inner, Arc::new(self.clone()))
    }
}
