use std::time::Duration;

use dualkey_limit::Timestamp;
use dualkey_store::{TokenRecord, TokenStatus};
use maud::{Markup, html};

use crate::times::DAY;

/// The one state that a row shows. The first that applies, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chip {
    Expired,
    Replaced,
    Expiring,
    Unused,
    NeverUsed,
    Active,
}

/// From when on a token that is accepted shows that it needs attention.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thresholds {
    pub(crate) expiring: Duration,
    pub(crate) unused: Duration,
    pub(crate) never_used: Duration,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { expiring: 14 * DAY, unused: 90 * DAY, never_used: 7 * DAY }
    }
}

impl Chip {
    pub(crate) const ALL: [Self; 6] = [
        Self::Expired,
        Self::Replaced,
        Self::Expiring,
        Self::Unused,
        Self::NeverUsed,
        Self::Active,
    ];

    pub(crate) fn of(token: &TokenRecord, now: Timestamp, thresholds: &Thresholds) -> Self {
        match token.status(now) {
            TokenStatus::Expired => return Self::Expired,
            TokenStatus::Replaced => return Self::Replaced,
            _ => {}
        }
        let since = |time: Timestamp| now.saturating_duration_since(time);
        let ends_within =
            |end: Timestamp| end.saturating_duration_since(now) <= thresholds.expiring;
        if token.expires_at.is_some_and(ends_within) {
            return Self::Expiring;
        }
        match token.last_used_at {
            Some(used) if since(used) >= thresholds.unused => Self::Unused,
            None if since(token.created_at) >= thresholds.never_used => Self::NeverUsed,
            _ => Self::Active,
        }
    }

    /// The name in URLs and classes.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Replaced => "replaced",
            Self::Expiring => "expiring",
            Self::Unused => "unused",
            Self::NeverUsed => "never-used",
            Self::Active => "active",
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Expired => "Expired",
            Self::Replaced => "Replaced",
            Self::Expiring => "Expiring",
            Self::Unused => "Unused",
            Self::NeverUsed => "Never used",
            Self::Active => "Active",
        }
    }

    /// The strokes of the icon, on a field of 16 by 16.
    const fn strokes(self) -> &'static str {
        match self {
            Self::Expired => "M4.5 4.5l7 7M11.5 4.5l-7 7",
            Self::Replaced => "M3 6h9M9.5 3.5L12 6M13 10H4M6.5 12.5L4 10",
            Self::Expiring => "M8 2.5v0A5.5 5.5 0 1 1 7.99 2.5M8 5v3l2 1.5",
            Self::Unused => "M3 8h10",
            Self::NeverUsed => "M8 3.5A4.5 4.5 0 1 1 7.99 3.5",
            Self::Active => "M3.5 8.5l3 3 6-7",
        }
    }

    /// The word, an icon and a border, so that the state shows without colour.
    pub(crate) fn markup(self) -> Markup {
        html! {
            span class={ "dk-chip dk-" (self.key()) } {
                svg viewBox="0 0 16 16" width="12" height="12" aria-hidden="true" focusable="false" {
                    path d=(self.strokes()) fill="none" stroke="currentColor" stroke-width="2"
                        stroke-linecap="round" stroke-linejoin="round" {}
                }
                (self.word())
            }
        }
    }
}
