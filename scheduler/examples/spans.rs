//! Sorts random numbers by merging, with a span for each part, and prints the tree of spans: it is that of the
//! calls, whichever worker ran which part. Exit code 1 if it is not.
//!
//! ```text
//! cargo run --release --features tracing --example spans -- [--threads W] [--quick | N]
//! ```
//!
//! The tree is kept by a layer of `tracing-subscriber`. What a program would rather have, a log or a file for
//! a timeline, is a layer as well (`fmt`, `tracing-chrome`), and sees the same spans.

mod args;
mod random;

use scheduler::{current_thread_index, join};
use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Subscriber, info_span};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

fn main() -> ExitCode {
    // Before the pool is built, so that its workers have spans as well.
    let tree = Tree::default();
    let subscriber = tracing_subscriber::registry().with(tree.clone());
    tracing::subscriber::set_global_default(subscriber).expect("there is no other");
    let (n, pool) = args::parse(&args::Spec {
        name: "spans",
        about: "Sorts N random numbers, and prints the tree of its spans.",
        range: 16..=1 << 28,
        default: 4_000_000,
        quick: 40_000,
    });
    let mut numbers = random::numbers(n);
    let mut expected = numbers.clone();

    let program = info_span!("program", numbers = n);
    let leaf = n.div_ceil(16);
    let sorted = program.in_scope(|| {
        let handle = pool.spawn(move || {
            merge_sort(&mut numbers, 0, leaf);
            numbers
        });
        handle.join()
    });
    expected.sort_unstable();
    let sorted = sorted.is_ok_and(|numbers| numbers == expected);
    // Its workers' spans end here.
    drop(pool);

    let spans = std::mem::take(&mut *tree.0.lock().unwrap());
    let program = program.id().expect("it is enabled").into_u64();
    print_below(&spans, program, 0);
    let elsewhere = spans.values().filter(|span| is_elsewhere(&spans, span)).count();
    let right = is_tree_of_calls(&spans, program, n, leaf);
    println!("on another worker than the part around it  {elsewhere:>5}");
    println!("sorted                                     {:>5}", if sorted { "yes" } else { "NO" });
    println!("the tree is that of the calls              {:>5}", if right { "yes" } else { "NO" });
    ExitCode::from(u8::from(!(sorted && right)))
}

/// Sorts what begins at `from` in the whole, down to pieces of `leaf` numbers.
fn merge_sort(numbers: &mut [u64], from: usize, leaf: usize) {
    let _entered = info_span!("sort", from, len = numbers.len()).entered();
    if numbers.len() <= leaf {
        return numbers.sort_unstable();
    }
    let middle = numbers.len() / 2;
    let (left, right) = numbers.split_at_mut(middle);
    join(|| merge_sort(left, from, leaf), || merge_sort(right, from + middle, leaf));
    let merged = info_span!("merge").in_scope(|| merge(left, right));
    numbers.copy_from_slice(&merged);
}

fn merge(left: &[u64], right: &[u64]) -> Vec<u64> {
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if a <= b { left.next() } else { right.next() };
        merged.extend(next);
    }
    merged.extend(left.chain(right));
    merged
}

/// A layer that keeps all spans, by their numbers.
#[derive(Clone, Default)]
struct Tree(Arc<Mutex<BTreeMap<u64, Span>>>);

struct Span {
    name: &'static str,
    fields: BTreeMap<&'static str, String>,
    parent: Option<u64>,
    /// Who entered it first, if that was a worker.
    worker: Option<Option<usize>>,
    /// The order in which they were made.
    number: usize,
}

impl<S> Layer<S> for Tree
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let parent = context.span(id).and_then(|span| Some(span.parent()?.id().into_u64()));
        let name = attributes.metadata().name();
        let mut spans = self.0.lock().unwrap();
        let number = spans.len();
        let span = Span { name, fields: fields.0, parent, worker: None, number };
        spans.insert(id.into_u64(), span);
    }

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        if let Some(span) = self.0.lock().unwrap().get_mut(&id.into_u64()) {
            span.worker.get_or_insert(current_thread_index());
        }
    }
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

type Spans = BTreeMap<u64, Span>;

/// The spans that have that one as their parent, in the order in which they were made.
fn children(spans: &Spans, parent: u64) -> Vec<(u64, &Span)> {
    let of = spans.iter().filter(|(_, span)| span.parent == Some(parent));
    let mut children: Vec<_> = of.map(|(&id, span)| (id, span)).collect();
    children.sort_by_key(|(_, span)| span.number);
    children
}

fn print_below(spans: &Spans, id: u64, depth: usize) {
    let span = &spans[&id];
    let mut line = format!("{:indent$}{}", "", span.name, indent = 2 * depth);
    for (key, value) in &span.fields {
        write!(line, " {key}={value}").expect("a String takes everything");
    }
    let worker = span.worker.flatten().map_or("-".to_owned(), |worker| worker.to_string());
    println!("{line:<72} worker {worker}");
    for (child, _) in children(spans, id) {
        print_below(spans, child, depth + 1);
    }
}

fn is_elsewhere(spans: &Spans, span: &Span) -> bool {
    let parent = span.parent.and_then(|parent| spans[&parent].worker);
    span.name == "sort" && span.worker != parent
}

/// Below the program the one spawned task, and below that the parts, as they were forked.
fn is_tree_of_calls(spans: &Spans, program: u64, n: usize, leaf: usize) -> bool {
    let [(task, span)] = children(spans, program)[..] else { return false };
    let [(top, _)] = children(spans, task)[..] else { return false };
    span.name == "task" && is_part(spans, top, 0, n, leaf)
}

fn is_part(spans: &Spans, id: u64, from: usize, len: usize, leaf: usize) -> bool {
    let span = &spans[&id];
    let is = |key, value: usize| span.fields.get(key) == Some(&value.to_string());
    if span.name != "sort" || !is("from", from) || !is("len", len) {
        return false;
    }
    let mut below = children(spans, id);
    if len <= leaf {
        return below.is_empty();
    }
    let middle = len / 2;
    // Whoever was faster is the first; the merge comes last.
    below.sort_by_key(|(_, span)| {
        (span.name == "merge", span.fields.get("from") != Some(&from.to_string()))
    });
    let [(left, _), (right, _), (_, last)] = below[..] else { return false };
    last.name == "merge"
        && is_part(spans, left, from, middle, leaf)
        && is_part(spans, right, from + middle, len - middle, leaf)
}
