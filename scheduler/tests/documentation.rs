//! What is public is documented, by a scan of `scheduler/src` beside the lints `missing_docs` and
//! `missing_errors_doc`:
//!
//! 1. every public function, type and macro has an example;
//! 2. its sections are those of [`SECTIONS`], in that order, behind whatever others it has;
//! 3. what a feature adds shows so on docs.rs, and every feature is in `lib.rs`'s table and has its comment in
//!    `Cargo.toml`.
//!
//! rustdoc's own coverage, which the gate asks nightly for, leaves out the methods of types in private
//! modules: here that is nearly all of them. The last part of this file shows that each rule can fail.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, mem};
use syn::{Attribute, Expr, ImplItem, Item, Lit, Meta, Type, Visibility};

/// The sections that a function can have, in their order.
const SECTIONS: [&str; 5] = ["Errors", "Panics", "Cancellation", "On a worker", "Examples"];

/// The seam is public for the checkers alone, but for this file.
const SEAM: &str = "sync/";
const OF_THE_SEAM: &str = "sync/asymmetric.rs";

#[test]
fn what_is_public_has_examples_and_badges() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = read_sources(&root.join("src"));
    assert!(sources.len() > 50, "only {} files were scanned: the walk is broken", sources.len());
    let mut scan = Scan::default();
    for (name, text) in &sources {
        scan.file(name, text);
    }
    assert!(scan.functions > 200, "only {} functions were found", scan.functions);
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("Cargo.toml");
    check_features(&manifest, &sources["lib.rs"], &mut scan.complaints);
    assert!(scan.complaints.is_empty(), "to put right:\n  {}\n", scan.complaints.join("\n  "));
}

/// Every `.rs` file under `root` that may have public items: its path from there, with forward slashes, and
/// its text.
fn read_sources(root: &Path) -> BTreeMap<String, String> {
    let mut sources = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("an entry of the folder").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inside = path.strip_prefix(root).expect("the walk starts at root");
            let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
            let name = parts.join("/");
            if name.ends_with(".rs") && (!name.starts_with(SEAM) || name == OF_THE_SEAM) {
                let text = fs::read_to_string(&path);
                sources.insert(name, text.unwrap_or_else(|e| panic!("{}: {e}", path.display())));
            }
        }
    }
    sources
}

// ---- The rules

#[derive(Default)]
struct Scan {
    functions: usize,
    complaints: Vec<String>,
}

impl Scan {
    fn file(&mut self, name: &str, text: &str) {
        let file = syn::parse_file(text).unwrap_or_else(|e| panic!("src/{name}: {e}"));
        self.items(name, &file.items);
    }

    fn items(&mut self, file: &str, items: &[Item]) {
        for item in items {
            self.item(file, item);
        }
    }

    fn item(&mut self, file: &str, item: &Item) {
        let (attrs, vis, what) = match item {
            Item::Fn(item) => (&item.attrs, Some(&item.vis), item.sig.ident.to_string()),
            Item::Struct(item) => (&item.attrs, Some(&item.vis), item.ident.to_string()),
            Item::Enum(item) => (&item.attrs, Some(&item.vis), item.ident.to_string()),
            Item::Type(item) => (&item.attrs, Some(&item.vis), item.ident.to_string()),
            Item::Trait(item) => (&item.attrs, Some(&item.vis), item.ident.to_string()),
            Item::Use(item) => (&item.attrs, Some(&item.vis), "a `pub use`".to_owned()),
            // rustdoc passes a module's condition on to what is in it.
            Item::Mod(item) => (&item.attrs, Some(&item.vis), format!("mod {}", item.ident)),
            Item::Impl(item) => (&item.attrs, None, format!("an `impl` of {}", of(&item.self_ty))),
            Item::Macro(item) => {
                let name = item.ident.as_ref().map(ToString::to_string).unwrap_or_default();
                if has(&item.attrs, "macro_export") && !is_hidden(&item.attrs) {
                    self.docs(file, &format!("{name}!"), &item.attrs);
                }
                return;
            }
            _ => return,
        };
        if conditions(attrs).any(|condition| is_for_tests(&condition)) {
            return;
        }
        if vis.is_none_or(is_public) {
            self.badge(file, &what, attrs);
        }
        match item {
            Item::Mod(item) => {
                let items = item.content.as_ref().map(|(_, items)| items.as_slice());
                self.items(file, items.unwrap_or_default());
            }
            Item::Impl(item) if item.trait_.is_none() => {
                for member in &item.items {
                    if let ImplItem::Fn(method) = member
                        && is_public(&method.vis)
                    {
                        let what = format!("{}::{}", of(&item.self_ty), method.sig.ident);
                        self.badge(file, &what, &method.attrs);
                        self.functions += 1;
                        self.docs(file, &what, &method.attrs);
                    }
                }
            }
            Item::Impl(_) | Item::Use(_) => {}
            _ if vis.is_none_or(is_public) => {
                self.functions += usize::from(matches!(item, Item::Fn(_)));
                self.docs(file, &what, attrs);
            }
            _ => {}
        }
    }

    fn docs(&mut self, file: &str, what: &str, attrs: &[Attribute]) {
        let docs = documentation(attrs);
        if !docs.contains("```") {
            self.complaints.push(format!("src/{file}: {what} has no example"));
        }
        let mut is_code = false;
        let headings = docs.lines().map(str::trim_start).filter_map(|line| {
            is_code ^= line.starts_with("```");
            line.strip_prefix("# ").filter(|_| !is_code)
        });
        let mut last = None;
        for heading in headings {
            let place = SECTIONS.iter().position(|section| *section == heading);
            if last.is_some() && place <= last {
                let order = SECTIONS.join(", ");
                self.complaints.push(format!(
                    "src/{file}: {what}: `# {heading}` is out of its place; the order is {order}"
                ));
            }
            last = last.max(place);
        }
    }

    /// A condition on a feature asks for one.
    fn badge(&mut self, file: &str, what: &str, attrs: &[Attribute]) {
        let needs =
            |condition: String| condition.contains("feature =") && !condition.starts_with("not (");
        let needed = conditions(attrs).any(needs);
        let shown = attributes(attrs, "cfg_attr").any(|tokens| {
            tokens.starts_with("docsrs , doc (cfg (") && tokens.contains("feature =")
        });
        if needed && !shown {
            self.complaints.push(format!(
                "src/{file}: {what} depends on a feature: \
                 it needs `#[cfg_attr(docsrs, doc(cfg(feature = \"..\")))]`"
            ));
        }
    }
}

/// The features of the manifest.
fn check_features(manifest: &str, lib: &str, complaints: &mut Vec<String>) {
    let mut in_features = false;
    let mut described = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_features = line == "[features]";
            continue;
        }
        if !in_features || line.trim().is_empty() {
            continue;
        }
        if line.starts_with('#') {
            described |= line.starts_with("## ");
            continue;
        }
        let Some((name, _)) = line.split_once('=') else { continue };
        let name = name.trim();
        let was_described = mem::take(&mut described);
        if name == "default" {
            continue;
        }
        if !was_described {
            complaints.push(format!("Cargo.toml: the feature {name} has no `##` comment above it"));
        }
        if !lib.lines().any(|line| line.starts_with(&format!("//! | `{name}` |"))) {
            complaints
                .push(format!("src/lib.rs: the feature {name} is not in the table of features"));
        }
    }
}

// ---- Reading attributes

fn is_public(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

fn has(attrs: &[Attribute], name: &str) -> bool {
    attrs.iter().any(|attr| attr.path().is_ident(name))
}

fn is_hidden(attrs: &[Attribute]) -> bool {
    attributes(attrs, "doc").any(|tokens| tokens == "hidden")
}

/// What stands in the parentheses of each attribute of that name.
fn attributes(attrs: &[Attribute], name: &str) -> impl Iterator<Item = String> {
    let named = attrs.iter().filter(move |attr| attr.path().is_ident(name));
    named.filter_map(|attr| match &attr.meta {
        Meta::List(list) => Some(list.tokens.to_string()),
        _ => None,
    })
}

fn conditions(attrs: &[Attribute]) -> impl Iterator<Item = String> {
    attributes(attrs, "cfg")
}

/// Of something that no user has.
fn is_for_tests(condition: &str) -> bool {
    let names = ["test", "doctest", "scheduler_loom", "scheduler_shuttle"];
    names.contains(&condition) || condition == "any (test , scheduler_loom)"
}

/// Its doc comments, line by line. What is included from elsewhere is not looked into.
fn documentation(attrs: &[Attribute]) -> String {
    let mut docs = String::new();
    for attr in attrs {
        if let Meta::NameValue(pair) = &attr.meta
            && attr.path().is_ident("doc")
            && let Expr::Lit(literal) = &pair.value
            && let Lit::Str(text) = &literal.lit
        {
            docs.push_str(&text.value());
            docs.push('\n');
        }
    }
    docs
}

/// The name of a type.
fn of(ty: &Type) -> String {
    match ty {
        Type::Path(path) => {
            path.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default()
        }
        _ => "a type".to_owned(),
    }
}

// ---- Each rule can fail

fn complaints(text: &str) -> Vec<String> {
    let mut scan = Scan::default();
    scan.file("x.rs", text);
    scan.complaints
}

#[test]
fn a_function_without_an_example_is_noticed() {
    let text = "
        /// Adds.
        pub fn add() {}
        impl Sum {
            /// Adds.
            pub fn add() {}
            /// Private things need none.
            fn more() {}
        }
        /// Nor do these.
        pub(crate) fn helper() {}
        #[cfg(test)]
        mod tests { pub fn helper() {} }
    ";
    let expected = ["src/x.rs: add has no example", "src/x.rs: Sum::add has no example"];
    assert_eq!(complaints(text), expected);
}

#[test]
fn a_type_or_a_macro_without_an_example_is_noticed() {
    let text = "
        /// A sum.
        pub struct Sum;
        /// A sign.
        pub enum Sign { Plus }
        /// A name.
        pub type Total = Sum;
        /// Adds.
        #[macro_export]
        macro_rules! add { () => {} }
        /// Helps.
        #[doc(hidden)]
        #[macro_export]
        macro_rules! __help { () => {} }
    ";
    assert_eq!(complaints(text).len(), 4, "{:?}", complaints(text));
}

#[test]
fn a_section_out_of_its_place_is_noticed() {
    let well = "
        /// Adds.
        ///
        /// # Depth
        ///
        /// # Errors
        ///
        /// # On a worker
        ///
        /// # Examples
        ///
        /// ```
        /// # Ok(())
        /// ```
        pub fn add() {}
    ";
    assert_eq!(complaints(well), [""; 0]);
    let swapped = well.replace("On a worker", "Panics").replace("Errors", "On a worker");
    let [complaint] = &complaints(&swapped)[..] else { panic!("{:?}", complaints(&swapped)) };
    assert!(complaint.starts_with("src/x.rs: add: `# Panics` is out of its place"));
    let behind = well.replace("On a worker", "Depth");
    assert_eq!(complaints(&behind).len(), 1);
}

#[test]
fn a_feature_without_a_badge_is_noticed() {
    let text = "
        #[cfg(feature = \"sum\")]
        pub mod sum;
        #[cfg(feature = \"sum\")]
        mod inside;
        #[cfg(all(unix, feature = \"sum\"))]
        pub use sum::Sum;
        #[cfg(feature = \"sum\")]
        impl Add for Sum {}
        impl Sum {
            /// ```
            /// ```
            #[cfg(feature = \"sum\")]
            pub fn add() {}
        }
        #[cfg(not(scheduler_loom))]
        pub use other::Thing;
        #[cfg(feature = \"sum\")]
        pub(crate) fn inner() {}
    ";
    assert_eq!(complaints(text).len(), 4, "{:?}", complaints(text));
    let badge = "#[cfg_attr(docsrs, doc(cfg(feature = \"sum\")))]";
    let with =
        text.replace("#[cfg(feature = \"sum\")]", &format!("{badge}#[cfg(feature = \"sum\")]"));
    let with = with.replace("#[cfg(all", &format!("{badge}#[cfg(all"));
    assert_eq!(complaints(&with), [""; 0]);
}

#[test]
fn a_feature_that_is_nowhere_described_is_noticed() {
    let manifest = "
[features]
default = [\"sum\"]
## Adds.
sum = []
product = []
[dependencies]
quotient = \"1\"
";
    let check = |lib: &str| {
        let mut complaints = Vec::new();
        check_features(manifest, lib, &mut complaints);
        complaints
    };
    assert_eq!(check("//! | `sum` | no |\n//! | `product` | no |").len(), 1);
    assert_eq!(check("//! | `product` | no |").len(), 2);
}
