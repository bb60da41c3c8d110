//! The report as one HTML page, which needs nothing but itself.

use super::{
    markup::Markup,
    model::{Metric, Run, WorkReport},
    number::digits,
    palette, plot,
    table::{COLUMNS, Grid, caption, is_quiet, load, or_dash, worst_load},
    verdict::{Verdict, verdicts, words},
};
use crate::section::{Facts, Section};

const CSS: &str = "
*{box-sizing:border-box}
body{margin:0 auto;max-width:1080px;padding:2rem 1.25rem 4rem;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,'Segoe UI',sans-serif}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .25rem}
h2{font-size:1.35rem;margin:3rem 0 .5rem;padding-top:1rem;border-top:1px solid var(--rule)}
h3{font-size:1.05rem;margin:1.5rem 0 .25rem}
p{margin:.4rem 0}.soft,figcaption{color:var(--soft)}a{color:var(--ours)}
code{font:.88em ui-monospace,'SF Mono',Menlo,monospace;overflow-wrap:anywhere}
svg{display:block;max-width:100%;height:auto}figure{margin:1rem 0;overflow-x:auto}
nav a{display:inline-block;margin:.1rem .8rem .1rem 0}
.card{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:1rem 1.25rem;margin:1rem 0}
.tiles{display:flex;flex-wrap:wrap;gap:1rem}.tiles .card{flex:1 1 9rem;margin:0}
.tiles b{display:block;font-size:1.9rem;line-height:1.2}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums;width:100%}
th,td{padding:.28rem .6rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--rule)}
th{color:var(--soft);font-weight:600}th:first-child,td:first-child{text-align:left}
.facts td:last-child{text-align:left;white-space:normal;overflow-wrap:anywhere}
.facts td:first-child{color:var(--soft)}.facts{width:auto}
tr.ours td:first-child{color:var(--ours);font-weight:700}
tr.ours2 td:first-child{color:var(--ours2);font-weight:700}
tr.serial td{color:var(--soft)}tr.best td{font-weight:700}
.verdicts :is(td,th):is(:nth-child(3),:nth-child(5),:last-child){text-align:left}
.verdicts :is(td,th){padding:.28rem .5rem}.verdicts svg{min-width:190px}
.loss{color:var(--loss);font-weight:700}.win{color:var(--win)}
.line{fill:none;stroke-width:1.75}.thick{stroke-width:3.25}.dashed{stroke-dasharray:6 4}
";

/// The page.
pub fn html(run: &Run) -> String {
    let mut out = Markup::default();
    out.begin("html", &[("lang", "en")]);
    out.begin("head", &[]);
    out.empty("meta", &[("charset", "utf-8")]);
    out.empty("meta", &[("name", "viewport"), ("content", "width=device-width")]);
    out.leaf("title", &[], TITLE);
    let lines = (0..8).map(|n| format!(".c{n}{{stroke:var(--c{n})}}.dot.c{n}{{fill:var(--c{n})}}"));
    out.style(&(palette::css() + CSS + &lines.collect::<String>()));
    out.end();
    out.begin("body", &[]);
    head(&mut out, run);
    let verdicts = verdicts(run);
    if !verdicts.is_empty() {
        overview(&mut out, &verdicts);
    }
    run.works.iter().for_each(|work| details(&mut out, work));
    run.sections.iter().enumerate().for_each(|(index, section)| part(&mut out, index, section));
    glossary(&mut out);
    out.end();
    out.end();
    format!("<!DOCTYPE html>\n{}", out.finish())
}

pub(crate) const TITLE: &str = "scheduler and its peers";

fn head(out: &mut Markup, run: &Run) {
    out.leaf("h1", &[], TITLE);
    out.leaf(
        "p",
        &[("class", "soft")],
        "The same work by everybody, on the same machine, in the same run: round by round, each \
         beginning in turn. Every result was checked.",
    );
    let machine = &run.machine;
    let versions: Vec<_> =
        machine.crates.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let rows = [
        ("date", run.date.clone()),
        ("command", run.command.clone()),
        ("machine", format!("{}, {} CPUs", machine.cpu, machine.cpus)),
        ("system", machine.system.clone()),
        ("compiler", machine.rustc.clone()),
        ("versions", versions.join(", ")),
        ("rounds", format!("{}, after one to warm up", run.rounds)),
        ("load by others", worst_load(run)),
    ];
    out.begin("div", &[("class", "card scroll")]);
    out.begin("table", &[("class", "facts")]);
    for (name, value) in &rows {
        out.begin("tr", &[]);
        out.leaf("td", &[], name);
        out.begin("td", &[]);
        let quiet = run.works.iter().all(|work| work.share.is_none_or(is_quiet));
        let (element, class) = match *name {
            "command" => ("code", ""),
            "load by others" if !quiet => ("span", "loss"),
            _ => ("span", ""),
        };
        out.leaf(element, &[("class", class)], value);
        out.end();
        out.end();
    }
    out.end();
    out.end();
    out.begin("nav", &[]);
    for work in &run.works {
        out.leaf("a", &[("href", &format!("#work-{}", work.name))], &work.name);
    }
    for (index, section) in run.sections.iter().enumerate() {
        out.leaf("a", &[("href", &format!("#section-{index}"))], &section.title);
    }
    out.end();
}

/// The class of a verdict's colour.
fn colour(is_loss: bool) -> &'static str {
    if is_loss { "loss" } else { "win" }
}

fn overview(out: &mut Markup, verdicts: &[Verdict<'_>]) {
    out.leaf("h2", &[("id", "overview")], "Where ours lose, and where they win");
    out.begin("div", &[("class", "tiles")]);
    for (is_loss, is_close) in [(true, false), (true, true), (false, true), (false, false)] {
        let alike = verdicts.iter().filter(|v| (v.is_loss(), v.is_close()) == (is_loss, is_close));
        out.begin("div", &[("class", "card")]);
        out.leaf("b", &[("class", colour(is_loss))], &alike.count().to_string());
        out.leaf("span", &[("class", "soft")], words(is_loss, is_close));
        out.end();
    }
    out.end();
    out.leaf(
        "p",
        &[("class", "soft")],
        "Each form of ours against the best of all others with as many workers, by medians; the \
         worst first. To the right of the line, in red: ours took longer. Pale, \u{201c}but \
         close\u{201d}: less than 1 % apart, or the middle halves of both parties' rounds overlap, \
         so that another run may turn it round. Ts/T: how many times faster ours were than the \
         plain program.",
    );
    let ratios = verdicts.iter().map(|verdict| verdict.ratio().ln().abs());
    // One outlier must not flatten all others.
    let most = ratios.fold(0.0, f64::max).exp().clamp(1.5, 8.0);
    out.begin("div", &[("class", "scroll")]);
    out.begin("table", &[("class", "verdicts")]);
    let head = ["work", "workers", "ours", "", "best of others", "", "Ts/T", "ratio", "", ""];
    row(out, "th", "", &head);
    for verdict in verdicts {
        let ((ours, a), (best, b)) = (verdict.ours, verdict.best);
        let (unit, name) = (verdict.metric.unit(), &verdict.work.name);
        out.begin("tr", &[]);
        out.begin("td", &[]);
        out.leaf("a", &[("href", &format!("#work-{name}"))], name);
        out.text(&verdict.metric.label().map_or(String::new(), |label| format!(" {label}")));
        out.end();
        for cell in [
            ours.workers.to_string(),
            ours.contender.clone(),
            format!("{} {unit}", digits(a.median)),
            best.contender.clone(),
            format!("{} {unit}", digits(b.median)),
        ] {
            out.leaf("td", &[], &cell);
        }
        let speed_up = verdict.speed_up();
        let class = if speed_up.is_some_and(|times| times < 1.0) { "loss" } else { "" };
        out.leaf("td", &[("class", class)], &or_dash(speed_up));
        let colour = colour(verdict.is_loss());
        out.leaf("td", &[("class", colour)], &format!("{:.2}", verdict.ratio()));
        out.begin("td", &[]);
        let close = if verdict.is_close() { " close" } else { "" };
        plot::ratio(out, verdict.ratio(), most, &format!("{colour}{close}"));
        out.end();
        out.leaf("td", &[("class", colour)], verdict.words());
        out.end();
    }
    out.end();
    out.end();
}

fn details(out: &mut Markup, work: &WorkReport) {
    out.leaf("h2", &[("id", &format!("work-{}", work.name))], &work.name);
    out.leaf("p", &[], &caption(work));
    let load = load(work.share);
    let class = if work.share.is_none_or(is_quiet) { "soft" } else { "loss" };
    out.leaf("p", &[("class", class)], &format!("{}{}.", load[..1].to_uppercase(), &load[1..]));
    for metric in work.metrics() {
        if let Some(label) = metric.label() {
            out.leaf("h3", &[], &format!("{label} of the latency"));
        }
        out.begin("figure", &[]);
        plot::bars(out, work, metric);
        out.end();
        out.begin("details", &[]);
        out.leaf("summary", &[], "all figures");
        grid(out, work, metric);
        out.end();
    }
}

fn grid(out: &mut Markup, work: &WorkReport, metric: Metric) {
    let Grid { head, lines } = Grid::new(work, metric);
    out.begin("div", &[("class", "scroll")]);
    out.begin("table", &[]);
    row(out, "th", "", &head);
    for line in lines {
        let best = if line.is_best { " best" } else { "" };
        let cells: Vec<_> = line.cells.iter().map(String::as_str).collect();
        row(out, "td", &format!("{}{best}", line.class), &cells);
    }
    out.end();
    out.end();
}

fn row(out: &mut Markup, cell: &'static str, class: &str, cells: &[&str]) {
    out.begin("tr", &[("class", class)]);
    cells.iter().for_each(|text| out.leaf(cell, &[], text));
    out.end();
}

fn part(out: &mut Markup, index: usize, section: &Section) {
    out.leaf("h2", &[("id", &format!("section-{index}"))], &section.title);
    for paragraph in section.text.split("\n\n").filter(|text| !text.trim().is_empty()) {
        out.leaf("p", &[], paragraph.trim());
    }
    for figure in &section.figures {
        out.leaf("h3", &[], &figure.title);
        out.begin("figure", &[]);
        plot::lines(out, figure);
        if !figure.note.is_empty() {
            out.leaf("figcaption", &[], &figure.note);
        }
        out.end();
    }
    for Facts { title, rows } in &section.facts {
        out.leaf("h3", &[], title);
        out.begin("div", &[("class", "card scroll")]);
        out.begin("table", &[("class", "facts")]);
        for (name, value) in rows {
            row(out, "td", "", &[name, value]);
        }
        out.end();
        out.end();
    }
}

fn glossary(out: &mut Markup) {
    out.leaf("h2", &[], "What the columns mean");
    out.begin("div", &[("class", "scroll")]);
    out.begin("table", &[("class", "facts")]);
    for (name, meaning) in COLUMNS {
        row(out, "td", "", &[name, meaning]);
    }
    out.end();
    out.end();
}
