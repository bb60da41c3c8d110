//! A page as it stands in the repository: its links, its headings, its code.

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
    pub(crate) anchors: BTreeSet<String>,
    /// The tags of its code blocks, and their lines.
    pub(crate) tags: Vec<(String, usize)>,
    /// What stands between backticks and looks like a source file.
    pub(crate) sources: BTreeSet<String>,
}

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
                    let tag = match &kind {
                        CodeBlockKind::Fenced(tag) => tag.trim(),
                        CodeBlockKind::Indented => "",
                    };
                    page.tags.push((tag.to_owned(), line(range.start)));
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
            let kind = entry.file_type()?;
            // The same page by another name: its links are meant for the place where it is.
            if kind.is_symlink() {
                continue;
            }
            if kind.is_dir() {
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

#[cfg(test)]
mod tests {
    use super::{Page, Target, slug, wrong_address};

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
