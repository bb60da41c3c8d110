//! The report as a whole, drawn from made-up runs.

use std::path::Path;

use quick_xml::{Reader, events::Event};

use super::*;
use crate::{
    Machine, Share,
    section::{Facts, Figure, Section, Series},
};

/// Names and titles that would break a page that does not escape them.
const NASTY: &str = "<b> & \"x\" 'y' </style>";

fn row(contender: &str, workers: usize, ms: &[f64]) -> Row {
    let rounds = ms.iter().map(|&ms| Round::WallMs(ms)).collect();
    Row { contender: contender.into(), workers, plan_ms: None, rounds }
}

fn work(name: &str, forks: u64, rows: Vec<Row>) -> WorkReport {
    let share = Some(Share { others: 0.25, stolen: 0.5 });
    WorkReport { name: name.into(), title: NASTY.into(), forks, share, rows }
}

fn run(works: Vec<WorkReport>) -> Run {
    Run {
        machine: Machine {
            cpu: "a processor".into(),
            cpus: 2,
            system: "a system".into(),
            rustc: "a compiler".into(),
            crates: vec![("a-peer".into(), "1.2.3".into())],
        },
        date: "2026-01-02T03:04:05Z".into(),
        command: NASTY.into(),
        rounds: 3,
        works,
        sections: Vec::new(),
    }
}

/// A clear loss, a clear win, a close call, and latencies.
fn mixed() -> Run {
    let latencies = |us: u64| Round::LatenciesNs((1..=1_000).map(|n| n * us).collect());
    let wake = |contender: &str, us| Row {
        contender: contender.into(),
        workers: 2,
        plan_ms: None,
        rounds: vec![latencies(us), latencies(us + 1), latencies(us + 2)],
    };
    let mut run = run(vec![
        work(
            "lost",
            1_000_000,
            vec![
                row("serial", 1, &[10.0, 11.0, 9.0]),
                row("ours", 2, &[20.0, 21.0, 19.0]),
                row("ours-cx", 2, &[4.0, 4.0, 4.0]),
                row(NASTY, 2, &[5.0, 5.0, 5.0]),
                // Far enough away for a logarithmic axis.
                row("slow", 2, &[500.0, 500.0, 500.0]),
            ],
        ),
        work("close", 0, vec![row("ours", 1, &[4.0, 5.0, 6.0]), row("peer", 1, &[4.5, 4.9, 9.0])]),
        work("wake", 0, vec![wake("ours", 10), wake("peer", 30)]),
    ]);
    let figure = |log| Figure {
        title: NASTY.into(),
        note: NASTY.into(),
        x_label: "workers".into(),
        y_label: "tasks".into(),
        log_x: log,
        log_y: log,
        series: vec![
            Series { name: NASTY.into(), points: vec![(1.0, 2.0), (2.0, 0.0), (4.0, 8.0)] },
            Series { name: "ours".into(), points: Vec::new() },
        ],
    };
    run.include(Section {
        title: NASTY.into(),
        text: format!("{NASTY}\n\n{NASTY}"),
        figures: vec![figure(false), figure(true)],
        facts: vec![Facts { title: NASTY.into(), rows: vec![(NASTY.into(), NASTY.into())] }],
    });
    run
}

/// Fails unless `text` is well-formed XML that refers to nothing but itself and runs nothing.
fn check(text: &str) {
    let mut reader = Reader::from_str(text);
    let mut depth = 0;
    loop {
        let (element, opens) = match reader.read_event().expect("well-formed") {
            Event::Eof => break,
            Event::Start(element) => (element, 1),
            Event::Empty(element) => (element, 0),
            Event::End(_) => {
                depth -= 1;
                continue;
            }
            _ => continue,
        };
        depth += opens;
        let name = element.name().as_ref().to_owned();
        assert!(!["script", "link", "img", "image", "iframe"].contains(&name.as_str()), "{name}");
        for attribute in element.attributes() {
            let attribute = attribute.expect("well-formed");
            let key = attribute.key.as_ref();
            let value = &*attribute.value;
            assert!(key != "src" && !key.starts_with("on"), "{key}=\"{value}\"");
            assert!(key != "href" || value.starts_with('#'), "{key}=\"{value}\"");
            assert!(key == "xmlns" || !value.contains("http"), "{key}=\"{value}\"");
            assert!(!value.contains("NaN") && !value.contains("inf"), "{key}=\"{value}\"");
        }
    }
    assert_eq!(depth, 0, "some elements are not closed");
    assert!(!text.contains("url(") && !text.contains("@import"));
}

#[test]
fn page_and_drawing_are_well_formed_and_self_contained() {
    for run in [mixed(), run(Vec::new()), run(vec![work("nobody", 0, Vec::new())])] {
        check(&html(&run));
        check(&svg(&run));
    }
}

#[test]
fn a_check_can_fail() {
    let refuses = |text: &'static str| std::panic::catch_unwind(|| check(text)).is_err();
    assert!(refuses("<p><b></p></b>"));
    assert!(refuses("<p>"));
    assert!(refuses("<a href=\"http://x\"></a>"));
    assert!(refuses("<script></script>"));
}

#[test]
fn the_page_says_where_when_and_how() {
    let page = html(&mixed());
    for what in [
        "a processor, 2 CPUs",
        "a system",
        "a compiler",
        "a-peer 1.2.3",
        "2026-01-02T03:04:05Z",
        "&lt;b&gt; &amp; &quot;x&quot;",
        "3, after one to warm up",
        "other processes at most 25.0 %, the machine's host at most 50.0 %",
    ] {
        assert!(page.contains(what), "{what}");
    }
}

#[test]
fn losses_come_first_and_are_marked() {
    let run = mixed();
    let text = summary(&run);
    let verdicts: Vec<_> = text.lines().skip(1).map(str::trim).collect();
    assert!(verdicts[0].starts_with("lost") && verdicts[0].ends_with("slower"), "{text}");
    assert!(verdicts[0].contains("4.00"), "20 ms against 5: {text}");
    assert!(verdicts[1].starts_with("close") && verdicts[1].ends_with("slower, but close"));
    assert!(verdicts[2..].iter().all(|verdict| verdict.ends_with("faster")), "{text}");

    let page = html(&run);
    assert_eq!(page.matches("<rect class=\"loss\"").count(), 1);
    assert_eq!(page.matches("<rect class=\"loss close\"").count(), 1);
    // The context-passing form, and three percentiles.
    assert_eq!(page.matches("<rect class=\"win\"").count(), 4);
    assert!(page.contains("<td class=\"loss\">4.00</td>"));
}

#[test]
fn a_table_has_medians_ratios_and_the_price_of_a_fork() {
    let text = table(&mixed().works[0]);
    let ours = text.lines().find(|line| line.trim().starts_with("ours ")).expect("a row of ours");
    let cells: Vec<_> = ours.split_whitespace().collect();
    // 10 ms more than the plain program for a million forks, and 10 ms at the least.
    assert_eq!(
        cells,
        ["ours", "2", "20.0", "19.5..20.5", "19.0", "21.0", "5.00", "0.50", "10.00", "10.00"]
    );
    assert!(text.contains("other processes took 25.0 %"), "{text}");
}

#[test]
fn latencies_are_compared_by_percentiles() {
    let text = table(&mixed().works[2]);
    for percentile in ["p50", "p99", "p99.9"] {
        assert!(text.contains(&format!("latency, {percentile}, µs")), "{text}");
    }
}

#[test]
fn json_gives_the_same_run_back() {
    let run = mixed();
    let json = serde_json::to_string(&run).expect("a run is plain data");
    assert_eq!(serde_json::from_str::<Run>(&json).expect("what was written can be read"), run);
}

#[test]
fn a_section_replaces_the_one_of_its_title() {
    let mut run = mixed();
    let section = |text: &str| Section {
        title: "costs".into(),
        text: text.into(),
        figures: Vec::new(),
        facts: Vec::new(),
    };
    run.include(section("old"));
    run.include(section("new"));
    let texts: Vec<_> = run.sections[1..].iter().map(|section| section.text.as_str()).collect();
    assert_eq!(texts, ["new"]);
}

#[test]
fn errors_name_the_file() {
    let error = load::<Run>(Path::new("/no/such/run.json")).expect_err("missing");
    assert!(error.contains("/no/such/run.json"), "{error}");
}
