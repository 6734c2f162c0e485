//! The plot of the docs: the most that is admitted in a window, beside the bound.
//!
//! ```sh
//! DUALKEY_SIMULATION_PLOT=docs/charts cargo test -p dualkey-shared --test simulation plot
//! ```

use std::fmt::Write as _;

use crate::plan::{Plan, SECOND, policy};
use crate::world::World;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = 40.0;
/// The longest window in microseconds, and the most permits that are drawn.
const MOST: (u64, u64) = (2_000_000, 3_000);

/// The colours for a light or a dark page.
struct Palette {
    file: &'static str,
    text: &'static str,
    bound: &'static str,
    admitted: &'static str,
}

const PALETTES: [Palette; 2] = [
    Palette { file: "bound.svg", text: "#1f2328", bound: "#9aa4af", admitted: "#1a7f5a" },
    Palette { file: "bound-dark.svg", text: "#f0f6fc", bound: "#656c76", admitted: "#3fb98a" },
];

#[test]
fn the_plot_stays_below_the_bound() {
    let (rate, burst) = (1_000, 1_000);
    let mut plan = Plan::steady(policy(rate, burst), 10, 3.0, 1);
    (plan.hoarders, plan.max_ppm) = (0.5, 10_000);
    let admissions = World::new(Plan { duration: 20 * SECOND, ..plan }).run().checks.admissions;
    let points: Vec<_> = (0..=100)
        .map(|step| MOST.0 * step / 100)
        .map(|window| (window, most_within(&admissions, window)))
        .collect();
    for &(window, admitted) in &points {
        // Answers are under way for up to 1 ms.
        let bound = u64::from(burst) + u64::from(rate) * (window + 1_000) / 1_000_000;
        assert!(admitted <= bound, "{admitted} within {window} µs");
    }
    if let Ok(folder) = std::env::var("DUALKEY_SIMULATION_PLOT") {
        for palette in PALETTES {
            let path = std::path::Path::new(&folder).join(palette.file);
            std::fs::write(&path, svg(&points, &palette)).expect("the folder can be written to");
        }
    }
}

/// The most permits in any window of this length.
fn most_within(admissions: &[(u64, u64)], window: u64) -> u64 {
    let (mut first, mut sum, mut most) = (0, 0, 0);
    for &(at, permits) in admissions {
        sum += permits;
        while at - admissions[first].0 > window {
            sum -= admissions[first].1;
            first += 1;
        }
        most = most.max(sum);
    }
    most
}

fn svg(points: &[(u64, u64)], colours: &Palette) -> String {
    let Palette { text, bound, admitted, .. } = colours;
    let bound_line = [(0, 1_000), (MOST.0, MOST.1)];
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" role=\"img\" aria-label=\"The most permits admitted in any window, and the bound\">\n\
         <style>text{{font:13px system-ui,sans-serif;fill:{text}}}.b{{font-weight:600;font-size:16px}}\
         polyline{{fill:none;stroke-width:2}}</style>\n\
         <text class=\"b\" x=\"8\" y=\"22\">The most permits admitted in any window</text>\n\
         <text x=\"8\" y=\"44\">1,000 a second, burst 1,000; ten processes, about half of which spend each lease at its end; \
         demand three times the rate</text>\n\
         <polyline stroke=\"{bound}\" stroke-dasharray=\"6 4\" points=\"{}\"/>\n\
         <polyline stroke=\"{admitted}\" points=\"{}\"/>\n\
         <text x=\"{LEFT}\" y=\"{}\" dx=\"220\">bound: burst + rate × T</text>\n\
         <text x=\"{LEFT}\" y=\"{}\" dx=\"420\">admitted</text>\n",
        polyline(&bound_line),
        polyline(points),
        place(1_250_000, 2_600).1,
        place(1_250_000, 1_700).1,
    );
    for step in 0..=4 {
        let (x, _) = place(MOST.0 * step / 4, 0);
        let seconds = step as f64 / 2.0;
        let _ = writeln!(
            svg,
            "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{seconds} s</text>",
            HEIGHT - 14.0
        );
    }
    for thousands in 0..=3 {
        let (_, y) = place(0, thousands * 1_000);
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{y}\" dy=\"4\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            thousands * 1_000
        );
    }
    svg + "</svg>\n"
}

fn polyline(points: &[(u64, u64)]) -> String {
    let points = points.iter().map(|&(window, permits)| place(window, permits));
    points.map(|(x, y)| format!("{x:.1},{y:.1} ")).collect()
}

fn place(window: u64, permits: u64) -> (f64, f64) {
    let (width, height) = (WIDTH - LEFT - 24.0, HEIGHT - TOP - BOTTOM);
    let x = LEFT + width * window as f64 / MOST.0 as f64;
    (x, TOP + height * (1.0 - permits as f64 / MOST.1 as f64))
}
