//! Samples as a table for people and as JSON for programs.

use std::fmt::{self, Write};

use crate::{Contender, Machine, Share, Work};

/// The times of one contender with one number of workers.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which contender.
    pub contender: &'static str,
    /// How many threads computed.
    pub workers: usize,
    /// Milliseconds, in the order of the rounds.
    pub ms: Vec<f64>,
    /// What the work itself allows, in milliseconds, where that is known.
    plan: Option<f64>,
}

impl Row {
    /// A row without samples.
    pub fn new(work: &Work, contender: &Contender) -> Row {
        let plan = work.plan(contender.workers).map(|plan| plan.as_secs_f64() * 1e3);
        Row { contender: contender.name, workers: contender.workers, ms: Vec::new(), plan }
    }

    /// The shortest time, in milliseconds.
    pub fn min(&self) -> f64 {
        self.ms.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The median time, in milliseconds.
    pub fn median(&self) -> f64 {
        let mut sorted = self.ms.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
            _ => sorted[middle],
        }
    }
}

/// All contenders at one work.
#[derive(Clone, Debug)]
pub struct Table {
    name: &'static str,
    title: String,
    forks: u64,
    rows: Vec<Row>,
    share: Option<Share>,
}

const HEAD: [&str; 11] = [
    "",
    "T1 med",
    "T1 min",
    "T2 med",
    "T2 min",
    "T1/Ts",
    "med",
    "Ts/T2",
    "med",
    "ns/fork 1",
    "ns/fork 2",
];

impl Table {
    /// The table of `work`, during which others took `share` of the machine. The first row must be
    /// the serial one.
    pub fn new(work: &Work, rows: Vec<Row>, share: Option<Share>) -> Table {
        Table { name: work.name, title: work.title(), forks: work.forks(), rows, share }
    }

    fn row(&self, contender: &str, workers: usize) -> Option<&Row> {
        self.rows.iter().find(|row| row.contender == contender && row.workers == workers)
    }

    /// Wall time beyond the serial time, per fork, in nanoseconds.
    fn ns_per_fork(&self, row: &Row) -> Option<f64> {
        let serial = self.rows.first().filter(|_| self.forks > 0)?;
        Some((row.min() - serial.min()) * 1e6 / self.forks as f64)
    }

    fn line(&self, contender: &str) -> Vec<String> {
        let (one, two) = (self.row(contender, 1), self.row(contender, 2));
        let serial = self.rows.first().filter(|serial| serial.contender != contender);
        let show = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.2}"));
        let slower = |of: fn(&Row) -> f64| Some(of(one?) / of(serial?));
        let faster = |of: fn(&Row) -> f64| Some(of(serial?) / of(two?));
        // Faster than serial code: nothing to divide among the forks.
        let per_fork =
            |row: Option<&Row>| self.ns_per_fork(row?).filter(|&ns| serial.is_some() && ns >= 0.0);
        // A single lucky round does not make a good plan.
        let over_plan = |row: &Row| Some(row.median() / row.plan?);
        let mut cells = vec![
            contender.into(),
            show(one.map(Row::median)),
            show(one.map(Row::min)),
            show(two.map(Row::median)),
            show(two.map(Row::min)),
            show(slower(Row::min)),
            show(slower(Row::median)),
            show(faster(Row::min)),
            show(faster(Row::median)),
            show(per_fork(one)),
            show(per_fork(two)),
        ];
        if self.has_plan() {
            cells.extend([one, two].map(|row| show(row.and_then(over_plan))));
        }
        cells
    }

    fn has_plan(&self) -> bool {
        self.rows.iter().any(|row| row.plan.is_some())
    }

    fn json(&self) -> String {
        let number =
            |value: Option<f64>| value.map_or("null".into(), |value| format!("{value:.6}"));
        let rows = self.rows.iter().map(|row| {
            let samples: Vec<_> = row.ms.iter().map(|ms| format!("{ms:.6}")).collect();
            format!(
                "{{\"contender\": {}, \"workers\": {}, \"min_ms\": {:.6}, \"median_ms\": {:.6}, \
                 \"ns_per_fork\": {}, \"plan_ms\": {}, \"ms\": [{}]}}",
                quoted(row.contender),
                row.workers,
                row.min(),
                row.median(),
                number(self.ns_per_fork(row)),
                number(row.plan),
                samples.join(", "),
            )
        });
        format!(
            "{{\"name\": {}, \"title\": {}, \"forks\": {}, \"others\": {}, \"stolen\": {},\n     \
             \"rows\": [\n      {}\n    ]}}",
            quoted(self.name),
            quoted(&self.title),
            self.forks,
            number(self.share.map(|share| share.others)),
            number(self.share.map(|share| share.stolen)),
            rows.collect::<Vec<_>>().join(",\n      "),
        )
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.title)?;
        if self.forks > 0 {
            write!(f, ", {} forks", self.forks)?;
        }
        match self.share {
            Some(Share { others, stolen }) => {
                writeln!(
                    f,
                    "; others used {:.1} % of the machine, the host {:.1} %",
                    others * 100.0,
                    stolen * 100.0
                )?;
            }
            None => writeln!(f, "; others' use of the machine unknown")?,
        }
        let mut lines = vec![HEAD.map(String::from).to_vec()];
        if self.has_plan() {
            lines[0].extend(["T1/plan", "T2/plan"].map(String::from));
        }
        let mut contenders: Vec<_> = self.rows.iter().map(|row| row.contender).collect();
        contenders.dedup();
        lines.extend(contenders.into_iter().map(|contender| self.line(contender)));
        for line in lines {
            write!(f, "  {:8}", line[0])?;
            for cell in &line[1..] {
                write!(f, " {cell:>9}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// The whole run as one JSON object.
pub fn json(machine: &Machine, rounds: usize, tables: &[Table]) -> String {
    let crates: Vec<_> = machine
        .crates
        .iter()
        .map(|(name, version)| format!("{}: {}", quoted(name), quoted(version)))
        .collect();
    let works: Vec<_> = tables.iter().map(Table::json).collect();
    format!(
        "{{\n  \"cpu\": {},\n  \"cpus\": {},\n  \"system\": {},\n  \"rustc\": {},\n  \
         \"crates\": {{{}}},\n  \"rounds\": {rounds},\n  \"works\": [\n    {}\n  ]\n}}\n",
        quoted(&machine.cpu),
        machine.cpus,
        quoted(&machine.system),
        quoted(machine.rustc),
        crates.join(", "),
        works.join(",\n    "),
    )
}

fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                write!(out, "\\u{:04x}", c as u32).expect("a String takes whatever is written")
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_few() {
        let row = |ms: &[f64]| Row { contender: "ours", workers: 1, ms: ms.into(), plan: None };
        assert_eq!(row(&[3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(row(&[4.0, 1.0, 2.0, 3.0]).median(), 2.5);
        assert_eq!(row(&[4.0, 1.0, 2.0]).min(), 1.0);
    }

    #[test]
    fn text_in_json_is_escaped() {
        assert_eq!(quoted("a \"b\"\\\n"), r#""a \"b\"\\\u000a""#);
    }
}
