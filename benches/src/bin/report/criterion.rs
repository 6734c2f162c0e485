use std::fs;
use std::path::Path;

use dualkey_benches::target_dir;
use serde_json::Value;

/// The groups, each with the benchmark that is its unit.
const GROUPS: [(&str, Option<&str>); 4] = [
    ("token", Some("sha256")),
    ("scope", None),
    ("limit", Some("governor_1-limiter_allowed")),
    ("verify", Some("sha256")),
];

/// The estimates of criterion's last run.
pub(crate) fn tables() -> String {
    GROUPS.into_iter().filter_map(|(group, unit)| table(group, unit)).collect()
}

fn table(group: &str, unit: Option<&str>) -> Option<String> {
    let mut lines = Vec::new();
    collect(&target_dir().join("criterion").join(group), "", &mut lines);
    lines.sort_by(|(one, _), (other, _)| one.cmp(other));
    let unit = unit.and_then(|unit| lines.iter().find(|(name, _)| name == unit).cloned());
    let (head, rule) = match &unit {
        Some((name, _)) => (format!(" in `{name}` |"), " ---: |"),
        None => (String::new(), ""),
    };
    let mut text =
        format!("### {group}, by criterion\n\n| work | ns |{head}\n| --- | ---: |{rule}\n");
    for (name, nanos) in &lines {
        text += &format!("| {name} | {nanos:.1} |");
        if let Some((_, unit)) = &unit {
            text += &format!(" {:.2} |", nanos / unit);
        }
        text.push('\n');
    }
    (!lines.is_empty()).then(|| text + "\n")
}

/// Collects the benchmarks: the folders with a `new/estimates.json`.
fn collect(folder: &Path, name: &str, lines: &mut Vec<(String, f64)>) {
    if let Some(nanos) = estimate(&folder.join("new/estimates.json")) {
        lines.push((name.to_owned(), nanos));
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let below = entry.file_name().to_string_lossy().into_owned();
        let name = if name.is_empty() { below } else { format!("{name}/{below}") };
        if entry.path().is_dir() {
            collect(&entry.path(), &name, lines);
        }
    }
}

fn estimate(path: &Path) -> Option<f64> {
    let estimates: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}
