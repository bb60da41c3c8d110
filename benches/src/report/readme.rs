//! The drawing for the README: a few works, all contenders, one number of workers.

use super::{
    axis::Axis,
    html::TITLE,
    markup::Markup,
    model::{Row, Run, WorkReport},
    number::{digits, in_words},
    palette,
    plot::{class, line, rect, text},
};
use crate::stats::Summary;

/// Chosen before anything was measured; each that a run has is drawn.
const WORKS: [&str; 8] =
    ["fib", "uts-t3", "queens-scope", "tree-16m", "quicksort", "flood", "submit-2", "wake-100us"];
/// Of the others, so many of the best are drawn beside ours.
const OTHERS: usize = 5;

const WIDTH: f64 = 860.0;
const PADDING: f64 = 24.0;
const COLUMN: f64 = (WIDTH - 3.0 * PADDING) / 2.0;
const ROW: f64 = 18.0;
const HEAD: f64 = 44.0;
const TOP: f64 = 74.0;
const NAME: f64 = 118.0;

/// A drawing of some of the run's works; empty of bars if it has none of those.
pub fn svg(run: &Run) -> String {
    let works: Vec<_> =
        WORKS.iter().filter_map(|name| run.works.iter().find(|work| work.name == *name)).collect();
    let height_of = |work: &&WorkReport| HEAD + ROW * most_workers(work).1.len() as f64 + 12.0;
    // Two columns: the next work goes where there is more room.
    let mut columns = [TOP; 2];
    let mut places = Vec::new();
    for work in &works {
        let column = usize::from(columns[1] < columns[0]);
        places.push((PADDING + column as f64 * (COLUMN + PADDING), columns[column]));
        columns[column] += height_of(work);
    }
    let height = columns[0].max(columns[1]) + 34.0;

    let mut out = Markup::default();
    let view = format!("0 0 {WIDTH} {height}");
    out.begin(
        "svg",
        &[
            ("xmlns", "http://www.w3.org/2000/svg"),
            ("viewBox", &view),
            ("width", &WIDTH.to_string()),
            ("height", &height.to_string()),
            ("role", "img"),
        ],
    );
    out.leaf("title", &[], TITLE);
    out.style(
        &(palette::css()
            + ".back{fill:var(--paper);stroke:var(--rule)}.title{font-size:17px;font-weight:700}\
               .work{font-size:13px;font-weight:700}"),
    );
    let inside = (WIDTH - 1.0, height - 1.0);
    rect(&mut out, "back", (0.5, 0.5), inside);
    text(&mut out, "title", (PADDING, 34.0), TITLE);
    let machine = &run.machine;
    let about = format!(
        "Medians of all rounds ({}, interleaved): ours and the best {OTHERS} of the others. Shorter \
         is better; dashed: the plain program.",
        run.rounds
    );
    text(&mut out, "tick", (PADDING, 54.0), &about);
    for (work, place) in works.iter().zip(places) {
        bars(&mut out, work, place);
    }
    let foot = format!("{}, {} CPUs, {}, {}", machine.cpu, machine.cpus, machine.rustc, run.date);
    text(&mut out, "tick", (PADDING, height - 16.0), &foot);
    out.end();
    out.finish()
}

/// The largest number of workers, and whom to draw of those who ran with that many.
fn most_workers(work: &WorkReport) -> (usize, Vec<(&Row, Summary)>) {
    let workers = work.worker_counts().last().copied().unwrap_or(0);
    let mut ranking = work.ranking(workers, work.metrics()[0]);
    let mut others = 0;
    ranking.retain(|(row, _)| {
        others += usize::from(!row.is_ours());
        row.is_ours() || others <= OTHERS
    });
    (workers, ranking)
}

fn bars(out: &mut Markup, work: &WorkReport, (left, top): (f64, f64)) {
    let metric = work.metrics()[0];
    let (workers, ranking) = most_workers(work);
    text(out, "work", (left, top + 16.0), &work.title);
    let label = metric.label().map_or(String::new(), |label| format!("{label}, "));
    let unit = format!("{label}{}, {}", metric.unit(), in_words(workers));
    text(out, "tick", (left, top + 32.0), &unit);
    let most = ranking.last().map_or(1.0, |(_, summary)| summary.median);
    let scale = most.max(f64::MIN_POSITIVE);
    let axis = Axis::linear((0.0, 1.0), (left + NAME, left + COLUMN - 52.0));
    let bottom = top + HEAD + ROW * ranking.len() as f64;
    if let Some(serial) = work.serial().and_then(|row| row.summary(metric))
        && serial.median <= most
    {
        let x = axis.at(serial.median / scale);
        line(out, "mark", (x, top + HEAD - 4.0), (x, bottom));
    }
    for (index, (row, summary)) in ranking.iter().enumerate() {
        let y = top + HEAD + ROW * index as f64;
        let strong = if row.is_ours() { "name end strong" } else { "name end" };
        text(out, strong, (left + NAME - 8.0, y + 12.0), &row.contender);
        let end = axis.at(summary.median / scale);
        rect(out, class(row), (left + NAME, y + 2.0), (end - left - NAME, 12.0));
        text(out, "value", (end + 6.0, y + 12.0), &digits(summary.median));
    }
}
