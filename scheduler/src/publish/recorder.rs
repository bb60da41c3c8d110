//! The one place that speaks to the recorder.

use metrics::{Key, KeyName, Label, Level, Metadata, Recorder, SharedString, Unit};

const METADATA: Metadata<'static> =
    Metadata::new("scheduler", Level::INFO, Some("scheduler::publish"));

/// A figure that only grows, of a snapshot of type `S`.
pub(super) struct Counter<S> {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) label: Option<(&'static str, &'static str)>,
    pub(super) of: fn(&S) -> u64,
}

/// A figure that goes up and down.
pub(super) struct Gauge<S> {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) of: fn(&S) -> usize,
}

/// The recorder, and the labels that all of a snapshot's figures have.
pub(super) struct Publication<'a> {
    recorder: &'a dyn Recorder,
    labels: Vec<Label>,
}

impl<'a> Publication<'a> {
    /// Under that label: of the calling thread's recorder, else of the process's.
    pub(super) fn with(key: &'static str, name: &str, publish: impl FnOnce(&Publication<'_>)) {
        metrics::with_recorder(|recorder| {
            publish(&Publication { recorder, labels: vec![Label::new(key, name.to_owned())] });
        });
    }

    /// With one label more.
    pub(super) fn labelled(&self, key: &'static str, value: impl Into<SharedString>) -> Self
    where
        Self: 'a,
    {
        let mut labels = self.labels.clone();
        labels.push(Label::new(key, value));
        Publication { recorder: self.recorder, labels }
    }

    pub(super) fn counters<S>(&self, counters: &[Counter<S>], snapshot: &S) {
        for Counter { name, help, label, of } in counters {
            let key = match label {
                Some((key, value)) => self.labelled(key, *value).key(name),
                None => self.key(name),
            };
            let name = KeyName::from_const_str(name);
            self.recorder.describe_counter(name, Some(Unit::Count), (*help).into());
            self.recorder.register_counter(&key, &METADATA).absolute(of(snapshot));
        }
    }

    pub(super) fn gauges<S>(&self, gauges: &[Gauge<S>], snapshot: &S) {
        for Gauge { name, help, of } in gauges {
            self.describe_gauge(name, Unit::Count, help);
            self.gauge(name, of(snapshot) as f64);
        }
    }

    pub(super) fn describe_gauge(&self, name: &'static str, unit: Unit, help: &'static str) {
        self.recorder.describe_gauge(KeyName::from_const_str(name), Some(unit), help.into());
    }

    pub(super) fn gauge(&self, name: &'static str, value: f64) {
        self.recorder.register_gauge(&self.key(name), &METADATA).set(value);
    }

    fn key(&self, name: &'static str) -> Key {
        Key::from_parts(name, self.labels.clone())
    }
}
