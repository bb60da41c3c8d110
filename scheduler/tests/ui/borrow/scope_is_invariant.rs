// A scope cannot pass for one that ends earlier: it would take borrows that end before it does.

use scheduler::Scope;

fn shorten_scope<'long: 'short, 'short>(
    s: &'long Scope<'long, 'static>,
) -> &'short Scope<'short, 'static> {
    s
}

fn shorten_environment<'scope, 'long: 'short, 'short: 'scope>(
    s: &'scope Scope<'scope, 'long>,
) -> &'scope Scope<'scope, 'short> {
    s
}

fn main() {}
