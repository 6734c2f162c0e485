use std::fmt::Write as _;

/// A bar chart: horizontal bars, in groups.
pub(crate) struct Chart {
    pub(crate) title: &'static str,
    /// The unit of the bars, and whether a shorter or a longer one is better.
    pub(crate) subtitle: &'static str,
    /// The unit behind each value.
    pub(crate) unit: &'static str,
    pub(crate) groups: Vec<Group>,
}

/// Bars under one heading, which may be empty.
pub(crate) struct Group {
    pub(crate) heading: &'static str,
    pub(crate) bars: Vec<Bar>,
}

pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) value: f64,
    pub(crate) is_ours: bool,
}

/// The colours for a light or a dark page. The page chooses between two images, since an image cannot
/// see its page.
pub(crate) struct Palette {
    text: &'static str,
    subtitle: &'static str,
    bar: &'static str,
    ours: &'static str,
}

pub(crate) const LIGHT: Palette =
    Palette { text: "#1f2328", subtitle: "#59636e", bar: "#9aa4af", ours: "#1a7f5a" };
pub(crate) const DARK: Palette =
    Palette { text: "#f0f6fc", subtitle: "#9198a1", bar: "#656c76", ours: "#3fb98a" };

const WIDTH: f64 = 760.0;
const MARGIN: f64 = 8.0;
const TOP: f64 = 56.0;
const LINE: f64 = 26.0;
const THICKNESS: f64 = 18.0;
const GAP: f64 = 8.0;
/// The width of a character in the widest of the fonts that a reader may have.
const CHARACTER: f64 = 8.2;

impl Chart {
    pub(crate) fn svg(&self, colours: &Palette) -> String {
        let (mut body, mut top) = (String::new(), TOP);
        for group in &self.groups {
            top = self.draw_group(&mut body, top, group) + GAP;
        }
        self.head(top, colours) + &body + "</svg>\n"
    }

    /// Returns where the group ends.
    fn draw_group(&self, svg: &mut String, mut top: f64, group: &Group) -> f64 {
        if !group.heading.is_empty() {
            let (baseline, text) = (top + 15.0, escaped(group.heading));
            let _ =
                writeln!(svg, "<text class=\"b\" x=\"{MARGIN}\" y=\"{baseline}\">{text}</text>");
            top += LINE;
        }
        for bar in &group.bars {
            self.draw(svg, top, bar);
            top += LINE;
        }
        top
    }

    fn head(&self, height: f64, colours: &Palette) -> String {
        let Palette { text, subtitle, bar, ours } = colours;
        let [title, what] = [self.title, self.subtitle].map(escaped);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-label=\"{title}, {what}\">\n\
             <style>text{{font:13px system-ui,sans-serif;fill:{text}}}.b{{font-weight:600}}\
             .t{{font-size:16px}}.s{{fill:{subtitle}}}rect{{fill:{bar}}}.o{{fill:{ours}}}</style>\n\
             <text class=\"b t\" x=\"{MARGIN}\" y=\"22\">{title}</text>\n\
             <text class=\"s\" x=\"{MARGIN}\" y=\"42\">{what}</text>\n"
        )
    }

    fn draw(&self, svg: &mut String, top: f64, bar: &Bar) {
        let start = self.widest(|bar| bar.label.clone()) + 2.0 * MARGIN;
        let room = WIDTH - start - self.widest(|bar| self.value(bar)) - 2.0 * MARGIN;
        let most = self.bars().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
        let length = room * bar.value / most;
        let (class, weight) = if bar.is_ours { (" class=\"o\"", " class=\"b\"") } else { ("", "") };
        let baseline = top + 14.0;
        let _ = writeln!(
            svg,
            "<text{weight} x=\"{}\" y=\"{baseline}\" text-anchor=\"end\">{}</text>\
             <rect{class} x=\"{start:.1}\" y=\"{top}\" width=\"{length:.1}\" height=\"{THICKNESS}\" rx=\"3\"/>\
             <text{weight} x=\"{:.1}\" y=\"{baseline}\">{}</text>",
            start - MARGIN,
            escaped(&bar.label),
            start + length + MARGIN,
            escaped(&self.value(bar)),
        );
    }

    fn value(&self, bar: &Bar) -> String {
        let digits = usize::from(bar.value < 100.0);
        format!("{:.digits$}{}", bar.value, self.unit)
    }

    fn widest(&self, text: impl Fn(&Bar) -> String) -> f64 {
        let characters = self.bars().map(|bar| text(bar).chars().count()).max();
        characters.unwrap_or(0) as f64 * CHARACTER
    }

    fn bars(&self) -> impl Iterator<Item = &Bar> {
        self.groups.iter().flat_map(|group| &group.bars)
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
