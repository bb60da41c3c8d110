//! A small drawing: boxes, arrows and words, as an SVG that follows the reader's light or dark.

use std::fmt::Write as _;

/// The colours. It brings its own paper, so it is readable on whatever page it is shown.
const STYLE: &str = "\
.paper{fill:#fff}.box{fill:#f5f7fa;stroke:#8794a6}.job{fill:#2459d3}.old{fill:#8fb0ff}.slot{fill:none;stroke:#8794a6}\
.good{fill:#d9f2e3;stroke:#1a8a48}.bad{fill:#fbe0dd;stroke:#cc2b21}.warm{fill:#fdebd3;stroke:#b8660a}\
text{font:14px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#18212d;text-anchor:middle}\
.soft{font-size:12px;fill:#4c5869}.strong{font-weight:700}.left{text-anchor:start}.on{fill:#fff;font-size:12px}\
.line{fill:none;stroke:#4c5869;stroke-width:1.5}.thick{fill:none;stroke:#2459d3;stroke-width:2.5}\
.dashed{fill:none;stroke:#8794a6;stroke-width:1.5;stroke-dasharray:5 4}.tip{fill:#4c5869}.thicktip{fill:#2459d3}\
@media(prefers-color-scheme:dark){.paper{fill:#0f141b}.box{fill:#1b2430;stroke:#64748a}.job{fill:#5b8dff}\
.old{fill:#2f4f96}.slot{stroke:#64748a}.good{fill:#123322;stroke:#42c97a}.bad{fill:#3b1815;stroke:#ff6b5e}\
.warm{fill:#38260e;stroke:#f59e4a}text{fill:#e4e9f0}.soft{fill:#a9b4c2}.on{fill:#0b1020}.line{stroke:#a9b4c2}\
.thick{stroke:#5b8dff}.dashed{stroke:#64748a}.tip{fill:#a9b4c2}.thicktip{fill:#5b8dff}}";

pub(crate) type Point = (i32, i32);

pub(crate) struct Canvas(String);

impl Canvas {
    /// `words` is what the drawing says, for those who do not see it.
    pub(crate) fn new(width: i32, height: i32, title: &str, words: &str) -> Self {
        let mut canvas = Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\">\
             <title>{title}</title><desc>{words}</desc>\n<style>{STYLE}</style>\n<defs>"
        ));
        for (id, class) in [("tip", "tip"), ("thicktip", "thicktip")] {
            canvas.add(&format!(
                "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerUnits=\"userSpaceOnUse\" \
                 markerWidth=\"10\" markerHeight=\"10\" orient=\"auto\"><path class=\"{class}\" d=\"M0 0L8 4L0 8z\"/></marker>"
            ));
        }
        canvas.add("</defs>\n");
        canvas.rect((0, 0), (width, height), "paper", 8);
        canvas
    }

    fn add(&mut self, text: &str) {
        self.0.push_str(text);
    }

    fn rect(&mut self, (x, y): Point, (width, height): Point, class: &str, radius: i32) {
        writeln!(
            self.0,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{radius}\"/>"
        )
        .expect("a String takes all");
    }

    /// A box with lines of text in its middle, the first one strong.
    pub(crate) fn boxed(&mut self, at: Point, size: Point, class: &str, lines: &[&str]) {
        self.rect(at, size, class, 6);
        let middle = at.0 + size.0 / 2;
        let first = at.1 + size.1 / 2 + 5 - 9 * (lines.len() as i32 - 1);
        for (n, line) in lines.iter().enumerate() {
            let class = if n == 0 { "strong" } else { "soft" };
            self.text((middle, first + 18 * n as i32), class, line);
        }
    }

    /// A row of slots from the left to the right, each with its class and its word.
    pub(crate) fn slots(&mut self, (x, y): Point, width: i32, slots: &[(&str, &str)]) {
        for (n, (class, word)) in slots.iter().enumerate() {
            let left = x + n as i32 * (width + 4);
            self.rect((left, y), (width, 30), class, 3);
            let colour = if *class == "job" { "on" } else { "soft" };
            self.text((left + width / 2, y + 20), colour, word);
        }
    }

    /// Words around a point, or from it to the right with the class `left`.
    pub(crate) fn text(&mut self, (x, y): Point, class: &str, words: &str) {
        writeln!(self.0, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{words}</text>")
            .expect("a String takes all");
    }

    /// A line through these points, with a tip at its end. Class `line`, `thick` or `dashed`.
    pub(crate) fn arrow(&mut self, class: &str, points: &[Point]) {
        let tip = if class == "thick" { "thicktip" } else { "tip" };
        self.path(class, points, &format!(" marker-end=\"url(#{tip})\""));
    }

    /// A line without a tip.
    pub(crate) fn line(&mut self, class: &str, points: &[Point]) {
        self.path(class, points, "");
    }

    fn path(&mut self, class: &str, points: &[Point], end: &str) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x} {y}")).collect();
        writeln!(self.0, "<path class=\"{class}\" d=\"M{}\"{end}/>", points.join("L"))
            .expect("a String takes all");
    }

    pub(crate) fn finish(mut self) -> String {
        self.add("</svg>\n");
        self.0
    }
}
