//! The pages as mdBook has made them.

use crate::Faults;
use crate::page::{Target, normal, wrong_address};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, Token, TokenSink, TokenSinkResult, Tokenizer};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// What a page refers to, and what can be referred to in it.
#[derive(Debug, Default)]
struct Page {
    /// The tag, and the value of its attribute.
    references: Vec<(String, String)>,
    ids: BTreeSet<String>,
}

#[derive(Default)]
struct Sink(RefCell<Page>);

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        if let Token::TagToken(tag) = token {
            let mut page = self.0.borrow_mut();
            for attribute in tag.attrs {
                let value = attribute.value.to_string();
                match &*attribute.name.local {
                    "id" => drop(page.ids.insert(value)),
                    "href" | "src" | "srcset" | "action" | "poster" | "data" => {
                        page.references.push((tag.name.to_string(), value));
                    }
                    _ => {}
                }
            }
        }
        TokenSinkResult::Continue
    }
}

impl Page {
    fn parse(text: &str) -> Self {
        let input = BufferQueue::default();
        input.push_back(StrTendril::from(text));
        let tokenizer = Tokenizer::new(Sink::default(), Default::default());
        let _ = tokenizer.feed(&input);
        tokenizer.end();
        tokenizer.sink.0.into_inner()
    }
}

/// The number of pages below `out`, and what is wrong with them.
pub(crate) fn check(out: &Path) -> (usize, Faults) {
    let files = match files(out) {
        Ok(files) => files,
        Err(error) => return (0, vec![format!("{}: {error}", out.display())]),
    };
    let mut pages = BTreeMap::new();
    let mut faults = Vec::new();
    for path in files.iter().filter(|path| path.extension().is_some_and(|e| e == "html")) {
        match fs::read_to_string(out.join(path)) {
            Ok(text) => drop(pages.insert(path.clone(), Page::parse(&text))),
            Err(error) => faults.push(format!("{}: {error}", path.display())),
        }
    }
    for (path, page) in &pages {
        // It is shown in place of any page, with addresses from the site's root.
        if path == Path::new("404.html") {
            continue;
        }
        for (tag, link) in &page.references {
            if let Err(what) = check_reference(&files, &pages, path, tag, link) {
                faults.push(format!("{}: `{link}`: {what}", path.display()));
            }
        }
    }
    (pages.len(), faults)
}

fn check_reference(
    files: &BTreeSet<PathBuf>,
    pages: &BTreeMap<PathBuf, Page>,
    from: &Path,
    tag: &str,
    link: &str,
) -> Result<(), String> {
    let (to, anchor) = match Target::of(link) {
        // Only a reader who clicks on it needs the network.
        Target::Outside(address) if tag == "a" => {
            return wrong_address(address).map_or(Ok(()), |wrong| Err(wrong.to_owned()));
        }
        Target::Outside(address) if address.starts_with("data:") => return Ok(()),
        Target::Outside(_) => return Err("the page needs the network".to_owned()),
        Target::Inside(to, anchor) => (to, anchor),
    };
    let to = to.split('?').next().unwrap_or_default();
    if to.starts_with('/') {
        return Err("begins at the root of whatever site it is on".to_owned());
    }
    let folder = from.parent().expect("a page lies in a folder");
    let mut target = if to.is_empty() { from.to_owned() } else { normal(&folder.join(to)) };
    if to.ends_with('/') || to == "." {
        target.push("index.html");
    }
    if !files.contains(&target) {
        return Err("there is no such file in the book".to_owned());
    }
    match (anchor, pages.get(&target)) {
        (None | Some(""), _) => Ok(()),
        (Some(anchor), Some(page)) if page.ids.contains(anchor) => Ok(()),
        (Some(_), _) => Err("there is no such place on that page".to_owned()),
    }
}

/// All files below a folder, by their paths from there.
fn files(root: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                files.insert(path);
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::check;
    use std::fs;

    #[test]
    fn each_fault_is_found() {
        let out = std::env::temp_dir().join(format!("book-html-{}", std::process::id()));
        fs::create_dir_all(out.join("sub")).unwrap();
        let a = r##"<link href="a.css"><a href="sub/b.html#there">1</a><a href="sub/b.html#none">2</a>
            <a href="none.html">3</a><img src="https://example.org/a.png"><a href="https://example.org">4</a>
            <a href="/root.html">5</a><a href="#here" id="here">6</a>"##;
        fs::write(out.join("a.html"), a).unwrap();
        fs::write(out.join("a.css"), "").unwrap();
        fs::write(out.join("sub/b.html"), r##"<h1 id="there"></h1><a href="../a.html">a</a>"##)
            .unwrap();
        let (pages, faults) = check(&out);
        fs::remove_dir_all(&out).unwrap();
        assert_eq!(pages, 2);
        let expected = [
            "a.html: `sub/b.html#none`: there is no such place on that page",
            "a.html: `none.html`: there is no such file in the book",
            "a.html: `https://example.org/a.png`: the page needs the network",
            "a.html: `/root.html`: begins at the root of whatever site it is on",
        ];
        assert_eq!(faults, expected);
    }
}
