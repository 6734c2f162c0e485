use std::num::NonZeroU32;

use dualkey_limit::Rate;
use dualkey_store::{LimitsChange, Partner};
use maud::{Markup, html};

use super::site::OperatorContext;
use crate::fields::Fields;

/// The periods of a rate that the form offers.
const PERIODS: [(&str, Period); 4] = [
    ("second", Rate::per_second),
    ("minute", Rate::per_minute),
    ("hour", Rate::per_hour),
    ("day", Rate::per_day),
];

type Period = fn(NonZeroU32) -> Rate;

/// The form of limits as it was filled in, and why it is refused.
pub(super) struct RefusedLimits<'a> {
    pub(super) fields: &'a Fields,
    pub(super) error: String,
}

pub(super) fn form(
    ctx: &OperatorContext,
    partner: &Partner,
    refused: Option<&RefusedLimits<'_>>,
) -> Markup {
    let policy = &partner.policy;
    let typed = |name: &str, usual: String| {
        refused.map_or(usual, |refused| refused.fields.first(name).to_owned())
    };
    let number = |name, label, usual| number(name, label, &typed(name, usual), refused.is_some());
    let daily = policy.daily().map(|daily| daily.to_string()).unwrap_or_default();
    html! {
        section {
            h2 { "Change limits" }
            p { "The permits that were used today stay counted." }
            @if let Some(refused) = refused { p.dk-error #dk-limits-error { (refused.error) } }
            form method="post" action=(ctx.links.below(&format!("/{}/limits", partner.id))) data-dk-once {
                div.dk-line {
                    (number("rate", "Requests", policy.rate().permits().to_string()))
                    (period(&typed("period", period_of(policy.rate()).to_owned())))
                    (number("burst", "At once", policy.burst().to_string()))
                    (number("daily", "A day, or empty", daily))
                    button.dk-button.dk-primary { "Change limits" }
                }
            }
        }
    }
}

fn number(name: &str, label: &str, value: &str, is_refused: bool) -> Markup {
    let id = format!("dk-{name}");
    html! {
        div.dk-field {
            label for=(id) { (label) }
            input #(id) type="number" min="1" name=(name) value=(value)
                aria-invalid=[is_refused.then_some("true")]
                aria-describedby=[is_refused.then_some("dk-limits-error")];
        }
    }
}

fn period(selected: &str) -> Markup {
    html! {
        div.dk-field {
            label for="dk-period" { "Each" }
            select #dk-period name="period" {
                @for (name, _) in PERIODS { option value=(name) selected[name == selected] { (name) } }
            }
        }
    }
}

/// The name of a rate's period; empty if the form does not offer it.
fn period_of(rate: Rate) -> &'static str {
    let is_same = |(_, period): &&(&str, Period)| period(NonZeroU32::MIN).period() == rate.period();
    PERIODS.iter().find(is_same).map_or("", |(name, _)| name)
}

/// The change that a form asks for, or why it is refused.
pub(super) fn parse(fields: &Fields) -> Result<LimitsChange, String> {
    let number = |name: &str, label: &str| {
        let text = fields.first(name).trim();
        text.parse::<NonZeroU32>().map_err(|_| format!("{label}: enter a number from 1 on."))
    };
    let period = PERIODS.iter().find(|(name, _)| *name == fields.first("period"));
    let (_, period) = period.ok_or("Choose the period of the rate.")?;
    let daily = match fields.first("daily").trim() {
        "" => None,
        _ => Some(number("daily", "A day")?),
    };
    Ok(LimitsChange {
        rate: Some(period(number("rate", "Requests")?)),
        burst: Some(number("burst", "At once")?),
        daily: Some(daily),
        utc_offset_secs: None,
    })
}
