//! Where we lose, and where we win.

use super::model::{Metric, Row, Run, WorkReport};
use crate::stats::Summary;

/// One of ours beside the best of the others, at the same work with as many workers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict<'a> {
    pub(crate) work: &'a WorkReport,
    pub(crate) metric: Metric,
    pub(crate) ours: (&'a Row, Summary),
    pub(crate) best: (&'a Row, Summary),
}

impl Verdict<'_> {
    /// Our median over theirs.
    pub(crate) fn ratio(&self) -> f64 {
        self.ours.1.median / self.best.1.median
    }

    /// The plain program's median over ours.
    pub(crate) fn speed_up(&self) -> Option<f64> {
        let serial = self.work.serial()?.summary(self.metric)?;
        Some(serial.median / self.ours.1.median)
    }

    pub(crate) fn is_loss(&self) -> bool {
        self.ratio() > 1.0
    }

    /// Whether another run may turn it round: less than 1 % apart, or the middle halves of both
    /// parties' samples overlap.
    pub(crate) fn is_close(&self) -> bool {
        let (ours, best) = (self.ours.1, self.best.1);
        (self.ratio() - 1.0).abs() < 0.01 || (ours.q1 <= best.q3 && best.q1 <= ours.q3)
    }

    pub(crate) fn words(&self) -> &'static str {
        words(self.is_loss(), self.is_close())
    }
}

pub(crate) fn words(is_loss: bool, is_close: bool) -> &'static str {
    match (is_loss, is_close) {
        (true, false) => "slower",
        (true, true) => "slower, but close",
        (false, true) => "faster, but close",
        (false, false) => "faster",
    }
}

/// All verdicts of a run, the worst first.
pub(crate) fn verdicts(run: &Run) -> Vec<Verdict<'_>> {
    let mut verdicts: Vec<_> = run.works.iter().flat_map(of_work).collect();
    verdicts.sort_by(|a, b| b.ratio().total_cmp(&a.ratio()));
    verdicts
}

fn of_work(work: &WorkReport) -> Vec<Verdict<'_>> {
    let mut verdicts = Vec::new();
    for metric in work.metrics() {
        for workers in work.worker_counts() {
            let ranking = work.ranking(workers, metric);
            let Some(&best) = ranking.iter().find(|(row, _)| !row.is_ours()) else { continue };
            let ours = ranking.iter().filter(|(row, _)| row.is_ours());
            verdicts.extend(ours.map(|&ours| Verdict { work, metric, ours, best }));
        }
    }
    verdicts
}
