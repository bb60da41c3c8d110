//! `join!`: any number of branches.

/// Runs any number of closures, in parallel if other workers have the time, and returns their
/// values as one flat tuple.
///
/// The branches are forked as a tree: *n* of them cost *n* - 1 forks, ⌈log₂ *n*⌉ deep. The
/// closure expressions are evaluated from left to right before anything runs. A single branch is
/// just called, on the calling thread. Otherwise as [`join`](crate::join()), also on a worker.
///
/// # Panics
///
/// As [`join`](crate::join()): after all branches have ended, with the panic of the leftmost
/// branch that panicked. Branches that nobody had begun are dropped unrun.
///
/// # Examples
///
/// ```
/// let words = ["fork", "join", "steal"];
/// let (a, b, c) = scheduler::join!(
///     || words[0].len(),
///     || words[1].to_uppercase(),
///     || words[2].starts_with('s'),
/// );
/// assert_eq!((a, b.as_str(), c), (4, "JOIN", true));
///
/// assert_eq!(scheduler::join!(|| 1), (1,));
/// ```
#[macro_export]
macro_rules! join {
    ($($branch:expr),+ $(,)?) => { $crate::__join_tree!(@bind [] $($branch,)+) };
}

/// Builds the tree of [`join!`](crate::join!). A node is `{ pattern = values; closure }`.
#[doc(hidden)]
#[macro_export]
macro_rules! __join_tree {
    // Each branch becomes a leaf. A new expansion each time, so `closure` and `value` are new
    // names each time.
    (@bind [$($leaf:tt)*] $branch:expr, $($rest:tt)*) => {{
        let closure = $branch;
        $crate::__join_tree!(@bind [$($leaf)* {value = value; closure}] $($rest)*)
    }};
    (@bind [$($leaf:tt)*]) => { $crate::__join_tree!(@pair [] $($leaf)*) };

    // One node: done.
    (@pair [] {$pattern:pat = $($value:ident),+; $closure:expr}) => {{
        let $pattern = $closure();
        ($($value,)+)
    }};
    // A level is done: the next one.
    (@pair [$($node:tt)+]) => { $crate::__join_tree!(@pair [] $($node)+) };
    // An odd one out goes up as it is.
    (@pair [$($node:tt)+] $last:tt) => { $crate::__join_tree!(@pair [] $($node)+ $last) };
    // Two neighbours become one.
    (@pair [$($node:tt)*]
        {$p1:pat = $($v1:ident),+; $c1:expr} {$p2:pat = $($v2:ident),+; $c2:expr} $($rest:tt)*
    ) => {
        $crate::__join_tree!(@pair
            [$($node)* {($p1, $p2) = $($v1),+, $($v2),+; move || $crate::join($c1, $c2)}]
            $($rest)*)
    };
}
