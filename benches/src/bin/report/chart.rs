use std::fmt::Write as _;

/// Bars from left to right, for light and dark pages.
pub(crate) struct Chart {
    pub(crate) title: &'static str,
    /// Behind each value.
    pub(crate) unit: &'static str,
    pub(crate) bars: Vec<Bar>,
}

pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) value: f64,
    pub(crate) is_ours: bool,
}

const WIDTH: f64 = 760.0;
const LABELS: f64 = 330.0;
const VALUES: f64 = 70.0;
const LINE: f64 = 28.0;
const TOP: f64 = 44.0;

/// An image in a page follows the reader's preference, not the page's.
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-size:15px;font-weight:600}\
.bar{fill:#9aa4af}.ours{fill:#1a7f5a}@media(prefers-color-scheme:dark){text{fill:#e6edf3}\
.bar{fill:#59636e}.ours{fill:#3fb98a}}";

impl Chart {
    pub(crate) fn svg(&self) -> String {
        let height = TOP + LINE * self.bars.len() as f64 + 8.0;
        let most = self.bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-label=\"{}\">\n\
             <style>{STYLE}</style>\n<text class=\"title\" x=\"8\" y=\"24\">{}</text>\n",
            escaped(self.title),
            escaped(self.title),
        );
        for (number, bar) in self.bars.iter().enumerate() {
            self.draw(&mut svg, TOP + LINE * number as f64, bar, most);
        }
        svg + "</svg>\n"
    }

    fn draw(&self, svg: &mut String, top: f64, bar: &Bar, most: f64) {
        let length = (WIDTH - LABELS - VALUES) * bar.value / most;
        let class = if bar.is_ours { "ours" } else { "bar" };
        let (middle, behind) = (top + 15.0, LABELS + length + 8.0);
        let digits = if bar.value < 100.0 { 1 } else { 0 };
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{class}\" x=\"{LABELS}\" y=\"{top}\" width=\"{length:.1}\" height=\"20\" rx=\"3\"/>\
             <text x=\"{behind:.1}\" y=\"{middle}\">{:.digits$}{}</text>",
            LABELS - 8.0,
            escaped(&bar.label),
            bar.value,
            self.unit,
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
