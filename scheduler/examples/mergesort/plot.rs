//! The picture: what each worker did, and its steals, over time.

use crate::log::{History, Kind, Piece};
use std::fmt::{self, Write};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 60.0;
/// Of the lower half, with the steals.
const HEIGHT: f64 = 220.0;
const GAP: f64 = 40.0;
/// What is less apart, in pixels, is drawn as one.
const SEAM: f64 = 0.3;

/// An SVG that needs nothing else.
pub(crate) fn svg(history: &History, numbers: usize) -> String {
    let mut svg = String::new();
    draw(&mut svg, history, numbers).expect("a string takes all");
    svg
}

/// Where things are.
struct Layout {
    lane: f64,
    /// Below the lanes.
    middle: f64,
    /// Below the steals.
    bottom: f64,
    /// Pixels for a second, and for a steal.
    second: f64,
    steal: f64,
}

fn draw(svg: &mut String, history: &History, numbers: usize) -> fmt::Result {
    let seconds = history.end.as_secs_f64().max(1e-6);
    let last = history.samples.last().map_or(&[][..], |sample| &sample.steals);
    let most = last.iter().copied().max().unwrap_or(0).max(1);
    let lane = (320.0 / last.len().max(1) as f64).clamp(3.0, 28.0);
    let middle = TOP + lane * last.len() as f64;
    let at = Layout {
        lane,
        middle,
        bottom: middle + GAP + HEIGHT,
        second: (WIDTH - LEFT - RIGHT) / seconds,
        steal: HEIGHT / most as f64,
    };

    let height = at.bottom + 50.0;
    writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0}" font-family="sans-serif" font-size="12" fill="#333">
<rect width="{WIDTH}" height="{height:.0}" fill="#fff"/>
<text x="{LEFT}" y="24" font-size="15">A merge sort of {numbers} numbers: {seconds:.3} s, {} pieces, {} steals</text>
<text x="{LEFT}" y="46">what each worker did: full colour, sorting a piece; light, merging one; white, neither</text>"##,
        history.pieces.len(),
        history.steals(),
    )?;
    axes(svg, &at, seconds, most)?;
    for worker in 0..last.len() {
        lane_of(svg, &at, history, worker)?;
        steals_of(svg, &at, history, worker)?;
    }
    writeln!(svg, "</svg>")
}

/// Time to the right, steals upwards.
fn axes(svg: &mut String, at: &Layout, seconds: f64, most: u64) -> fmt::Result {
    let Layout { middle, bottom, .. } = *at;
    writeln!(svg, r#"<text x="{LEFT}" y="{:.1}">jobs stolen so far</text>"#, middle + GAP - 12.0)?;
    for (time, label) in ticks(seconds * 1000.0) {
        let x = LEFT + time / 1000.0 * at.second;
        writeln!(
            svg,
            r##"<path d="M{x:.1} {TOP}V{bottom:.1}" stroke="#ddd"/><text x="{x:.1}" y="{:.1}" text-anchor="middle">{label}</text>"##,
            bottom + 18.0
        )?;
    }
    writeln!(svg, r#"<text x="{LEFT}" y="{:.1}">milliseconds</text>"#, bottom + 38.0)?;
    for (steals, label) in ticks(most as f64) {
        let y = bottom - steals * at.steal;
        writeln!(
            svg,
            r##"<path d="M{LEFT} {y:.1}H{:.1}" stroke="#ddd"/><text x="{:.1}" y="{:.1}" text-anchor="end">{label}</text>"##,
            WIDTH - RIGHT,
            LEFT - 8.0,
            y + 4.0
        )?;
    }
    Ok(())
}

/// Some four to ten round numbers from 0 up to `most`, and what stands beside them.
fn ticks(most: f64) -> impl Iterator<Item = (f64, String)> {
    let decade = 10_f64.powf((most / 4.0).log10().floor());
    let step = [5.0, 2.0, 1.0].map(|factor| factor * decade);
    let step = step.into_iter().find(|step| step * 4.0 <= most).unwrap_or(decade);
    let digits = (-step.log10().floor()).max(0.0) as usize;
    let values = (0_u32..).map(move |n| f64::from(n) * step);
    values
        .take_while(move |value| *value <= most)
        .map(move |value| (value, format!("{value:.digits$}")))
}

/// A colour of its own for each of a few dozen workers.
fn colour(worker: usize) -> String {
    // Neighbours are far apart on the wheel.
    format!("hsl({},65%,45%)", (worker * 137 + 210) % 360)
}

/// What a worker did, as rectangles.
fn lane_of(svg: &mut String, at: &Layout, history: &History, worker: usize) -> fmt::Result {
    let (top, height) = (TOP + worker as f64 * at.lane, at.lane * 0.85);
    if at.lane >= 12.0 {
        let (x, y) = (LEFT - 8.0, top + height / 2.0 + 4.0);
        let text = format!("worker {worker}");
        writeln!(svg, r#"<text x="{x}" y="{y:.1}" text-anchor="end">{text}</text>"#)?;
    }
    let mut rectangle = |kind: Kind, from: f64, to: f64| {
        let (x, width) = (LEFT + from, (to - from).max(0.1));
        let opacity = if kind == Kind::Sort { 1.0 } else { 0.35 };
        let fill = colour(worker);
        writeln!(
            svg,
            r#"<rect x="{x:.1}" y="{top:.1}" width="{width:.1}" height="{height:.1}" fill="{fill}" fill-opacity="{opacity}"/>"#
        )
    };
    let mut open: Option<(Kind, f64, f64)> = None;
    for Piece { kind, begin, end, .. } in history.pieces.iter().filter(|p| p.worker == worker) {
        let (begin, end) = (begin.as_secs_f64() * at.second, end.as_secs_f64() * at.second);
        match &mut open {
            Some((before, _, until)) if before == kind && begin - *until < SEAM => *until = end,
            _ => {
                if let Some((kind, from, to)) = open.replace((*kind, begin, end)) {
                    rectangle(kind, from, to)?;
                }
            }
        }
    }
    open.map_or(Ok(()), |(kind, from, to)| rectangle(kind, from, to))
}

/// Its steals, as a line that goes up at each.
fn steals_of(svg: &mut String, at: &Layout, history: &History, worker: usize) -> fmt::Result {
    write!(svg, r#"<path d="M{LEFT} {:.1}"#, at.bottom)?;
    let mut before = 0;
    for sample in &history.samples {
        if sample.steals[worker] != before {
            before = sample.steals[worker];
            let x = LEFT + sample.at.min(history.end).as_secs_f64() * at.second;
            write!(svg, "H{x:.1}V{:.1}", at.bottom - before as f64 * at.steal)?;
        }
    }
    let (end, stroke) = (WIDTH - RIGHT, colour(worker));
    writeln!(svg, r#"H{end}" fill="none" stroke="{stroke}" stroke-width="1.5"/>"#)
}
