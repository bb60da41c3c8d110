//! The shape of `scheduler/src`, kept by a scan of its sources:
//!
//! 1. only `sync/` names `std::sync`, `std::thread`, the clock, loom or shuttle, so that the models
//!    run the real protocols;
//! 2. imports point down [`LAYERS`], so that every layer can be read and tested without the
//!    ones above it;
//! 3. every unsafe block and impl says why it is sound, and `lib.rs` lists the modules that
//!    have any.
//!
//! The scan reads tokens: comments, doc examples and strings cannot trip it, and a path that is
//! split over lines or hidden in a `use` group cannot slip through. It does not expand macros
//! and does not follow `#[path]`. The last part of this file shows that each rule can fail.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, iter};

/// The modules of the crate, bottom first. A module may use those of the rows below its own;
/// two in one row are siblings and may not use each other. A new module needs a place here.
const LAYERS: &[&[&str]] = &[
    &["sync"],
    &["unwind"],
    &["rng"],
    &["observe"],
    &["span"],
    &["admission"],
    &["park"],
    &["timer"],
    &["latch"],
    &["cancel"],
    &["job"],
    &["queue"],
    &["sleep"],
    &["pool"],
    &["fork", "task"],
    &["schedule", "signal"],
    &["completion"],
    &["blocking"],
    &["executor"],
    &["sizing", "orx", "publish"],
];

/// The one module that may name the primitives.
const SEAM: &str = "sync";

/// What belongs to the seam. `alloc::sync` is where `std::sync::Arc` comes from; the clock stands
/// still in a model.
const PRIMITIVES: &[&[&str]] = &[
    &["std", "sync"],
    &["core", "sync"],
    &["alloc", "sync"],
    &["std", "thread"],
    &["std", "time", "Instant"],
    &["loom"],
    &["shuttle"],
];

/// How far above an `unsafe` its reason may start: a reason longer than this wants a function
/// of its own.
const SAFETY_REACH: usize = 6;

#[test]
fn the_sources_keep_their_layers() {
    let sources = read_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(sources.contains_key("lib.rs"), "src/lib.rs was not scanned");
    assert!(sources.len() > 1, "only lib.rs was scanned: the walk is broken");
    let complaints = check(&sources);
    assert!(complaints.is_empty(), "{}", report(&complaints));
}

/// Every `.rs` file under `root`: its path from there, with forward slashes, and its text.
fn read_sources(root: &Path) -> BTreeMap<String, String> {
    let mut sources = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for entry in entries {
            let path = entry.unwrap_or_else(|e| panic!("{}: {e}", folder.display())).path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text =
                    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                let inside = path.strip_prefix(root).expect("the walk starts at root");
                let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
                sources.insert(parts.join("/"), text);
            }
        }
    }
    sources
}

fn report(complaints: &[Complaint]) -> String {
    let mut text = format!("scheduler/src has {} to put right:\n", complaints.len());
    for Complaint { file, line, what } in complaints {
        writeln!(text, "  src/{file}:{line}: {what}").expect("a String takes everything");
    }
    text
}

#[derive(Debug)]
struct Complaint {
    file: String,
    line: usize,
    what: String,
}

// ---- The rules

fn check(sources: &BTreeMap<String, String>) -> Vec<Complaint> {
    let files: Vec<File> = sources.iter().map(|(name, text)| File::read(name, text)).collect();
    let test_modules: BTreeSet<&[String]> =
        files.iter().flat_map(|file| file.test_modules.iter().map(Vec::as_slice)).collect();

    let mut complaints = Vec::new();
    for file in &files {
        let mut complain = |line, what| {
            complaints.push(Complaint { file: file.name.clone(), line, what });
        };
        let is_test = (1..=file.module.len()).any(|n| test_modules.contains(&file.module[..n]));
        check_seam(file, is_test, &mut complain);
        check_arrows(file, &mut complain);
        check_reasons(file, &mut complain);
    }
    check_census(&files, &mut complaints);
    complaints.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    complaints
}

/// Rule 1. Tests use real threads and locks freely: no checker compiles them.
fn check_seam(file: &File, is_test: bool, complain: &mut impl FnMut(usize, String)) {
    if is_test || file.top() == Some(SEAM) {
        return;
    }
    for path in file.paths.iter().filter(|path| !path.in_test && path.from == Root::Extern) {
        let names: Vec<&str> = path.names.iter().map(String::as_str).collect();
        if PRIMITIVES.iter().any(|primitive| names.starts_with(primitive)) {
            complain(path.line, format!("`{path}` outside {SEAM}/: take it from crate::{SEAM}"));
        } else if matches!(names[..], ["std" | "core" | "alloc"] | ["std" | "core" | "alloc", "*"])
            && path.is_use
        {
            complain(path.line, format!("`use {path}` would hide what is taken from it"));
        }
    }
}

/// Rule 2. Holds in tests too. `lib.rs` stands above all modules and may use any.
fn check_arrows(file: &File, complain: &mut impl FnMut(usize, String)) {
    let Some(from) = file.top() else { return };
    let Some(from_rank) = rank(from) else {
        complain(
            1,
            format!("module `{from}` has no place in LAYERS (scheduler/tests/layering.rs)"),
        );
        return;
    };
    for path in &file.paths {
        let Root::Crate { from_macro } = path.from else { continue };
        let to = path.names.first().map_or("", String::as_str);
        match rank(to) {
            _ if to == from => {}
            Some(to_rank) if to_rank < from_rank => {}
            Some(to_rank) if to_rank == from_rank => {
                complain(path.line, format!("{from} -> {to}: siblings may not use each other"));
            }
            Some(_) => complain(path.line, format!("{from} -> {to} points up: see LAYERS")),
            // What a macro's expansion names in its user's crate is the public API.
            None if from_macro => {}
            None => complain(
                path.line,
                format!("{from} -> crate::{to}: name the module that has it, not the crate root"),
            ),
        }
    }
}

fn rank(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

/// Rule 3, first half.
fn check_reasons(file: &File, complain: &mut impl FnMut(usize, String)) {
    for item in file.unsafes.iter().filter(|item| item.needs_reason) {
        let reach = item.line.saturating_sub(SAFETY_REACH)..=item.line;
        if file.safety_lines.range(reach).next().is_none() {
            complain(
                item.line,
                format!("unsafe without a SAFETY comment within the {SAFETY_REACH} lines above"),
            );
        }
    }
}

/// Rule 3, second half: `lib.rs` denies unsafe code and allows it module by module.
fn check_census(files: &[File], complaints: &mut Vec<Complaint>) {
    let mut complain = |file: &str, line, what| {
        complaints.push(Complaint { file: file.to_owned(), line, what });
    };
    let Some(lib) = files.iter().find(|file| file.name == "lib.rs") else {
        complain("lib.rs", 1, "there is no lib.rs".to_owned());
        return;
    };
    if !lib.denies_unsafe {
        complain("lib.rs", 1, "#![deny(unsafe_code)] is missing".to_owned());
    }
    for file in files {
        let listed = file.top().is_some_and(|top| lib.allows.contains_key(top));
        if let Some(first) = file.unsafes.first().filter(|_| !listed) {
            let what = match file.top() {
                Some(top) => format!("unsafe code, but lib.rs does not allow it for `mod {top}`"),
                None => "unsafe code in lib.rs, which has no logic".to_owned(),
            };
            complain(&file.name, first.line, what);
        }
        for &line in &file.allow_lines {
            let is_entry = file.allows.values().any(|allow| allow.line == line);
            if file.name != "lib.rs" || !is_entry {
                let what = "unsafe code is allowed in lib.rs only, module by module";
                complain(&file.name, line, what.to_owned());
            }
        }
    }
    for (module, allow) in &lib.allows {
        if !allow.has_reason {
            complain(
                "lib.rs",
                allow.line,
                format!("unsafe allowed for `{module}` without a reason"),
            );
        }
        // One with no file here is inline, or behind a `#[path]`.
        let own = || files.iter().filter(|file| file.top() == Some(module));
        if own().count() > 0 && own().all(|file| file.unsafes.is_empty()) {
            complain(
                "lib.rs",
                allow.line,
                format!("`{module}` has no unsafe code: forget the allow"),
            );
        }
    }
}

// ---- What a file says

#[derive(Debug)]
struct File {
    name: String,
    /// Where its name puts it: `pool/worker.rs` is `[pool, worker]`, `lib.rs` is `[]`.
    module: Vec<String>,
    paths: Vec<Names>,
    unsafes: Vec<Unsafe>,
    /// The lines on which a comment says SAFETY.
    safety_lines: BTreeSet<usize>,
    /// Modules declared here under `cfg(test)`, in this file or in their own.
    test_modules: Vec<Vec<String>>,
    denies_unsafe: bool,
    /// The lines of every `allow(unsafe_code)`.
    allow_lines: BTreeSet<usize>,
    /// Those that stand before a `mod`.
    allows: BTreeMap<String, Allow>,
}

/// A path as it stands in the code; a `use` group gives one for each leaf.
#[derive(Debug)]
struct Names {
    from: Root,
    names: Vec<String>,
    line: usize,
    is_use: bool,
    in_test: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Root {
    /// Another crate, or something in scope.
    Extern,
    /// This crate's root: by `crate`, by enough `super`s, or by a macro's `$crate`.
    Crate { from_macro: bool },
    /// A place inside the module that the path stands in.
    Inside,
}

#[derive(Debug)]
struct Unsafe {
    line: usize,
    /// A block or an impl; a declaration puts the burden on its user.
    needs_reason: bool,
}

#[derive(Debug)]
struct Allow {
    line: usize,
    has_reason: bool,
}

impl std::fmt::Display for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.names.join("::"))
    }
}

impl File {
    fn read(name: &str, text: &str) -> Self {
        let mut module: Vec<String> =
            name.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| last == "mod" || name == "lib.rs") {
            module.pop();
        }
        let Lexed { tokens, comments, safety_lines } = lex(text);
        let file = Self {
            name: name.to_owned(),
            module,
            paths: Vec::new(),
            unsafes: Vec::new(),
            safety_lines,
            test_modules: Vec::new(),
            denies_unsafe: false,
            allow_lines: BTreeSet::new(),
            allows: BTreeMap::new(),
        };
        let reader = Reader { file, tokens: &tokens, comments, inline: Vec::new(), depth: 0 };
        reader.read()
    }

    /// The module of the crate root that this file belongs to.
    fn top(&self) -> Option<&str> {
        self.module.first().map(String::as_str)
    }
}

/// The keywords that can stand before a path, and so before the `::` that one may start with.
const BEFORE_A_PATH: &[&str] = &[
    "as", "await", "break", "const", "dyn", "else", "for", "if", "impl", "in", "let", "match",
    "move", "mut", "raw", "ref", "return", "static", "unsafe", "where", "while", "yield",
];

/// One pass over a file's tokens.
struct Reader<'a> {
    file: File,
    tokens: &'a [Token],
    comments: BTreeSet<usize>,
    /// The `mod x { … }`s around the current token.
    inline: Vec<Inline>,
    depth: usize,
}

struct Inline {
    name: String,
    is_test: bool,
    /// The brace depth of its inside.
    depth: usize,
}

impl Reader<'_> {
    fn read(mut self) -> File {
        // The attributes of the item that is about to come.
        let mut attributes: Vec<&[Token]> = Vec::new();
        let tokens = self.tokens;
        let mut i = 0;
        while i < tokens.len() {
            match tokens[i].text.as_str() {
                "{" => self.depth += 1,
                "}" => {
                    self.inline.pop_if(|module| module.depth == self.depth);
                    self.depth = self.depth.saturating_sub(1);
                }
                "#" if self.is(i + 1, "[") => {
                    attributes.push(bracketed(&tokens[i + 1..]));
                    self.lint_levels(bracketed(&tokens[i + 1..]));
                }
                "#" if self.is(i + 1, "!") && self.is(i + 2, "[") => {
                    let attribute = bracketed(&tokens[i + 2..]);
                    self.file.denies_unsafe |= sets_unsafe(attribute, &["deny"]);
                    self.lint_levels(attribute);
                }
                "mod" if self.is_name(i + 1) => self.module(i, &attributes),
                "unsafe" => self.unsafety(i),
                // `use<'a>` is a bound, not an import.
                "use" if !self.is(i + 1, "<") => {
                    let mut leaves = Vec::new();
                    i = use_tree(tokens, i + 1, &mut Vec::new(), &mut leaves);
                    for (names, line) in leaves {
                        self.path(names, line, true, false);
                    }
                    attributes.clear();
                    continue;
                }
                _ if self.starts_path(i) => {
                    let start = i;
                    let mut names = vec![tokens[i].text.clone()];
                    while self.is(i + 1, "::") && self.is_segment(i + 2) {
                        i += 2;
                        names.push(tokens[i].text.clone());
                    }
                    let from_macro = start > 0 && tokens[start - 1].text == "$";
                    self.path(names, tokens[start].line, false, from_macro);
                }
                _ => {}
            }
            if matches!(tokens[i].text.as_str(), "{" | "}" | ";") {
                attributes.clear();
            }
            i += 1;
        }
        self.file
    }

    fn is(&self, i: usize, text: &str) -> bool {
        self.tokens.get(i).is_some_and(|token| token.text == text)
    }

    fn is_name(&self, i: usize) -> bool {
        self.tokens.get(i).is_some_and(Token::is_name)
    }

    fn is_segment(&self, i: usize) -> bool {
        self.is_name(i) && !BEFORE_A_PATH.contains(&self.tokens[i].text.as_str())
    }

    /// A name with a `::` behind it, to which no other name leads.
    fn starts_path(&self, i: usize) -> bool {
        // In `a::b` and `<A>::b` the `::` goes on; in `return ::std::…` it starts a path.
        let goes_on =
            i >= 2 && self.is(i - 1, "::") && (self.is_segment(i - 2) || self.is(i - 2, ">"));
        self.is_segment(i) && self.is(i + 1, "::") && !goes_on
    }

    /// Files a path under where it leads from.
    fn path(&mut self, mut names: Vec<String>, line: usize, is_use: bool, from_macro: bool) {
        if names.len() > 1 && names.last().is_some_and(|last| last == "self") {
            names.pop();
        }
        let depth = self.file.module.len() + self.inline.len();
        let ups = names.iter().skip_while(|n| *n == "self").take_while(|n| *n == "super").count();
        let leading = names.iter().take_while(|n| matches!(n.as_str(), "self" | "super")).count();
        let from = if names[0] == "crate" {
            names.remove(0);
            Root::Crate { from_macro }
        } else if leading == 0 {
            Root::Extern
        } else {
            names.drain(..leading);
            // Below the root, what a module says of itself and its parents stays in its layer.
            if depth > 0 && ups == depth { Root::Crate { from_macro } } else { Root::Inside }
        };
        let in_test = self.inline.iter().any(|module| module.is_test);
        self.file.paths.push(Names { from, names, line, is_use, in_test });
    }

    fn module(&mut self, i: usize, attributes: &[&[Token]]) {
        let name = self.tokens[i + 1].text.clone();
        let is_test = attributes.iter().any(|attribute| is_test_cfg(attribute));
        if is_test {
            let around = self.inline.iter().map(|module| &module.name);
            let module = self.file.module.iter().chain(around).chain([&name]).cloned().collect();
            self.file.test_modules.push(module);
        }
        if let Some(attribute) =
            attributes.iter().find(|attribute| sets_unsafe(attribute, ALLOWING))
        {
            let line = attribute[0].line;
            // Either in the attribute, or in a comment near it.
            let near = line - 1..=self.tokens[i].line;
            let has_reason = attribute.iter().any(|token| token.text == "reason")
                || self.comments.range(near).next().is_some();
            self.file.allows.insert(name.clone(), Allow { line, has_reason });
        }
        if self.is(i + 2, "{") {
            self.inline.push(Inline { name, is_test, depth: self.depth + 1 });
        }
    }

    fn unsafety(&mut self, i: usize) {
        let line = self.tokens[i].line;
        let needs_reason = self.is(i + 1, "{") || self.is(i + 1, "impl");
        // `unsafe fn(…)` and `unsafe extern "C" fn(…)` are types: naming one is safe.
        let function = (i + 1..i + 4).find(|&j| self.is(j, "fn"));
        let is_type = !needs_reason && function.is_some_and(|j| self.is(j + 1, "("));
        if !is_type {
            self.file.unsafes.push(Unsafe { line, needs_reason });
        }
    }

    fn lint_levels(&mut self, attribute: &[Token]) {
        if sets_unsafe(attribute, ALLOWING) {
            self.file.allow_lines.insert(attribute[0].line);
        }
    }
}

/// The tokens from an opening bracket to its partner, both included.
fn bracketed(tokens: &[Token]) -> &[Token] {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &tokens[..=i];
        }
    }
    tokens
}

const ALLOWING: &[&str] = &["allow", "expect", "warn"];

/// Whether the attribute sets the lint `unsafe_code` to one of these levels.
fn sets_unsafe(attribute: &[Token], levels: &[&str]) -> bool {
    let says = |text: &str| attribute.iter().any(|token| token.text == text);
    says("unsafe_code") && levels.iter().any(|level| says(level))
}

/// Whether `[cfg(…)]` holds in test builds only.
fn is_test_cfg(attribute: &[Token]) -> bool {
    attribute.get(1).is_some_and(|token| token.text == "cfg")
        && needs_test(bracketed(&attribute[2..]))
}

/// Whether some predicate of the list `(a, b(…), …)` cannot hold without `test`.
fn needs_test(list: &[Token]) -> bool {
    let mut i = 1;
    while i + 1 < list.len() {
        let arguments = if list[i + 1].text == "(" { bracketed(&list[i + 1..]) } else { &[] };
        match list[i].text.as_str() {
            "test" => return true,
            "all" if needs_test(arguments) => return true,
            _ => i += 1 + arguments.len(),
        }
    }
    false
}

/// Reads the `use` tree at `i`: its leaves, each with its line. Returns the index behind it.
fn use_tree(
    tokens: &[Token],
    mut i: usize,
    prefix: &mut Vec<String>,
    leaves: &mut Vec<(Vec<String>, usize)>,
) -> usize {
    let kept = prefix.len();
    while let Some(token) = tokens.get(i) {
        match token.text.as_str() {
            "::" => i += 1,
            "{" => {
                i += 1;
                while tokens.get(i).is_some_and(|token| token.text != "}") {
                    i = use_tree(tokens, i, prefix, leaves);
                    if tokens.get(i).is_some_and(|token| token.text == ",") {
                        i += 1;
                    }
                }
                i += 1;
                break;
            }
            "as" => {
                i += 2;
                leaves.push((prefix.clone(), token.line));
                break;
            }
            name if token.is_name() || name == "*" => {
                prefix.push(name.to_owned());
                i += 1;
                let next = tokens.get(i).map_or("", |token| token.text.as_str());
                if next != "::" && next != "as" {
                    leaves.push((prefix.clone(), token.line));
                    break;
                }
            }
            // A macro's `$path`, or the end.
            _ => {
                i += 1;
                break;
            }
        }
    }
    prefix.truncate(kept);
    i
}

// ---- Tokens

#[derive(Debug)]
struct Token {
    /// A name, a number, `::`, one other character, or `"` for any string or character.
    text: String,
    line: usize,
}

impl Token {
    fn is_name(&self) -> bool {
        self.text.starts_with(|c: char| c == '_' || c.is_alphabetic())
    }
}

struct Lexed {
    tokens: Vec<Token>,
    /// The lines that have a comment, or a part of one.
    comments: BTreeSet<usize>,
    /// Those on which it says SAFETY.
    safety_lines: BTreeSet<usize>,
}

fn lex(text: &str) -> Lexed {
    let mut lexer = Lexer {
        rest: text,
        line: 1,
        lexed: Lexed {
            tokens: Vec::new(),
            comments: BTreeSet::new(),
            safety_lines: BTreeSet::new(),
        },
    };
    while lexer.step() {}
    lexer.lexed
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    lexed: Lexed,
}

impl Lexer<'_> {
    /// Takes one token, comment or run of blanks. False at the end.
    fn step(&mut self) -> bool {
        let rest = self.rest;
        let Some(first) = rest.chars().next() else { return false };
        if first.is_whitespace() {
            self.skip(rest.len() - rest.trim_start().len());
        } else if rest.starts_with("//") {
            self.comment(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.comment(block_comment(rest));
        } else if let Some(length) = string(rest) {
            self.token("\"", length);
        } else if first == '_' || first.is_alphanumeric() {
            let raw = if rest.starts_with("r#") { 2 } else { 0 };
            let length = raw + name_length(&rest[raw..]);
            self.token(&rest[raw..length], length);
        } else if first == '\'' {
            // A lifetime: characters went with the strings.
            self.token("'", 1 + name_length(&rest[1..]));
        } else if rest.starts_with("::") {
            self.token("::", 2);
        } else {
            let length = first.len_utf8();
            self.token(&rest[..length], length);
        }
        true
    }

    fn token(&mut self, text: &str, length: usize) {
        self.lexed.tokens.push(Token { text: text.to_owned(), line: self.line });
        self.skip(length);
    }

    fn comment(&mut self, length: usize) {
        for (i, line) in self.rest[..length].lines().enumerate() {
            self.lexed.comments.insert(self.line + i);
            if line.contains("SAFETY") {
                self.lexed.safety_lines.insert(self.line + i);
            }
        }
        self.skip(length);
    }

    fn skip(&mut self, length: usize) {
        self.line += self.rest[..length].matches('\n').count();
        self.rest = &self.rest[length..];
    }
}

fn name_length(text: &str) -> usize {
    text.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(text.len())
}

/// The length of the block comment that `text` starts with. They nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut i = 0;
    while i < text.len() {
        if text[i..].starts_with("/*") {
            depth += 1;
            i += 2;
        } else if text[i..].starts_with("*/") {
            depth -= 1;
            i += 2;
            if depth == 0 {
                break;
            }
        } else {
            i += text[i..].chars().next().map_or(1, char::len_utf8);
        }
    }
    i
}

/// The length of the string or character literal that `text` starts with, if it does.
fn string(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r"].into_iter().find(|prefix| text.starts_with(prefix));
    let prefix = prefix.unwrap_or("");
    let body = &text[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        if body[hashes..].starts_with('"') {
            let end: String = iter::once('"').chain(iter::repeat_n('#', hashes)).collect();
            let inside = prefix.len() + hashes + 1;
            return Some(
                text[inside..].find(&end).map_or(text.len(), |at| inside + at + end.len()),
            );
        }
    } else if body.starts_with('"') {
        return Some(prefix.len() + quoted(body, '"'));
    } else if body.starts_with('\'') && matches!(prefix, "" | "b") {
        // `'a'` and `'\n'` are characters, `'a` is a lifetime.
        let mut inside = body[1..].chars();
        if inside.next() == Some('\\') || inside.next() == Some('\'') {
            return Some(prefix.len() + quoted(body, '\''));
        }
    }
    None
}

/// The length of a literal that starts and ends with `quote`.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        if is_escaped {
            is_escaped = false;
        } else if c == '\\' {
            is_escaped = true;
        } else if c == quote {
            return i + c.len_utf8();
        }
    }
    text.len()
}

// ---- The scan can fail

/// What the scan says of these files; a `lib.rs` is added unless there is one.
fn complaints(files: &[(&str, &str)]) -> Vec<String> {
    let lib = ("lib.rs", "#![deny(unsafe_code)]");
    let sources = iter::once(&lib).chain(files);
    let sources = sources.map(|(name, text)| (name.to_string(), text.to_string())).collect();
    let show = |Complaint { file, line, what }| format!("{file}:{line}: {what}");
    check(&sources).into_iter().map(show).collect()
}

#[track_caller]
fn assert_fine(files: &[(&str, &str)]) {
    assert_eq!(complaints(files), [""; 0], "in {files:?}");
}

/// That there is one complaint, and that it starts and goes on as expected.
#[track_caller]
fn assert_complains(files: &[(&str, &str)], place: &str, what: &str) {
    let all = complaints(files);
    let [only] = &all[..] else { panic!("expected one complaint in {files:?}, got {all:#?}") };
    assert!(only.starts_with(&format!("{place}: ")), "expected {place}, got {only}");
    assert!(only.contains(what), "expected `{what}` in {only}");
}

#[test]
fn a_primitive_outside_the_seam_is_found() {
    for (code, line, name) in [
        ("use std::sync::Arc;", 1, "std::sync::Arc"),
        ("use std::{\n    mem,\n    sync::{Mutex},\n};", 3, "std::sync::Mutex"),
        ("use std::thread;", 1, "std::thread"),
        ("use std::thread::{self};", 1, "std::thread"),
        ("use ::core::sync::atomic::{AtomicU8 as A};", 1, "core::sync::atomic::AtomicU8"),
        ("use alloc::sync::Arc;", 1, "alloc::sync::Arc"),
        ("use std::time::{Duration, Instant};", 1, "std::time::Instant"),
        ("use loom::thread::yield_now;", 1, "loom::thread::yield_now"),
        ("use shuttle::rand;", 1, "shuttle::rand"),
        ("fn f() {\n    std::thread::yield_now();\n}", 2, "std::thread::yield_now"),
        ("fn f() -> u8 {\n    return ::std::thread::id();\n}", 2, "std::thread::id"),
        ("fn f() { g(std ::\n sync::Arc::new(1)) }", 1, "std::sync::Arc::new"),
        ("macro_rules! m { () => { std::sync::Arc::new(1) } }", 1, "std::sync::Arc::new"),
        ("fn f(q: char) -> bool { q == '\"' || loom::model() }", 1, "loom::model"),
        ("fn f<'a>(a: &'a str) { std::thread::park() }", 1, "std::thread::park"),
        ("const A: &str = r#\"a \" b\"#; use std::sync;", 1, "std::sync"),
        ("#[cfg(not(test))]\nmod a { use std::sync::Arc; }", 2, "std::sync::Arc"),
        ("#[cfg(any(test, unix))]\nmod a { use std::sync::Arc; }", 2, "std::sync::Arc"),
        ("#[cfg(test)]\nmod tests {}\nuse std::sync::Arc;", 3, "std::sync::Arc"),
    ] {
        assert_complains(&[("park.rs", code)], &format!("park.rs:{line}"), &format!("`{name}`"));
    }
    assert_complains(&[("park.rs", "use std as s;")], "park.rs:1", "`use std`");
    assert_complains(&[("park.rs", "use std::*;")], "park.rs:1", "`use std::*`");
    assert_complains(
        &[("lib.rs", "#![deny(unsafe_code)]\nuse std::sync::Arc;")],
        "lib.rs:2",
        "Arc",
    );
}

#[test]
fn comments_strings_tests_and_the_seam_may_name_primitives() {
    assert_fine(&[("park.rs", "//! std::sync\n/// ```\n/// use std::thread;\n/// ```\nfn f() {}")]);
    assert_fine(&[("park.rs", "/* a /* loom::b */ use std::sync::Arc; */ fn f() {}")]);
    assert_fine(&[("park.rs", "const A: &str = \"\\\" std::sync::\";")]);
    assert_fine(&[(
        "park.rs",
        "const A: &str = r##\"\"# loom::\"##; const B: &[u8] = b\"loom::\";",
    )]);
    assert_fine(&[("park.rs", "#[cfg(test)]\nmod tests { mod deep { use std::sync::mpsc; } }")]);
    assert_fine(&[("park.rs", "#[cfg(all(unix, test))] mod tests { use std::thread; }")]);
    assert_fine(&[("sync/std.rs", "pub(crate) use std::sync::Arc;")]);
    assert_fine(&[("sync.rs", "pub(crate) use std::{sync::Arc, thread};")]);
    assert_fine(&[("park.rs", "std::thread_local! { static A: u8 = 1 } use crate::sync::thread;")]);
    let tests = "use std::sync::mpsc;";
    assert_fine(&[
        ("pool/mod.rs", "#[cfg(test)]\nmod test;"),
        ("pool/test.rs", tests),
        ("pool/test/deep.rs", tests),
    ]);
    assert_complains(
        &[("pool/mod.rs", "mod test;"), ("pool/test.rs", tests)],
        "pool/test.rs:1",
        "`std::sync::mpsc`",
    );
}

#[test]
fn an_arrow_that_does_not_point_down_is_found() {
    for (file, code, line, what) in [
        ("park.rs", "use crate::pool::Registry;", 1, "park -> pool points up"),
        ("park.rs", "use crate::{\n    sync::Arc,\n    latch::Latch,\n};", 3, "park -> latch"),
        ("latch.rs", "\nfn f() { crate::job::run() }", 2, "latch -> job points up"),
        ("queue/head.rs", "use super::super::sleep::Idle;", 1, "queue -> sleep"),
        ("queue/mod.rs", "use super::sleep::Idle;", 1, "queue -> sleep"),
        ("queue/mod.rs", "mod a { use super::super::sleep; }", 1, "queue -> sleep"),
        ("sync/mod.rs", "use crate::rng::Rng;", 1, "sync -> rng"),
        ("fork/join.rs", "use crate::task::Task;", 1, "fork -> task: siblings"),
        ("task/mod.rs", "type T = <u8 as crate::fork::Fork>::Out;", 1, "task -> fork: siblings"),
        ("park.rs", "#[cfg(test)]\nmod tests { use crate::pool::Pool; }", 2, "park -> pool"),
        ("park.rs", "macro_rules! m { () => { $crate::pool::f() } }", 1, "park -> pool"),
        ("pool/mod.rs", "use crate::ThreadPool;", 1, "crate::ThreadPool: name the module"),
        ("pool/mod.rs", "use crate::*;", 1, "crate::*: name the module"),
        ("pool/mod.rs", "use crate as c;", 1, "name the module"),
        ("shelf.rs", "", 1, "module `shelf` has no place in LAYERS"),
        ("shelf/board.rs", "", 1, "module `shelf` has no place in LAYERS"),
    ] {
        assert_complains(&[(file, code)], &format!("{file}:{line}"), what);
    }
}

#[test]
fn arrows_down_within_and_from_the_root_are_fine() {
    assert_fine(&[("executor/mod.rs", "use crate::{fork::join, task::Task, pool::*, sync as s};")]);
    assert_fine(&[("pool/worker.rs", "use super::Registry; use crate::pool::{self, builder};")]);
    assert_fine(&[("queue/head.rs", "mod a { use super::super::tail::Tail; use self::b::C; }")]);
    assert_fine(&[("park.rs", "//! use crate::pool::Pool;\n/// [`x`](crate::pool)\nfn f() {}")]);
    assert_fine(&[("park.rs", "pub(crate) fn f() -> impl Sized + use<'_> { pool::x() }")]);
    assert_fine(&[("fork/mod.rs", "macro_rules! join { () => { $crate::join() } }")]);
    assert_fine(&[(
        "lib.rs",
        "#![deny(unsafe_code)]\nmod pool;\npub use crate::pool::ThreadPool;",
    )]);
}

/// A `lib.rs` that allows unsafe code in `job`.
const ALLOWS_JOB: (&str, &str) =
    ("lib.rs", "#![deny(unsafe_code)]\n#[allow(unsafe_code)] // Lent frames.\nmod job;");

#[test]
fn unsafe_code_without_a_reason_is_found() {
    for (code, line) in [
        ("fn f() { unsafe { g() } }", 1),
        ("\nunsafe impl Send for A {}", 2),
        ("// SAFETY: too far.\n\n\n\n\n\n\nfn f() { unsafe { g() } }", 8),
        ("const A: &str = \"SAFETY\"; fn f() { unsafe { g() } }", 1),
        ("/// # Safety\nfn f() { unsafe { g() } }", 2),
    ] {
        let files = [ALLOWS_JOB, ("job/mod.rs", code)];
        assert_complains(&files, &format!("job/mod.rs:{line}"), "without a SAFETY comment");
    }
    for code in [
        "// SAFETY: near.\n\n\n\n\n\nfn f() { unsafe { g() } }",
        "/* SAFETY: it is\n never shared. */\nunsafe impl Send for A {}",
        "unsafe fn f() {} // The burden is the caller's.",
    ] {
        assert_fine(&[ALLOWS_JOB, ("job/mod.rs", code)]);
    }
}

#[test]
fn a_census_that_does_not_match_is_found() {
    let unsafe_code = "// SAFETY: nothing is shared.\nunsafe impl Send for A {}";
    let job = ("job/cell.rs", unsafe_code);
    assert_complains(&[job], "job/cell.rs:2", "does not allow it for `mod job`");
    assert_complains(&[("job.rs", "unsafe fn f() {}")], "job.rs:1", "does not allow it");
    assert_complains(&[ALLOWS_JOB, ("job.rs", "")], "lib.rs:2", "`job` has no unsafe code");
    assert_complains(
        &[("lib.rs", "#![deny(unsafe_code)]\n#[allow(unsafe_code)]\nmod job;"), job],
        "lib.rs:2",
        "without a reason",
    );
    assert_complains(
        &[("lib.rs", "#[allow(unsafe_code)] // Lent frames.\nmod job;"), job],
        "lib.rs:1",
        "#![deny(unsafe_code)] is missing",
    );
    let own_allow = ("job/mod.rs", "#[allow(unsafe_code)]\nmod cell;");
    assert_complains(&[ALLOWS_JOB, own_allow, job], "job/mod.rs:1", "in lib.rs only");
    let own_allow = ("job/mod.rs", "#[allow(unsafe_code)]\nfn f() {}");
    assert_complains(&[ALLOWS_JOB, own_allow, job], "job/mod.rs:1", "in lib.rs only");
    let own_allow = ("job/mod.rs", "#![allow(unsafe_code)]");
    assert_complains(&[ALLOWS_JOB, own_allow, job], "job/mod.rs:1", "in lib.rs only");

    assert_complains(
        &[("lib.rs", "#![deny(unsafe_code)]\n#[allow(unsafe_code)] // No.\nfn f() {}")],
        "lib.rs:2",
        "module by module",
    );

    assert_fine(&[ALLOWS_JOB, job]);
    assert_fine(&[("job.rs", "struct A(unsafe fn(u8), unsafe extern \"C\" fn());")]);
    assert_fine(&[
        ("lib.rs", "#![deny(unsafe_code)]\n#[expect(unsafe_code, reason = \"x\")]\nmod job;"),
        job,
    ]);
    assert_fine(&[
        ("lib.rs", "#![deny(unsafe_code)]\n// Lent frames.\n#[allow(unsafe_code)]\npub mod job;"),
        job,
    ]);
}
