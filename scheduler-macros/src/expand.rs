//! What the attributes turn a function into.

use crate::args::Args;
use crate::function::Function;
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use std::fmt;
use syn::spanned::Spanned;
use syn::{Error, ReturnType, parse2};

/// Which attribute it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Main,
    Test,
}

impl Entry {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#[scheduler::{}]", self.name())
    }
}

pub(crate) fn expand(entry: Entry, args: TokenStream, item: TokenStream) -> TokenStream {
    let Ok(function) = parse2::<Function>(item.clone()) else {
        let message = format!("`{entry}` goes on a function with a body");
        let error = Error::new_spanned(&item, message).into_compile_error();
        return quote!(#error #item);
    };
    let mut errors = function.check(entry);
    let rest = if errors.is_empty() {
        item
    } else {
        // A function of this name, so that the compiler misses none; but not this one, in which
        // it would find the same errors again.
        let (vis, name) = (&function.vis, &function.sig.ident);
        quote!(#vis fn #name() {})
    };
    match parse2::<Args>(args) {
        Ok(args) if errors.is_empty() => return run_on_pool(entry, &args, &function),
        Ok(_) => {}
        Err(error) => errors.insert(0, error),
    }
    let errors = errors.into_iter().map(Error::into_compile_error);
    quote!(#(#errors)* #rest)
}

fn run_on_pool(entry: Entry, args: &Args, function: &Function) -> TokenStream {
    let Function { attrs, vis, sig, body } = function;
    let name = &sig.ident;
    let build = args.build();
    let test = (entry == Entry::Test).then(|| quote!(#[::core::prelude::v1::test]));
    let give_up = match entry {
        Entry::Main => quote! {{
            ::std::eprintln!("error: cannot build the thread pool of `main`: {}", __error);
            ::std::process::exit(1)
        }},
        Entry::Test => quote! {
            ::std::panic!("cannot build the thread pool of this test: {}", __error)
        },
    };
    // A value that is not `Send` is an error of the call: it belongs where the type is.
    let at_output = match &sig.output {
        ReturnType::Default => Span::call_site(),
        ReturnType::Type(_, output) => output.span().resolved_at(Span::call_site()),
    };
    let install = quote_spanned!(at_output=> install);
    // The body becomes a function, since a closure cannot return `impl Trait`; and of the same
    // name, so that no other name is shadowed in it.
    quote! {
        #test
        #(#attrs)*
        #vis #sig {
            #sig #body

            let __pool = match #build {
                ::core::result::Result::Ok(__pool) => __pool,
                ::core::result::Result::Err(__error) => #give_up,
            };
            __pool.#install(#name)
        }
    }
}
