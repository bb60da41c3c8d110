//! A subscriber of `tracing` that knows which spans there are, where each thread is, and what may not
//! happen: a span that is entered when it is closed, left without having been entered, closed twice.

use crate::support::sync::{Arc, Mutex};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_core::span::Current;

/// One span, as far as it has come.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    pub(crate) parent: Option<u64>,
    /// `key=value `, one after another.
    pub(crate) fields: String,
    /// How often it has been entered.
    pub(crate) enters: usize,
    /// On how many stacks it is.
    pub(crate) inside: usize,
    references: usize,
    metadata: &'static Metadata<'static>,
}

impl Span {
    pub(crate) fn is_closed(&self) -> bool {
        self.references == 0
    }
}

#[derive(Debug)]
struct Told {
    level: LevelFilter,
    spans: BTreeMap<u64, Span>,
    /// Names of events, and where.
    events: Vec<(String, Vec<&'static str>)>,
    errors: Vec<String>,
}

/// Clones are the same subscriber.
#[derive(Clone, Debug)]
pub(crate) struct Recorder(Arc<Mutex<Told>>, u64);

thread_local! {
    /// The spans that the thread is in: of which recorder, and their numbers.
    static STACK: RefCell<Vec<(u64, u64)>> = const { RefCell::new(Vec::new()) };
    /// Where the thread's last event was.
    static LAST: RefCell<Option<(u64, Vec<&'static str>)>> = const { RefCell::new(None) };
}

impl Recorder {
    /// What is less important than `level` does not interest it.
    pub(crate) fn new(level: LevelFilter) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let (spans, events, errors) = Default::default();
        let told = Told { level, spans, events, errors };
        Self(Arc::new(Mutex::new(told)), NUMBER.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn spans(&self) -> BTreeMap<u64, Span> {
        self.0.lock().unwrap().spans.clone()
    }

    pub(crate) fn get(&self, span: &tracing::Span) -> Span {
        self.spans()[&span.id().expect("it is enabled").into_u64()].clone()
    }

    /// The spans below that one.
    pub(crate) fn below(&self, span: &tracing::Span) -> Vec<Span> {
        let top = span.id().expect("it is enabled").into_u64();
        let spans = self.spans();
        let is_below = |mut number: u64| {
            while let Some(parent) = spans[&number].parent {
                if parent == top {
                    return true;
                }
                number = parent;
            }
            false
        };
        spans
            .iter()
            .filter(|(number, _)| is_below(**number))
            .map(|(_, span)| span.clone())
            .collect()
    }

    pub(crate) fn events(&self) -> Vec<(String, Vec<&'static str>)> {
        self.0.lock().unwrap().events.clone()
    }

    #[track_caller]
    pub(crate) fn no_errors(&self) {
        assert_eq!(self.0.lock().unwrap().errors, [""; 0]);
    }

    fn top(&self) -> Option<u64> {
        let is_mine = |&&(of, _): &&(u64, u64)| of == self.1;
        STACK.with_borrow(|stack| stack.iter().rev().find(is_mine).map(|&(_, number)| number))
    }

    /// The names of a span and of those above it, outermost first.
    fn path(&self, number: Option<u64>) -> Vec<&'static str> {
        let told = self.0.lock().unwrap();
        let mut path = Vec::new();
        let mut next = number;
        while let Some(number) = next {
            path.push(told.spans[&number].name);
            next = told.spans[&number].parent;
        }
        path.reverse();
        path
    }

    fn release(told: &mut Told, number: u64) -> bool {
        let span = told.spans.get_mut(&number).expect("there is such a span");
        if span.references == 0 {
            told.errors.push(format!("{} is closed twice", span.name));
            return false;
        }
        span.references -= 1;
        if span.references > 0 {
            return false;
        }
        if span.inside > 0 {
            told.errors.push(format!("{} is closed, and somebody is in it", span.name));
        }
        if let Some(parent) = span.parent {
            Self::release(told, parent);
        }
        true
    }
}

/// Where an event here and now is: the names of its spans in the subscriber that it goes to, outermost
/// first. `None`: it goes to none.
pub(crate) fn path() -> Option<Vec<&'static str>> {
    path_and_recorder().map(|(_, path)| path)
}

/// The same, and the number of that subscriber.
pub(crate) fn path_and_recorder() -> Option<(u64, Vec<&'static str>)> {
    LAST.with_borrow_mut(Option::take);
    tracing::info!("probe");
    LAST.with_borrow_mut(Option::take)
}

impl Recorder {
    pub(crate) fn number(&self) -> u64 {
        self.1
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.0.lock().unwrap().level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.0.lock().unwrap().level)
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let parent = match attributes.parent() {
            Some(parent) => Some(parent.into_u64()),
            None if attributes.is_contextual() => self.top(),
            None => None,
        };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let mut told = self.0.lock().unwrap();
        if let Some(parent) = parent {
            match told.spans.get_mut(&parent).filter(|parent| parent.references > 0) {
                Some(parent) => parent.references += 1,
                None => told.errors.push(format!("no parent {parent}")),
            }
        }
        let metadata = attributes.metadata();
        let span = Span {
            name: metadata.name(),
            target: metadata.target(),
            parent,
            fields: fields.0,
            enters: 0,
            inside: 0,
            references: 1,
            metadata,
        };
        let number = told.spans.len() as u64 + 1;
        told.spans.insert(number, span);
        Id::from_u64(number)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let number = match event.parent() {
            Some(parent) => Some(parent.into_u64()),
            None if event.is_contextual() => self.top(),
            None => None,
        };
        let path = self.path(number);
        let mut fields = Fields::default();
        event.record(&mut fields);
        LAST.set(Some((self.1, path.clone())));
        self.0.lock().unwrap().events.push((fields.0, path));
    }

    fn enter(&self, id: &Id) {
        let number = id.into_u64();
        STACK.with_borrow_mut(|stack| stack.push((self.1, number)));
        let mut told = self.0.lock().unwrap();
        let span = told.spans.get_mut(&number).expect("there is such a span");
        span.enters += 1;
        span.inside += 1;
        if span.is_closed() {
            let error = format!("{} is entered after it has been closed", span.name);
            told.errors.push(error);
        }
    }

    fn exit(&self, id: &Id) {
        let number = id.into_u64();
        let place = |stack: &mut Vec<(u64, u64)>| {
            let place = stack.iter().rposition(|&entry| entry == (self.1, number))?;
            Some(stack.remove(place))
        };
        let was_there = STACK.with_borrow_mut(place).is_some();
        let mut told = self.0.lock().unwrap();
        let span = told.spans.get_mut(&number).expect("there is such a span");
        if was_there {
            span.inside -= 1;
        } else {
            let error = format!("{} is left by a thread that is not in it", span.name);
            told.errors.push(error);
        }
    }

    fn clone_span(&self, id: &Id) -> Id {
        let mut told = self.0.lock().unwrap();
        let span = told.spans.get_mut(&id.into_u64()).expect("there is such a span");
        span.references += 1;
        if span.references == 1 {
            let error = format!("{} is held after it has been closed", span.name);
            told.errors.push(error);
        }
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        Self::release(&mut self.0.lock().unwrap(), id.into_u64())
    }

    fn current_span(&self) -> Current {
        match self.top() {
            Some(number) => {
                let metadata = self.0.lock().unwrap().spans[&number].metadata;
                Current::new(Id::from_u64(number), metadata)
            }
            None => Current::none(),
        }
    }
}

#[derive(Default)]
struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{}={value:?} ", field.name()).expect("a String takes everything");
    }
}
