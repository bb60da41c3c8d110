//! The function that an attribute stands on: its parts, and what it may be.

use crate::expand::Entry;
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Attribute, Error, Result, ReturnType, Safety, Signature, Visibility};

/// A function, of which the body is not looked at: errors in it are the compiler's to report.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    sig: Signature,
    pub(crate) body: proc_macro2::Group,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        Ok(Self {
            attrs: input.call(Attribute::parse_outer)?,
            vis: input.parse()?,
            sig: input.parse()?,
            body: input.parse()?,
        })
    }
}

impl Function {
    pub(crate) fn name(&self) -> &Ident {
        &self.sig.ident
    }

    pub(crate) fn output(&self) -> &ReturnType {
        &self.sig.output
    }

    /// Everything about the function that does not fit `entry`.
    pub(crate) fn check(&self, entry: Entry) -> Result<()> {
        let Signature { constness, asyncness, safety, abi, ident, generics, .. } = &self.sig;
        let mut errors = Errors(None);
        let wanted = format!("expected `fn {}()`", entry.function_name().unwrap_or(&ident));

        Ok(())
    }
}
