//! A web site to be crawled, and what it has seen of its visitors.

use crate::gauge::Gauge;
use crate::loopback::Answer;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

/// Pages with links in all the ways in which one can write them.
pub(crate) struct Site {
    pages: usize,
    visits: Mutex<BTreeMap<String, usize>>,
    at_a_time: Gauge,
}

/// Where a page can be asked for.
pub(crate) fn path(page: usize) -> String {
    format!("/page/{page}")
}

impl Site {
    pub(crate) fn new(pages: usize) -> Self {
        Self { pages, visits: Mutex::default(), at_a_time: Gauge::default() }
    }

    /// What it says to a request.
    pub(crate) fn answer(&self, asked: &str) -> Answer {
        let _held = self.at_a_time.hold();
        *self.visits.lock().unwrap().entry(asked.to_owned()).or_default() += 1;
        let page = asked.strip_prefix("/page/").and_then(|page| page.parse().ok());
        match page.filter(|&page| page < self.pages) {
            Some(page) => {
                thread::sleep(Duration::from_millis(if page % 10 == 9 { 20 } else { 2 }));
                Answer { status: 200, body: self.page(page) }
            }
            None if asked.starts_with("/down/") => Answer { status: 503, body: "later".to_owned() },
            None => Answer { status: 404, body: "not here".to_owned() },
        }
    }

    /// A tree, with links back, across and to nowhere.
    fn page(&self, page: usize) -> String {
        let (left, right) = (2 * page + 1, 2 * page + 2);
        let mut links = vec![
            "#top".to_owned(),
            path(page.saturating_sub(1) / 2),
            format!("../page/{}#middle", page * 7 % self.pages),
            "https://example.com/elsewhere".to_owned(),
            "mailto:somebody@example.com".to_owned(),
        ];
        if left < self.pages {
            links.push(format!("./{left}"));
        }
        if right < self.pages {
            links.push(right.to_string());
        }
        if let Some(broken) = broken_link(page) {
            links.extend([broken.clone(), format!("{broken}#there")]);
        }
        let mut html =
            format!("<!doctype html>\n<title>Page {page}</title>\n<h1 id=top>{page}</h1>\n");
        for link in links {
            let _ = writeln!(html, "<p>Some words, and <a href=\"{link}\">a link</a>.");
        }
        html
    }

    /// How often each path was asked for.
    pub(crate) fn visits(&self) -> BTreeMap<String, usize> {
        self.visits.lock().unwrap().clone()
    }

    /// The most requests that there have been at a time.
    pub(crate) fn most_at_a_time(&self) -> usize {
        self.at_a_time.most()
    }

    /// What each broken link leads to, and on which pages it is.
    pub(crate) fn broken(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut broken = BTreeMap::<_, BTreeSet<_>>::new();
        for page in 0..self.pages {
            if let Some(link) = broken_link(page) {
                broken.entry(link).or_default().insert(path(page));
            }
        }
        broken
    }
}

/// The broken link of a page, if it has one. Some are on several pages.
fn broken_link(page: usize) -> Option<String> {
    match page % 12 {
        3 => Some(format!("/gone/{}", page % 7)),
        8 => Some(format!("/down/{page}")),
        _ => None,
    }
}
