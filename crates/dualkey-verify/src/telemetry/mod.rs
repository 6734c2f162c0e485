//! What the feature `metrics` counts. Without it, everything in this folder is empty and costs nothing.

mod code;
#[cfg(not(feature = "metrics"))]
mod disabled;
mod gauges;
#[cfg(feature = "metrics")]
mod recorded;
#[cfg(feature = "metrics")]
mod series;
#[cfg(feature = "metrics")]
mod stripes;
#[cfg(feature = "metrics")]
mod trace;

pub(crate) use code::{Code, Found};
#[cfg(not(feature = "metrics"))]
pub(crate) use disabled::{Counter, PartnerCounts, Telemetry, Trace};
pub(crate) use gauges::Gauges;
#[cfg(feature = "metrics")]
pub(crate) use recorded::{Counter, PartnerCounts, Telemetry};
#[cfg(feature = "metrics")]
pub(crate) use trace::Trace;
