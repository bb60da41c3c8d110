//! The drawings of the HTML page, as SVG elements that are coloured by its style sheet.

use super::{
    axis::Axis,
    markup::Markup,
    model::{Metric, Row, WorkReport},
    number::{digits, in_words, tick},
};
use crate::{section::Figure, stats::Summary};

const WIDTH: f64 = 960.0;
/// Bars that differ by more than this factor would hide the short ones.
const MOST_LINEAR: f64 = 20.0;

/// The class that a contender's marks are coloured by.
pub(crate) fn class(row: &Row) -> &'static str {
    match row.contender.as_str() {
        "ours" => "ours",
        _ if row.is_ours() => "ours2",
        _ if row.is_serial() => "serial",
        _ => "peer",
    }
}

/// A coordinate.
pub(crate) fn px(value: f64) -> String {
    format!("{:.1}", value)
}

pub(crate) fn line(out: &mut Markup, class: &str, from: (f64, f64), to: (f64, f64)) {
    let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(px);
    out.empty("line", &[("class", class), ("x1", &x1), ("y1", &y1), ("x2", &x2), ("y2", &y2)]);
}

pub(crate) fn text(out: &mut Markup, class: &str, at: (f64, f64), text: &str) {
    out.leaf("text", &[("class", class), ("x", &px(at.0)), ("y", &px(at.1))], text);
}

pub(crate) fn rect(out: &mut Markup, class: &str, at: (f64, f64), size: (f64, f64)) {
    let [x, y, width, height] = [at.0, at.1, size.0, size.1].map(px);
    out.empty(
        "rect",
        &[
            ("class", class),
            ("x", &x),
            ("y", &y),
            ("width", &width),
            ("height", &height),
            ("rx", "2"),
        ],
    );
}

fn dot(out: &mut Markup, class: &str, at: (f64, f64), r: f64) {
    let [x, y, r] = [at.0, at.1, r].map(px);
    out.empty("circle", &[("class", class), ("cx", &x), ("cy", &y), ("r", &r)]);
}

fn begin(out: &mut Markup, (width, height): (f64, f64), label: &str) {
    let view = format!("0 0 {width} {height}");
    let width = format!("width:{width}px");
    out.begin(
        "svg",
        &[("viewBox", &view), ("style", &width), ("role", "img"), ("aria-label", label)],
    );
}

/// Every contender's median and quartiles, a group for each number of workers, the best of a group
/// first.
pub(crate) fn bars(out: &mut Markup, work: &WorkReport, metric: Metric) {
    const ROW: f64 = 21.0;
    const HEAD: f64 = 26.0;
    const LEFT: f64 = 140.0;
    const RIGHT: f64 = WIDTH - 90.0;

    let serial = work.serial().and_then(|row| Some((row, row.summary(metric)?)));
    let mut groups: Vec<(String, Vec<(&Row, Summary)>)> = Vec::new();
    groups.extend(serial.map(|serial| ("plain program".into(), vec![serial])));
    for workers in work.worker_counts() {
        groups.push((in_words(workers), work.ranking(workers, metric)));
    }
    let all = || groups.iter().flat_map(|(_, rows)| rows).map(|(_, summary)| summary);
    let least = all().map(|summary| summary.q1).fold(f64::INFINITY, f64::min);
    let most = all().map(|summary| summary.q3).fold(0.0, f64::max);
    let log = least > 0.0 && most / least > MOST_LINEAR;
    let axis = if log {
        Axis::log((least, most), (LEFT, RIGHT))
    } else {
        Axis::linear((0.0, most), (LEFT, RIGHT))
    };
    let rows: usize = groups.iter().map(|(_, rows)| rows.len()).sum();
    let bottom = rows as f64 * ROW + groups.len() as f64 * HEAD + 4.0;

    let name = metric.label().map_or(work.name.clone(), |label| format!("{}, {label}", work.name));
    begin(out, (WIDTH, bottom + 40.0), &format!("{name}: medians of all contenders"));
    for &value in &axis.ticks {
        let x = axis.at(value);
        line(out, "grid", (x, 4.0), (x, bottom));
        text(out, "tick mid", (x, bottom + 15.0), &tick(value));
    }
    if let Some((_, summary)) = serial {
        let x = axis.at(summary.median);
        line(out, "mark", (x, 4.0), (x, bottom));
    }
    let scale = if log { ", logarithmic" } else { "" };
    let what = metric.label().map_or("wall time".into(), |label| format!("{label} of latency"));
    text(
        out,
        "tick end",
        (WIDTH, bottom + 33.0),
        &format!(
            "{what}, {}{scale}: median of the rounds; thin line: their quartiles",
            metric.unit()
        ),
    );
    let mut y = 4.0;
    for (head, rows) in &groups {
        text(out, "group", (0.0, y + HEAD - 8.0), head);
        y += HEAD;
        for (row, summary) in rows {
            let middle = y + ROW / 2.0;
            let class = class(row);
            let name = if row.is_ours() { "name strong end" } else { "name end" };
            text(out, name, (LEFT - 8.0, middle + 4.0), &row.contender);
            let [q1, median, q3] =
                [summary.q1, summary.median, summary.q3].map(|value| axis.at(value));
            if log {
                line(out, "stem", (LEFT, middle), (median, middle));
                dot(out, class, (median, middle), 5.0);
            } else {
                rect(out, class, (LEFT, middle - 7.0), (median - LEFT, 14.0));
            }
            line(out, "whisker", (q1, middle), (q3, middle));
            text(out, "value", (q3.max(median) + 8.0, middle + 4.0), &digits(summary.median));
            y += ROW;
        }
    }
    out.end();
}

/// How much slower (to the right) or faster (to the left) than the best of the others, on a
/// logarithmic axis that ends at a factor of `most`.
pub(crate) fn ratio(out: &mut Markup, ratio: f64, most: f64, class: &str) {
    let axis = Axis::log((1.0 / most, most), (0.0, 200.0)).ticked(Vec::new(), (1.0 / most, most));
    let (middle, end) = (axis.at(1.0), axis.at(ratio.clamp(1.0 / most, most)));
    begin(out, (200.0, 18.0), &format!("{ratio:.2} times the best of the others"));
    rect(out, class, (middle.min(end), 3.0), ((end - middle).abs().max(1.0), 12.0));
    line(out, "mark", (middle, 0.0), (middle, 18.0));
    out.end();
}

/// A plot of lines.
pub(crate) fn lines(out: &mut Markup, figure: &Figure) {
    const HEIGHT: f64 = 380.0;
    const LEFT: f64 = 60.0;
    const RIGHT: f64 = WIDTH - 190.0;
    const TOP: f64 = 30.0;
    const BOTTOM: f64 = HEIGHT - 46.0;
    /// Of this project's forms, as among the bars.
    const OURS: [&str; 2] = ["c0", "c2"];
    /// Of all others; beyond, the same ones are dashed.
    const OTHERS: [&str; 6] = ["c1", "c3", "c4", "c5", "c6", "c7"];

    let drawn = |&(x, y): &(f64, f64)| {
        x.is_finite() && y.is_finite() && !(figure.log_x && x <= 0.0) && !(figure.log_y && y <= 0.0)
    };
    let points = || figure.series.iter().flat_map(|series| &series.points).copied().filter(drawn);
    let range = |values: &[f64]| {
        let of = |start, pick: fn(f64, f64) -> f64| values.iter().copied().fold(start, pick);
        (of(f64::INFINITY, f64::min), of(f64::NEG_INFINITY, f64::max))
    };
    let mut xs: Vec<_> = points().map(|(x, _)| x).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    let ys: Vec<_> = points().map(|(_, y)| y).collect();
    // The legend may be longer than the plot is high.
    let height = HEIGHT.max(TOP + figure.series.len() as f64 * 20.0 + 10.0);
    begin(out, (WIDTH, height), &figure.title);
    if xs.is_empty() {
        text(out, "tick", (LEFT, TOP + 20.0), "no points");
        out.end();
        return;
    }
    let x_axis = match (figure.log_x, xs.len()) {
        // A power of two is a better tick than a round number.
        (true, 2..=10) => Axis::log(range(&xs), (LEFT, RIGHT)).ticked(xs.clone(), range(&xs)),
        (true, _) => Axis::log(range(&xs), (LEFT, RIGHT)),
        (false, _) => Axis::linear(range(&xs), (LEFT, RIGHT)),
    };
    let (low, high) = range(&ys);
    let y_axis = if figure.log_y {
        Axis::log((low, high), (BOTTOM, TOP))
    } else {
        Axis::linear((low.min(0.0), high), (BOTTOM, TOP))
    };
    for &value in &x_axis.ticks {
        let x = x_axis.at(value);
        line(out, "grid", (x, TOP), (x, BOTTOM));
        text(out, "tick mid", (x, BOTTOM + 16.0), &tick(value));
    }
    for &value in &y_axis.ticks {
        let y = y_axis.at(value);
        line(out, "grid", (LEFT, y), (RIGHT, y));
        text(out, "tick end", (LEFT - 8.0, y + 4.0), &tick(value));
    }
    let labelled = |label: &str, log| format!("{label}{}", if log { " (logarithmic)" } else { "" });
    text(out, "tick", (0.0, 14.0), &labelled(&figure.y_label, figure.log_y));
    text(out, "tick end", (RIGHT, BOTTOM + 36.0), &labelled(&figure.x_label, figure.log_x));

    let (mut ours, mut others) = (0, 0);
    for (index, series) in figure.series.iter().enumerate() {
        let is_ours = series.name.starts_with("ours");
        let (count, colours) =
            if is_ours { (&mut ours, &OURS[..]) } else { (&mut others, &OTHERS[..]) };
        let colour = colours[*count % colours.len()];
        let dashed = if *count / colours.len() % 2 == 1 { " dashed" } else { "" };
        *count += 1;
        let stroke = format!("line {colour}{}{dashed}", if is_ours { " thick" } else { "" });
        let places: Vec<_> = series
            .points
            .iter()
            .filter(|point| drawn(point))
            .map(|&(x, y)| (x_axis.at(x), y_axis.at(y)))
            .collect();
        let path: Vec<_> = places.iter().map(|&(x, y)| format!("{},{}", px(x), px(y))).collect();
        out.empty("polyline", &[("class", &stroke), ("points", &path.join(" "))]);
        for &place in &places {
            dot(out, &format!("dot {colour}"), place, if is_ours { 3.5 } else { 2.5 });
        }
        let y = TOP + 6.0 + index as f64 * 20.0;
        line(out, &stroke, (RIGHT + 16.0, y), (RIGHT + 40.0, y));
        dot(out, &format!("dot {colour}"), (RIGHT + 28.0, y), 2.5);
        let name = if is_ours { "name strong" } else { "name" };
        text(out, name, (RIGHT + 46.0, y + 4.0), &series.name);
    }
    out.end();
}
