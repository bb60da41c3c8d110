//! Which pages of its own site a page leads to.

use regex::Regex;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// The paths that the links of a page lead to, each once. `path` is the page's own.
///
/// It finds what is written as `href="…"`, and knows no other attribute, quote or encoding: enough for the site of this
/// example. A crawler for the world has a parser for HTML, and one for URLs.
pub(crate) fn links(path: &str, html: &str) -> BTreeSet<String> {
    static LINK: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"href="([^"]*)""#).expect("the expression is valid"));
    LINK.captures_iter(html).filter_map(|link| resolve(path, &link[1])).collect()
}

/// Where a link leads on the same site. `None`: to another one, or nowhere.
fn resolve(base: &str, link: &str) -> Option<String> {
    // The part behind `#` is a place in a page.
    let link = link.split('#').next()?;
    let has_scheme = link.split(['/', '?']).next()?.contains(':');
    if link.is_empty() || has_scheme || link.starts_with("//") {
        return None;
    }
    if link.starts_with('/') {
        return Some(link.to_owned());
    }
    let mut parts: Vec<&str> = base.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." => {}
            ".." if parts.len() > 1 => drop(parts.pop()),
            ".." => {}
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
