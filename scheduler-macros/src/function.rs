//! The function that an attribute stands on: its parts, and what it may be.

use crate::expand::Entry;
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Result, Safety, Signature, Token, Visibility};

/// A function with a body, which is not looked into: what is wrong there is the compiler's to
/// report.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let (vis, sig) = (input.parse()?, input.parse()?);
        if input.peek(Token![;]) {
            return Err(input.error("expected a body"));
        }
        Ok(Self { attrs, vis, sig, body: input.parse()? })
    }
}

impl Function {
    /// One error for each thing about the function that does not fit `entry`.
    pub(crate) fn check(&self, entry: Entry) -> Vec<Error> {
        let Signature { constness, asyncness, safety, abi, ident, generics, inputs, .. } =
            &self.sig;
        let (wanted, twice) = match entry {
            Entry::Main => ("main".into(), "starts a pool already"),
            Entry::Test => (ident.to_string(), "makes this a test already"),
        };
        let mut errors = Vec::new();
        for attr in &self.attrs {
            if attr.path().segments.last().is_some_and(|last| last.ident == entry.name()) {
                let message = format!("`{entry}` {twice}: remove this attribute");
                errors.push(Error::new_spanned(attr, message));
            }
        }
        // What is not there has no tokens.
        let mut refuse = |tokens: &dyn ToTokens, why: &str| {
            if !tokens.to_token_stream().is_empty() {
                let message = format!("`{entry}` {why}: expected `fn {wanted}()`");
                errors.push(Error::new_spanned(tokens, message));
            }
        };
        refuse(constness, "cannot run a `const fn`");
        refuse(asyncness, "cannot run an `async fn`");
        if let Safety::Unsafe(token) = safety {
            refuse(token, "cannot run an `unsafe fn`");
        }
        refuse(abi, "cannot run an `extern fn`");
        if entry == Entry::Main && ident != "main" {
            refuse(ident, "is for the program's entry only");
        }
        refuse(generics, "cannot run a generic function");
        match self.sig.receiver() {
            Some(receiver) => refuse(receiver, "cannot run a method"),
            None => refuse(inputs, "has no arguments to pass"),
        }
        refuse(&generics.where_clause, "cannot run a function with a `where` clause");
        errors
    }
}
