use crate::table::{Row, Target};
use crate::work::median;

/// The rows of one name in all runs, the last run last.
pub(crate) struct Summary<'a>(pub(crate) Vec<&'a Row>);

impl Summary<'_> {
    /// The row with the medians of all runs.
    pub(crate) fn median(&self) -> Row {
        let [nanos, hashes, measured] = self.values().map(|values| values.median());
        let last = self.last();
        let unit = last.measured.as_ref().map(|(_, unit)| unit.clone());
        Row { nanos, hashes, measured: measured.zip(unit), ..last.clone() }
    }

    /// The cells of the row in Markdown.
    pub(crate) fn cells(&self) -> [String; 6] {
        let [nanos, hashes, measured] = self.values();
        let last = self.last();
        let unit = last.measured.as_ref().map_or("", |(_, unit)| unit);
        let value = measured.shown();
        let (target, met) = match (last.target, measured.median()) {
            (Some(Target::AtMost(bound)), Some(value)) => {
                (format!("≤ {bound} {unit}"), yes_or_no(value <= bound))
            }
            (Some(Target::AtLeast(bound)), Some(value)) => {
                (format!("≥ {bound} {unit}"), yes_or_no(value >= bound))
            }
            _ => (String::new(), ""),
        };
        let value = if value.is_empty() { value } else { format!("{value} {unit}") };
        [last.work.clone(), nanos.shown(), hashes.shown(), value, target, met.to_owned()]
    }

    fn last(&self) -> &Row {
        self.0.last().expect("a row is of at least one run")
    }

    /// Nanoseconds, hashes, and the measured value.
    fn values(&self) -> [Values; 3] {
        let values =
            |of: fn(&Row) -> Option<f64>| Values(self.0.iter().filter_map(|row| of(row)).collect());
        [
            values(|row| row.nanos),
            values(|row| row.hashes),
            values(|row| row.measured.as_ref().map(|(value, _)| *value)),
        ]
    }
}

const fn yes_or_no(is_met: bool) -> &'static str {
    if is_met { "yes" } else { "**no**" }
}

struct Values(Vec<f64>);

impl Values {
    fn median(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| median(self.0.clone()))
    }

    /// The median, and the range if it is wider than a tenth.
    fn shown(&self) -> String {
        let Some(median) = self.median() else { return String::new() };
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        match most > least * 1.1 {
            true => format!("{} ({} to {})", shown(median), shown(least), shown(most)),
            false => shown(median),
        }
    }
}

/// Three significant digits.
fn shown(value: f64) -> String {
    match value {
        _ if value >= 99.95 => format!("{value:.0}"),
        _ if value >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
