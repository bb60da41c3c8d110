//! The attribute macros of `scheduler`: [`macro@main`] and [`macro@test`].
//!
//! Use them as `#[scheduler::main]` and `#[scheduler::test]`, with the feature `macros` of
//! `scheduler`; this crate need not be named. Both build a pool, run the function's body on one of its
//! workers, and shut the pool down.
//!
//! ```
//! #[scheduler::main(num_threads = 2)]
//! fn main() {
//!     let (a, b) = scheduler::join(|| 6 * 7, || scheduler::current_num_threads());
//!     assert_eq!((a, b), (42, 2));
//! }
//! ```

mod args;
mod expand;
mod function;

use expand::Entry;
use proc_macro::TokenStream;

/// Runs the body of `fn main()` on a pool, and shuts the pool down before `main` returns.
///
/// The shutdown waits for everything that was spawned on the pool. It also does so if the body
/// panics; the panic then ends `main`, as it would without the attribute.
///
/// If the pool cannot be built, the program prints one line to stderr that says why, and exits
/// with code 1.
///
/// The pool is the current one inside, so that `scheduler::spawn` and the like use it. It is not the
/// global one: threads that the body starts by other means, and closures on an `Elastic` pool, have that.
///
/// # Errors
///
/// An argument that is unknown, given twice or of the wrong kind, and a function that is `async`, generic or
/// has parameters, are compile errors at the place of the mistake.
///
/// # The return type
///
/// It is kept: `()`, `ExitCode`, a `Result`, or whatever else `main` may return. The body runs
/// on a worker, so the value has to be [`Send`]: `Result<(), Box<dyn Error + Send + Sync>>`
/// compiles, `Result<(), Box<dyn Error>>` does not.
///
/// # The thread
///
/// The body does not run on the process's main thread. What insists on that one, such as the
/// event loop of a window system, needs a plain `main` with a pool of its own.
///
/// A worker may be bound to a core, and threads that the body starts by other means inherit that:
/// they would all share this core. `pinning = "off"` leaves them free.
///
#[doc = include_str!("arguments.md")]
///
/// # Examples
///
/// ```
/// #[scheduler::main]
/// fn main() {
///     let (a, b) = scheduler::join(|| 1 + 1, || 2 + 2);
///     println!("{a} {b}");
/// }
/// ```
///
/// With options, and a return type:
///
/// ```
/// #[scheduler::main(num_threads = 4, stack_size = 16 << 20, thread_name = "crunch")]
/// fn main() -> Result<(), std::num::ParseIntError> {
///     let limit: u64 = std::env::args().nth(1).unwrap_or("100".into()).parse()?;
///     let (low, high) = scheduler::join(
///         || (0..limit / 2).sum::<u64>(),
///         || (limit / 2..limit).sum::<u64>(),
///     );
///     println!("{}", low + high);
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Entry::Main, args.into(), item.into()).into()
}

/// Makes a function a test whose body runs on a pool of its own.
///
/// The pool is built when the test starts and shut down when it ends, so tests share no workers.
/// Unless `num_threads` says otherwise it has the default number of workers.
///
/// A panic of the body is that of the test, with the same payload; so `#[should_panic]` works,
/// as do `#[ignore]` and all other attributes. The return type is kept; the value has to be
/// [`Send`], since it comes from a worker.
///
/// If the pool cannot be built, the test panics with the reason. A `#[should_panic]` that expects
/// no message is content with that.
///
/// The function must not have `#[test]` as well. That is an error if it stands below; above, where
/// a macro cannot see it, it makes the test run twice.
///
#[doc = include_str!("arguments.md")]
///
/// # Examples
///
/// ```
/// #[scheduler::test(num_threads = 2)]
/// fn two_workers() {
///     assert_eq!(scheduler::current_num_threads(), 2);
/// }
///
/// #[scheduler::test]
/// #[should_panic(expected = "left")]
/// fn a_panic_of_a_branch() {
///     scheduler::join(|| panic!("left"), || ());
/// }
/// ```
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Entry::Test, args.into(), item.into()).into()
}
