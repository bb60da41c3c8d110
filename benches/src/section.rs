//! A part of a report: text, plots and facts, for whoever lays them out.

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

/// One subject of a report.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// What was done, and what it does not show.
    pub text: String,
    /// The plots.
    pub figures: Vec<Figure>,
    /// The tables.
    pub facts: Vec<Facts>,
}

/// A plot.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Figure {
    /// The heading.
    pub title: String,
    /// What to know when reading it.
    pub note: String,
    /// What is on the horizontal axis.
    pub x_label: String,
    /// What is on the vertical axis.
    pub y_label: String,
    /// Whether the horizontal axis is logarithmic.
    pub log_x: bool,
    /// Whether the vertical axis is logarithmic.
    pub log_y: bool,
    /// The lines.
    pub series: Vec<Series>,
}

/// A line of a plot.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Series {
    /// Whose it is.
    pub name: String,
    /// In the order of `x`.
    pub points: Vec<(f64, f64)>,
}

/// A table of two columns.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Facts {
    /// The heading.
    pub title: String,
    /// Names and values.
    pub rows: Vec<(String, String)>,
}

/// The figures as tables, one line for each series.
impl Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}", self.title, self.text)?;
        for facts in &self.facts {
            writeln!(f, "\n{}", facts.title)?;
            for (name, value) in &facts.rows {
                writeln!(f, "  {name}: {value}")?;
            }
        }
        self.figures.iter().try_for_each(|figure| write!(f, "\n{figure}"))
    }
}

impl Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({})", self.title, self.y_label)?;
        if !self.note.is_empty() {
            writeln!(f, "  {}", self.note)?;
        }
        let mut columns: Vec<_> =
            self.series.iter().flat_map(|series| &series.points).map(|&(x, _)| x).collect();
        columns.sort_by(f64::total_cmp);
        columns.dedup();
        write!(f, "  {:28}", self.x_label)?;
        columns.iter().try_for_each(|x| write!(f, " {x:>10}"))?;
        writeln!(f)?;
        for Series { name, points } in &self.series {
            write!(f, "  {name:28}")?;
            for column in &columns {
                match points.iter().find(|(x, _)| x == column) {
                    Some((_, y)) => write!(f, " {y:>10.3}")?,
                    None => write!(f, " {:>10}", "-")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_prints_a_column_for_each_x() {
        let line =
            |name: &str, points: &[(f64, f64)]| Series { name: name.into(), points: points.into() };
        let series = vec![line("a", &[(1.0, 5.0), (2.0, 6.0)]), line("b", &[(2.0, 7.0)])];
        let printed = Figure { x_label: "cores".into(), series, ..Figure::default() }.to_string();
        let cells: Vec<Vec<_>> =
            printed.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(cells, [["cores", "1", "2"], ["a", "5.000", "6.000"], ["b", "-", "7.000"]]);
    }
}
