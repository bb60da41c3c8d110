//! The pages as they stand in the repository.

use crate::Faults;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::{fs, io};

/// A Markdown file, as far as links go.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Where each link or image points to, and where the whole link stands in the text.
    pub(crate) links: Vec<(String, Range<usize>)>,
    /// The anchors of its headings.
    anchors: BTreeSet<String>,
    /// The lines with a code block that does not say what it is.
    untagged: Vec<usize>,
    /// What stands between backticks and looks like a source file.
    sources: BTreeSet<String>,
}

/// Where the sources that a page names without a link may lie.
const SOURCE_FOLDERS: [&str; 6] =
    ["", "scheduler/src", "scheduler", "benches/src", "loom-tests", "scheduler-macros"];

/// Whether words between backticks are a path to a source file.
fn is_source(words: &str) -> bool {
    words.ends_with(".rs") && words.contains('/') && !words.contains([' ', '*', '$', '<'])
}

impl Page {
    pub(crate) fn parse(text: &str) -> Self {
        let line = |offset: usize| text[..offset].matches('\n').count() + 1;
        let mut page = Self::default();
        let mut heading: Option<String> = None;
        let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES;
        for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push((dest_url.into_string(), range));
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Text(text) | Event::Code(text) => {
                    if is_source(&text) {
                        page.sources.insert(text.to_string());
                    }
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::End(TagEnd::Heading(_)) => {
                    page.add_anchor(&slug(&heading.take().unwrap_or_default()));
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    let tagged =
                        matches!(&kind, CodeBlockKind::Fenced(tag) if !tag.trim().is_empty());
                    if !tagged {
                        page.untagged.push(line(range.start));
                    }
                }
                _ => {}
            }
        }
        page
    }

    /// The second heading of the same text gets a number.
    fn add_anchor(&mut self, slug: &str) {
        let mut anchor = slug.to_owned();
        let mut n = 0;
        while !self.anchors.insert(anchor.clone()) {
            n += 1;
            anchor = format!("{slug}-{n}");
        }
    }
}

/// The anchor of a heading, as GitHub and mdBook make it.
fn slug(heading: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let heading = heading.trim().to_lowercase();
    let slug = heading.chars().map(|c| if c.is_whitespace() { '-' } else { c });
    slug.filter(|&c| kept(c)).collect()
}

/// Where a link points to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    Outside(&'a str),
    /// A path, empty for the page itself, and an anchor.
    Inside(&'a str, Option<&'a str>),
}

impl<'a> Target<'a> {
    pub(crate) fn of(link: &'a str) -> Self {
        if link.split(['/', '#']).next().is_some_and(|first| first.contains(':')) {
            return Self::Outside(link);
        }
        match link.split_once('#') {
            Some((path, anchor)) => Self::Inside(path, Some(anchor)),
            None => Self::Inside(link, None),
        }
    }
}

/// What is wrong with an address outside the repository, which is not looked up.
pub(crate) fn wrong_address(address: &str) -> Option<&'static str> {
    let Some(rest) = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"))
    else {
        return Some("is neither https nor http");
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let labels = host.split('.');
    let good = labels.clone().count() > 1
        && labels.into_iter().all(|label| {
            !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        });
    (!good || address.contains(char::is_whitespace)).then_some("is no address")
}

/// `path` without `.` and `..`; a link is resolved by its text, as a browser does.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if normal.pop() => {}
            part => normal.push(part),
        }
    }
    normal
}

/// Every Markdown file of the repository, by its path from the root.
pub(crate) fn pages(root: &Path) -> io::Result<BTreeMap<PathBuf, String>> {
    let mut pages = BTreeMap::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name();
            let path = folder.join(&name);
            if entry.file_type()?.is_dir() {
                // Build outputs, and what begins with a dot.
                if name != "target" && !name.to_string_lossy().starts_with('.') {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.insert(path, fs::read_to_string(entry.path())?);
            }
        }
    }
    Ok(pages)
}

/// What is wrong with the Markdown files of the repository.
pub(crate) fn check(root: &Path) -> Faults {
    let texts = match pages(root) {
        Ok(texts) => texts,
        Err(error) => return vec![format!("{}: {error}", root.display())],
    };
    let pages: BTreeMap<&Path, Page> =
        texts.iter().map(|(path, text)| (path.as_path(), Page::parse(text))).collect();
    let mut faults = Vec::new();
    for (path, page) in &pages {
        let mut fault = |what: String| faults.push(format!("{}: {what}", path.display()));
        for line in &page.untagged {
            fault(format!("the code block at line {line} does not say what it is"));
        }
        for source in &page.sources {
            let exists = |folder: &str| root.join(folder).join(source).exists();
            if !SOURCE_FOLDERS.iter().any(|folder| exists(folder)) {
                fault(format!("there is no `{source}`"));
            }
        }
        for (link, _) in &page.links {
            match Target::of(link) {
                Target::Outside(address) => {
                    if let Some(wrong) = wrong_address(address) {
                        fault(format!("`{address}` {wrong}"));
                    }
                }
                Target::Inside(to, anchor) => {
                    if let Err(what) = check_inside(root, &pages, path, to, anchor) {
                        fault(format!("`{link}`: {what}"));
                    }
                }
            }
        }
    }
    faults.extend(check_summary(&pages));
    faults
}

fn check_inside(
    root: &Path,
    pages: &BTreeMap<&Path, Page>,
    from: &Path,
    to: &str,
    anchor: Option<&str>,
) -> Result<(), String> {
    let folder = from.parent().expect("a page lies in a folder");
    let target = if to.is_empty() { from.to_owned() } else { normal(&folder.join(to)) };
    let file = root.join(&target);
    if to.starts_with('/') || target.starts_with("..") {
        return Err("leads out of the repository".to_owned());
    }
    if !file.exists() {
        return Err("there is no such file".to_owned());
    }
    // On the site that shows the repository a folder has a page; in the book it has none.
    if file.is_dir() && from.starts_with("docs") {
        return Err("is a folder: name a page in it".to_owned());
    }
    match (anchor, pages.get(target.as_path())) {
        (None, _) => Ok(()),
        (Some(anchor), Some(page)) if page.anchors.contains(anchor) => Ok(()),
        (Some(anchor), Some(_)) => Err(format!("there is no heading `{anchor}` on that page")),
        (Some(_), None) => Err("an anchor in what is no page".to_owned()),
    }
}

/// The table of contents names each page of `docs/` once.
fn check_summary(pages: &BTreeMap<&Path, Page>) -> Faults {
    let summary = Path::new("docs/SUMMARY.md");
    let Some(contents) = pages.get(summary) else {
        return vec![format!("{}: there is none", summary.display())];
    };
    let mut faults = Vec::new();
    let mut listed = BTreeSet::new();
    for (link, _) in &contents.links {
        let path = normal(&Path::new("docs").join(link));
        if !listed.insert(path) {
            faults.push(format!("{}: `{link}` is there twice", summary.display()));
        }
    }
    for page in pages.keys().filter(|page| page.starts_with("docs") && **page != summary) {
        if !listed.contains(*page) {
            faults.push(format!("{}: {} is missing", summary.display(), page.display()));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{Page, Target, check, slug, wrong_address};
    use std::fs;
    use std::path::PathBuf;

    /// A repository with these files.
    fn repository(name: &str, files: &[(&str, &str)]) -> PathBuf {
        let root = std::env::temp_dir().join(format!("book-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn faults(name: &str, files: &[(&str, &str)]) -> Vec<String> {
        let root = repository(name, files);
        let faults = check(&root);
        fs::remove_dir_all(root).unwrap();
        faults
    }

    const SUMMARY: (&str, &str) = ("docs/SUMMARY.md", "- [A](a.md)\n- [B](sub/b.md)\n");

    #[test]
    fn good_pages_have_no_faults() {
        let a = "`src/x.rs` `head/x.rs`\n# One two\n[b](sub/b.md#some-code) [self](#one-two) [source](../src/x.rs)\n\n```text\n```\n";
        let b = "## Some `code`\n![a](../a.svg) [out](https://example.org/a?b#c)\n";
        let files = [
            SUMMARY,
            ("docs/a.md", a),
            ("docs/sub/b.md", b),
            ("docs/a.svg", ""),
            ("src/x.rs", ""),
            ("scheduler/src/head/x.rs", ""),
            ("README.md", "[a folder](docs)\n"),
        ];
        assert_eq!(faults("good", &files), Vec::<String>::new());
    }

    #[test]
    fn each_fault_is_found() {
        let a = "# One\n[1](none.md)\n[2](sub/b.md#none)\n[3](#two)\n[4](sub)\n[5](htp://x.org)\n[6](../../x) `gone/y.rs`\n\n```\nx\n```\n";
        let files = [SUMMARY, ("docs/a.md", a), ("docs/sub/b.md", "    x\n"), ("docs/c.md", "")];
        let found = faults("bad", &files);
        for expected in [
            "docs/a.md: `none.md`: there is no such file",
            "docs/a.md: `sub/b.md#none`: there is no heading `none` on that page",
            "docs/a.md: `#two`: there is no heading `two` on that page",
            "docs/a.md: `sub`: is a folder: name a page in it",
            "docs/a.md: `htp://x.org` is neither https nor http",
            "docs/a.md: `../../x`: leads out of the repository",
            "docs/a.md: there is no `gone/y.rs`",
            "docs/a.md: the code block at line 9 does not say what it is",
            "docs/sub/b.md: the code block at line 1 does not say what it is",
            "docs/SUMMARY.md: docs/c.md is missing",
        ] {
            assert!(found.iter().any(|fault| fault == expected), "{expected}\nin {found:#?}");
        }
        assert_eq!(found.len(), 10, "{found:#?}");
    }

    #[test]
    fn a_page_is_listed_once() {
        let summary = ("docs/SUMMARY.md", "- [A](a.md)\n- [Again](a.md)\n");
        let found = faults("twice", &[summary, ("docs/a.md", "")]);
        assert_eq!(found, ["docs/SUMMARY.md: `a.md` is there twice"]);
    }

    #[test]
    fn anchors_are_those_of_the_site() {
        assert_eq!(slug(" What `is` not, checked? "), "what-is-not-checked");
        let page = Page::parse("# A\n\n## A\n");
        assert!(page.anchors.contains("a") && page.anchors.contains("a-1"));
    }

    #[test]
    fn addresses() {
        assert_eq!(Target::of("a/b.md#c"), Target::Inside("a/b.md", Some("c")));
        assert_eq!(Target::of("mailto:x"), Target::Outside("mailto:x"));
        assert_eq!(wrong_address("https://docs.rs/rayon"), None);
        assert!(wrong_address("https://").is_some());
        assert!(wrong_address("https://docs..rs/").is_some());
        assert!(wrong_address("mailto:x").is_some());
    }
}
