//! The report as text.

use std::fmt::Write;

use super::{
    model::{Metric, Row, Run, WorkReport},
    number::{count, digits},
    verdict::verdicts,
};
use crate::{Share, stats::Summary};

/// What the columns of a table mean.
pub const COLUMNS: [(&str, &str); 6] = [
    ("median, quartiles, min, max", "of the rounds, in the unit that is named above the table"),
    ("/best", "median over the least median of all with as many workers"),
    ("Ts/T", "the plain program's median over this one's: the speed-up"),
    (
        "ns/fork, of minima",
        "wall time beyond the plain program's, per fork, submitted task or chunk of a loop: of the \
         medians, and of the minima; none where it is less",
    ),
    ("/plan", "median over the time that the work itself allows"),
    (
        "p50, p99, p99.9",
        "of all latencies of a round; median and so on are then those of the rounds' percentiles",
    ),
];

/// A cell for each column; the same cells make the text table and the HTML table.
pub(crate) struct Grid {
    pub(crate) head: Vec<&'static str>,
    pub(crate) lines: Vec<Line>,
}

pub(crate) struct Line {
    pub(crate) class: &'static str,
    pub(crate) is_best: bool,
    pub(crate) cells: Vec<String>,
}

impl Grid {
    /// All contenders at a work, by one of its metrics.
    pub(crate) fn new(work: &WorkReport, metric: Metric) -> Grid {
        let has_plan = metric == Metric::Wall && work.rows.iter().any(|row| row.plan_ms.is_some());
        let serial = work.serial().and_then(|row| Some((row, row.summary(metric)?)));
        let has_forks = work.forks > 0 && serial.is_some() && metric == Metric::Wall;

        let mut head = vec!["contender", "workers", "median", "quartiles", "min", "max", "/best"];
        head.extend(serial.map(|_| "Ts/T"));
        head.extend(["ns/fork", "of minima"].into_iter().filter(|_| has_forks));
        head.extend(has_plan.then_some("/plan"));

        let line = |row: &Row, summary: &Summary, best: Option<f64>| {
            let Summary { min, q1, median, q3, max } = *summary;
            let mut cells = vec![row.contender.clone(), row.workers.to_string(), digits(median)];
            cells.push(format!("{}..{}", digits(q1), digits(q3)));
            cells.extend([digits(min), digits(max)]);
            cells.push(or_dash(best.map(|best| median / best)));
            cells.extend(serial.map(|(_, serial)| or_dash(Some(serial.median / median))));
            if let Some((_, serial)) = serial.filter(|_| has_forks) {
                // Whoever is faster than the plain program has nothing to divide among the forks.
                let per_fork = |beyond: f64| {
                    (beyond >= 0.0 && !row.is_serial()).then_some(beyond * 1e6 / work.forks as f64)
                };
                cells.push(or_dash(per_fork(median - serial.median)));
                cells.push(or_dash(per_fork(min - serial.min)));
            }
            if has_plan {
                cells.push(or_dash(row.plan_ms.map(|plan| median / plan)));
            }
            let is_best = best == Some(median);
            Line { class: super::plot::class(row), is_best, cells }
        };
        let mut lines: Vec<_> =
            serial.iter().map(|(row, summary)| line(row, summary, None)).collect();
        for workers in work.worker_counts() {
            let ranking = work.ranking(workers, metric);
            let best = ranking.first().map(|(_, summary)| summary.median);
            lines.extend(ranking.iter().map(|(row, summary)| line(row, summary, best)));
        }
        Grid { head, lines }
    }
}

pub(crate) fn or_dash(value: Option<f64>) -> String {
    value.map_or("-".into(), |value| format!("{value:.2}"))
}

/// Whether others took so little that the figures can be believed.
pub(crate) fn is_quiet(share: Share) -> bool {
    share.others + share.stolen <= 0.05
}

/// Who else used the machine, in words.
pub(crate) fn load(share: Option<Share>) -> String {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    match share {
        Some(share) => format!(
            "meanwhile other processes took {} of the machine's CPU time, its host {}{}",
            percent(share.others),
            percent(share.stolen),
            if is_quiet(share) { "" } else { ": too much for figures to be believed" }
        ),
        None => "how much of the machine others took is unknown".into(),
    }
}

/// The most that others took of the machine during any work.
pub(crate) fn worst_load(run: &Run) -> String {
    let shares: Vec<_> = run.works.iter().filter_map(|work| work.share).collect();
    let most = |of: fn(&Share) -> f64| shares.iter().map(of).fold(0.0, f64::max) * 100.0;
    match shares.len() {
        0 => "unknown".into(),
        _ => format!(
            "other processes at most {:.1} %, the machine's host at most {:.1} % of the CPU time \
             during any one work",
            most(|share| share.others),
            most(|share| share.stolen)
        ),
    }
}

/// A work's title, with what its tables have in common.
pub(crate) fn caption(work: &WorkReport) -> String {
    match work.forks {
        0 => work.title.clone(),
        forks => format!("{}; {} forks or tasks", work.title, count(forks)),
    }
}

/// All contenders at one work, for people.
pub fn table(work: &WorkReport) -> String {
    let mut out = format!("{}: {}\n  {}\n", work.name, caption(work), load(work.share));
    for metric in work.metrics() {
        let what = metric.label().map_or("wall time".into(), |label| format!("latency, {label}"));
        writeln!(out, "  {what}, {}:", metric.unit()).expect("a String takes whatever is written");
        let Grid { head, lines } = Grid::new(work, metric);
        let head = head.iter().map(ToString::to_string).collect();
        let lines: Vec<Vec<String>> =
            std::iter::once(head).chain(lines.into_iter().map(|line| line.cells)).collect();
        out += &columns(&lines);
    }
    out
}

/// Where ours lose and win, the worst first; empty if there is nobody to compare with.
pub fn summary(run: &Run) -> String {
    let verdicts = verdicts(run);
    let mut lines = vec![
        ["work", "workers", "ours", "median", "best of others", "median", "Ts/T", "ratio", ""]
            .map(String::from)
            .to_vec(),
    ];
    lines.extend(verdicts.iter().map(|verdict| {
        let ((ours, a), (best, b)) = (verdict.ours, verdict.best);
        let label = verdict.metric.label().map_or(String::new(), |label| format!(" {label}"));
        let unit = verdict.metric.unit();
        vec![
            format!("{}{label}", verdict.work.name),
            ours.workers.to_string(),
            ours.contender.clone(),
            format!("{} {unit}", digits(a.median)),
            best.contender.clone(),
            format!("{} {unit}", digits(b.median)),
            or_dash(verdict.speed_up()),
            format!("{:.2}", verdict.ratio()),
            verdict.words().into(),
        ]
    }));
    if verdicts.is_empty() { String::new() } else { columns(&lines) }
}

/// The first column to the left, the others to the right.
fn columns(lines: &[Vec<String>]) -> String {
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<_> = (0..).map_while(width).collect();
    let mut out = String::new();
    for line in lines {
        let mut text = format!("  {:width$}", line[0], width = widths[0]);
        for (cell, width) in line.iter().zip(&widths).skip(1) {
            write!(text, "  {cell:>width$}").expect("a String takes whatever is written");
        }
        out += text.trim_end();
        out.push('\n');
    }
    out
}
