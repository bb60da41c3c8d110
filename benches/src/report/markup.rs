//! A writer of XML: whatever it is given, the result is well-formed.

use std::fmt::Write;

/// A document, or a part of one, that is being written.
#[derive(Debug, Default)]
pub(crate) struct Markup {
    out: String,
    open: Vec<&'static str>,
}

impl Markup {
    /// Opens an element.
    pub(crate) fn begin(&mut self, name: &'static str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes);
        self.out.push('>');
        self.open.push(name);
    }

    /// Closes the element that was opened last.
    pub(crate) fn end(&mut self) {
        let name = self.open.pop().expect("every end has its begin");
        write!(self.out, "</{name}>").expect("a String takes whatever is written");
        if !matches!(name, "a" | "b" | "span" | "code" | "tspan") {
            self.out.push('\n');
        }
    }

    /// An element with nothing but text.
    pub(crate) fn leaf(&mut self, name: &'static str, attributes: &[(&str, &str)], text: &str) {
        self.begin(name, attributes);
        self.text(text);
        self.end();
    }

    /// An element without content: of SVG, or one of those that HTML knows as such.
    pub(crate) fn empty(&mut self, name: &'static str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes);
        self.out.push_str("/>\n");
    }

    /// Text as it is to be read.
    pub(crate) fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                c if c.is_control() => self.out.push(' '),
                c => self.out.push(c),
            }
        }
    }

    /// A style sheet; it must contain none of XML's special characters.
    pub(crate) fn style(&mut self, css: &str) {
        assert!(!css.contains(['<', '&']), "a style sheet is not escaped");
        self.begin("style", &[]);
        self.out.push_str(css);
        self.end();
    }

    /// What was written.
    pub(crate) fn finish(self) -> String {
        assert!(self.open.is_empty(), "{:?} are still open", self.open);
        self.out
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in attributes {
            write!(self.out, " {key}=\"").expect("a String takes whatever is written");
            self.text(value);
            self.out.push('"');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_are_escaped() {
        let mut markup = Markup::default();
        markup.leaf("p", &[("title", "\"<x>\"")], "a & b\u{0}");
        assert_eq!(markup.finish().trim_end(), "<p title=\"&quot;&lt;x&gt;&quot;\">a &amp; b </p>");
    }

    #[test]
    #[should_panic(expected = "still open")]
    fn an_open_element_is_noticed() {
        let mut markup = Markup::default();
        markup.begin("p", &[]);
        markup.finish();
    }
}
