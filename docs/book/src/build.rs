//! mdBook, over a copy of the pages in which links to the sources lead to copies of these.

use crate::page::{Page, Target, normal, pages};
use mdbook_driver::MDBook;
use mdbook_driver::config::Config;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{error, fs, io};

type Error = Box<dyn error::Error + Send + Sync>;

/// Makes the book in `out`.
pub(crate) fn book(root: &Path, out: &Path) -> Result<(), Error> {
    let staged = out.with_file_name("pages");
    remove(&staged)?;
    remove(out)?;
    let sources = stage(root, &staged)?;
    let mut config = Config::from_disk(root.join("docs/book.toml"))?;
    config.build.build_dir = out.to_owned();
    MDBook::load_with_config(&staged, config)?.build()?;
    for source in sources {
        let text = fs::read_to_string(root.join(&source))?;
        write(&out.join("sources").join(html_name(&source)), &listing(&source, &text))?;
    }
    Ok(())
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(path.parent().expect("a file lies in a folder"))?;
    fs::write(path, text)
}

/// Copies the pages of `docs/` and what they show. The files outside of it that they link to.
fn stage(root: &Path, staged: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut sources = BTreeSet::new();
    for (path, text) in pages(root)? {
        let Ok(in_docs) = path.strip_prefix("docs") else { continue };
        let folder = path.parent().expect("a page lies in a folder");
        let mut staged_text = text.clone();
        let is_contents = in_docs == Path::new("SUMMARY.md");
        // From the end, so that the places before stay where they are.
        for (link, place) in Page::parse(&text).links.into_iter().rev() {
            let Target::Inside(to, anchor) = Target::of(&link) else { continue };
            if to.is_empty() {
                continue;
            }
            let target = normal(&folder.join(to));
            let new = match target.strip_prefix("docs") {
                // mdBook calls this page so, but not in the contents.
                Ok(inside) if inside.ends_with("README.md") && !is_contents => {
                    Some(format!("{}index.md", to.strip_suffix("README.md").expect("it ends so")))
                }
                Ok(inside) => {
                    if inside.extension().is_none_or(|extension| extension != "md") {
                        copy(&root.join(&target), &staged.join(inside))?;
                    }
                    None
                }
                Err(_) => {
                    let up = "../".repeat(in_docs.components().count() - 1);
                    let file = html_name(&target);
                    sources.insert(target);
                    // An anchor of a page is none of its listing.
                    let link = format!("{up}sources/{file}");
                    rewrite(&mut staged_text, place.clone(), &link_text(to, anchor), &link);
                    None
                }
            };
            if let Some(new) = new {
                rewrite(&mut staged_text, place, to, &new);
            }
        }
        write(&staged.join(in_docs), &staged_text)?;
    }
    Ok(sources)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to.parent().expect("a file lies in a folder"))?;
    fs::copy(from, to).map(drop)
}

fn link_text(to: &str, anchor: Option<&str>) -> String {
    anchor.map_or_else(|| to.to_owned(), |anchor| format!("{to}#{anchor}"))
}

/// Replaces the last `old` in that part of the text: where a link has its address.
fn rewrite(text: &mut String, place: std::ops::Range<usize>, old: &str, new: &str) {
    // An address that is defined elsewhere on the page is not in the link itself.
    let begin = match text[place.clone()].rfind(old) {
        Some(at) => place.start + at,
        None => text.rfind(&format!("]: {old}")).expect("the link came from this text") + 3,
    };
    text.replace_range(begin..begin + old.len(), new);
}

/// The name of a file's listing. mdBook takes a `.md` inside of it for an extension.
fn html_name(source: &Path) -> String {
    match source.extension() {
        Some(extension) if extension == "md" => source.with_extension("html").display().to_string(),
        _ => format!("{}.html", source.display()),
    }
}

/// A text file as a page that shows it as it is.
fn listing(source: &Path, text: &str) -> String {
    let title = source.display();
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            c => escaped.push(c),
        }
    }
    let mut page = String::new();
    write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<h1>{title}</h1>\n<pre>{escaped}</pre>\n</html>\n"
    )
    .expect("a String takes all");
    page
}

#[cfg(test)]
mod tests {
    use super::{listing, rewrite};
    use crate::page::Page;
    use std::path::Path;

    #[test]
    fn a_link_is_rewritten_where_it_stands() {
        for (before, after) in [
            ("x [a.rs](a.rs) y", "x [a.rs](b) y"),
            ("x [a][1] y\n\n[1]: a.rs\n", "x [a][1] y\n\n[1]: b\n"),
        ] {
            let mut text = before.to_owned();
            let (link, place) = Page::parse(before).links.remove(0);
            rewrite(&mut text, place, &link, "b");
            assert_eq!(text, after);
        }
    }

    #[test]
    fn a_listing_shows_what_is_in_the_file() {
        let page = listing(Path::new("a.rs"), "x < y && z");
        assert!(page.contains("<pre>x &lt; y &amp;&amp; z</pre>"));
    }
}
