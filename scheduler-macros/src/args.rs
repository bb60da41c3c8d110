//! The arguments of the attributes, and the pool that they describe.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Lit, LitStr, Path, Result, Token};

const NAMES: &str = "`num_threads`, `stack_size`, `thread_name`, `pinning` or `crate`";

/// What stands in the parentheses of an attribute.
#[derive(Default)]
pub(crate) struct Args {
    num_threads: Option<Expr>,
    stack_size: Option<Expr>,
    thread_name: Option<LitStr>,
    pinning: Option<Pinning>,
    krate: Option<Path>,
}

enum Pinning {
    Auto,
    Off,
}

impl Args {
    /// An expression that builds the pool: a `Result<ThreadPool, BuildError>`.
    pub(crate) fn build(&self) -> TokenStream {
        let krate = match &self.krate {
            Some(path) => path.to_token_stream(),
            None => quote!(::scheduler),
        };
        let num_threads = self.num_threads.iter();
        let stack_size = self.stack_size.iter();
        let thread_name = self.thread_name.iter();
        let pinning = self.pinning.iter().map(|pinning| match pinning {
            Pinning::Auto => quote!(Auto),
            Pinning::Off => quote!(Off),
        });
        quote! {
            #krate::ThreadPool::builder()
                #(.num_threads(#num_threads))*
                #(.stack_size(#stack_size))*
                #(.thread_name(|__index| ::std::format!("{}-{}", #thread_name, __index)))*
                #(.pinning(#krate::Pinning::#pinning))*
                .build()
        }
    }
}

impl Parse for Args {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut args = Self::default();
        while !input.is_empty() {
            let Ok(name) = input.call(Ident::parse_any) else {
                return Err(input.error(format!("expected an argument: {NAMES}")));
            };
            let arg = Arg { name, input };
            match arg.name.to_string().as_str() {
                "num_threads" => arg.read(&mut args.num_threads, "an integer", integer)?,
                "stack_size" => arg.read(&mut args.stack_size, "an integer", integer)?,
                "thread_name" => {
                    arg.read(&mut args.thread_name, "a string literal without NUL", prefix)?
                }
                "pinning" => arg.read(&mut args.pinning, r#""auto" or "off""#, pinning)?,
                "crate" => arg.read(&mut args.krate, "a path", path)?,
                unknown => {
                    let message = format!("unknown argument `{unknown}`: expected {NAMES}");
                    return Err(Error::new(arg.name.span(), message));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(args)
    }
}

/// An argument of which the name has been read.
struct Arg<'a> {
    name: Ident,
    input: ParseStream<'a>,
}

/// A value, or where it went wrong.
type Value<T> = std::result::Result<T, Span>;

impl Arg<'_> {
    /// Reads `= value` into `slot`.
    fn read<T>(
        &self,
        slot: &mut Option<T>,
        expected: &str,
        value: fn(ParseStream<'_>) -> Value<T>,
    ) -> Result<()> {
        let Self { name, input } = self;
        let ended = || input.is_empty() || input.peek(Token![,]);
        let missing = || format!("`{name}` has no value: expected {expected} after `{name} =`");
        if slot.is_some() {
            return Err(Error::new(name.span(), format!("`{name}` is given twice")));
        }
        if ended() {
            return Err(Error::new(name.span(), missing()));
        }
        let Ok(equals) = input.parse::<Token![=]>() else {
            return Err(input.error(missing()));
        };
        if ended() {
            return Err(Error::new(equals.span(), missing()));
        }
        let wrong =
            |span| Error::new(span, format!("wrong value of `{name}`: expected {expected}"));
        *slot = Some(value(input).map_err(wrong)?);
        Ok(())
    }
}

/// An expression. Its type is left to the compiler, but for a literal that is no integer.
fn integer(input: ParseStream<'_>) -> Value<Expr> {
    let expr: Expr = parse(input)?;
    match &expr {
        Expr::Lit(ExprLit { lit, .. }) if !matches!(lit, Lit::Int(_)) => Err(lit.span()),
        _ => Ok(expr),
    }
}

fn prefix(input: ParseStream<'_>) -> Value<LitStr> {
    let prefix: LitStr = parse(input)?;
    // The builder would refuse it, but only when the program runs.
    if prefix.value().contains('\0') { Err(prefix.span()) } else { Ok(prefix) }
}

fn pinning(input: ParseStream<'_>) -> Value<Pinning> {
    let pinning: LitStr = parse(input)?;
    match pinning.value().as_str() {
        "auto" => Ok(Pinning::Auto),
        "off" => Ok(Pinning::Off),
        _ => Err(pinning.span()),
    }
}

/// `my::scheduler`, or the same as a string.
fn path(input: ParseStream<'_>) -> Value<Path> {
    if input.peek(LitStr) {
        let path: LitStr = parse(input)?;
        path.parse_with(Path::parse_mod_style).map_err(|_| path.span())
    } else {
        input.call(Path::parse_mod_style).map_err(|error| error.span())
    }
}

fn parse<T: Parse>(input: ParseStream<'_>) -> Value<T> {
    input.parse().map_err(|error| error.span())
}

#[cfg(test)]
mod test {
    use super::*;

    fn error(args: &str) -> String {
        syn::parse_str::<Args>(args).err().expect("wrong arguments").to_string()
    }

    fn build(args: &str) -> String {
        syn::parse_str::<Args>(args).expect("right arguments").build().to_string().replace(' ', "")
    }

    #[test]
    fn nothing_given_is_nothing_set() {
        assert_eq!(build(""), "::scheduler::ThreadPool::builder().build()");
    }

    #[test]
    fn every_argument_is_passed_on() {
        assert_eq!(
            build("num_threads = 2 + N, stack_size = size(), pinning = \"off\","),
            "::scheduler::ThreadPool::builder().num_threads(2+N).stack_size(size())\
             .pinning(::scheduler::Pinning::Off).build()"
        );
        assert!(build(r#"thread_name = "w""#).contains(r#"format!("{}-{}","w",__index)"#));
        assert!(build(r#"pinning = "auto""#).contains(".pinning(::scheduler::Pinning::Auto)"));
    }

    #[test]
    fn the_crate_is_a_path_or_a_string() {
        for args in ["crate = my::pool", r#"crate = "my::pool""#] {
            assert_eq!(build(args), "my::pool::ThreadPool::builder().build()");
        }
        assert_eq!(build("crate = crate"), "crate::ThreadPool::builder().build()");
    }

    #[test]
    fn errors_name_the_argument() {
        let unknown = error("threads = 4");
        assert!(unknown.starts_with("unknown argument `threads`"), "{unknown}");
        assert!(unknown.ends_with(NAMES), "{unknown}");
        assert_eq!(error("num_threads = 1, num_threads = 2"), "`num_threads` is given twice");
        for args in ["stack_size", "stack_size =", "stack_size = , crate = a", "stack_size(4)"] {
            let expected = "`stack_size` has no value: expected an integer after `stack_size =`";
            assert_eq!(error(args), expected, "{args}");
        }
        for args in ["4", "\"w\"", "= 4"] {
            assert_eq!(error(args), format!("expected an argument: {NAMES}"), "{args}");
        }
    }

    #[test]
    fn wrong_values_are_refused() {
        for (args, expected) in [
            (r#"num_threads = "4""#, "an integer"),
            ("num_threads = 4.0", "an integer"),
            ("stack_size = true", "an integer"),
            ("thread_name = 4", "a string literal without NUL"),
            (r#"thread_name = "a\0b""#, "a string literal without NUL"),
            ("thread_name = NAME", "a string literal without NUL"),
            (r#"pinning = "on""#, r#""auto" or "off""#),
            ("pinning = off", r#""auto" or "off""#),
            ("crate = 4", "a path"),
            (r#"crate = """#, "a path"),
            (r#"crate = "a b""#, "a path"),
        ] {
            let name = args.split(' ').next().expect("a name");
            assert_eq!(error(args), format!("wrong value of `{name}`: expected {expected}"));
        }
    }

    #[test]
    fn arguments_are_separated_by_commas() {
        assert_eq!(error("num_threads = 4 stack_size = 5"), "expected `,`");
    }
}
