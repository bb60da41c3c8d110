//! What can be wrong with the pages as they stand in the repository.

use crate::Faults;
use crate::page::{Page, Target, normal, pages, wrong_address};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Where the sources that a page names without a link may lie.
const SOURCE_FOLDERS: [&str; 6] =
    ["", "scheduler/src", "scheduler", "benches/src", "loom-tests", "scheduler-macros"];

/// The pages whose code runs as doctests.
const GUIDE: &str = "docs/guide";

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
        check_code(path, page, &mut fault);
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

/// Each block says what it is, and what the guide shows is run.
fn check_code(path: &Path, page: &Page, fault: &mut impl FnMut(String)) {
    let in_guide = path.starts_with(GUIDE);
    for (tag, line) in &page.tags {
        if tag.is_empty() {
            fault(format!("the code block at line {line} does not say what it is"));
        }
        if in_guide && (tag.contains("ignore") || tag.contains("no_run")) {
            fault(format!("the code block at line {line} is not run"));
        }
    }
    let parts = ["concepts", "recipes"].map(|part| Path::new(GUIDE).join(part));
    let teaches = parts.iter().any(|part| path.starts_with(part)) && !path.ends_with("README.md");
    if teaches && !page.tags.iter().any(|(tag, _)| tag == "rust") {
        fault("has no program".to_owned());
    }
}

/// A link to something in the repository.
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
    use super::check;
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
        let files = [SUMMARY, ("docs/a.md", a), ("docs/sub/b.md", "    x\n")];
        let guide = [
            ("docs/guide/a.md", "```rust,no_run\n```\n"),
            ("docs/guide/recipes/b.md", "```rust,ignore\n```\n"),
            ("docs/guide/recipes/README.md", ""),
            ("docs/guide/concepts/c.md", "```rust\n```\n"),
        ];
        let files: Vec<_> = files.into_iter().chain(guide).collect();
        let found = faults("bad", &files);
        let found: Vec<_> =
            found.into_iter().filter(|fault| !fault.contains("md is missing")).collect();
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
            "docs/guide/a.md: the code block at line 1 is not run",
            "docs/guide/recipes/b.md: the code block at line 1 is not run",
            "docs/guide/recipes/b.md: has no program",
        ] {
            assert!(found.iter().any(|fault| fault == expected), "{expected}\nin {found:#?}");
        }
        assert_eq!(found.len(), 12, "{found:#?}");
    }

    #[test]
    fn a_page_that_is_not_listed_is_found() {
        let files = [SUMMARY, ("docs/a.md", ""), ("docs/sub/b.md", ""), ("docs/c.md", "")];
        assert_eq!(faults("missing", &files), ["docs/SUMMARY.md: docs/c.md is missing"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_of_the_file_system_is_no_page() {
        let files = [SUMMARY, ("docs/a.md", "[b](sub/b.md)"), ("docs/sub/b.md", "")];
        let root = repository("symlink", &files);
        fs::create_dir(root.join("crate")).unwrap();
        std::os::unix::fs::symlink("../docs/a.md", root.join("crate/README.md")).unwrap();
        let found = check(&root);
        fs::remove_dir_all(root).unwrap();
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn a_page_is_listed_once() {
        let summary = ("docs/SUMMARY.md", "- [A](a.md)\n- [Again](a.md)\n");
        let found = faults("twice", &[summary, ("docs/a.md", "")]);
        assert_eq!(found, ["docs/SUMMARY.md: `a.md` is there twice"]);
    }
}
