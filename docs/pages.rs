//! The blocks of code of a page, and the frames that they stand in. Shared by the build script, which makes doctests of
//! the Rust ones, and the tests, which run the others.
//!
//! A page says what stands around its blocks of a language once, in a comment, so that each block shows only what
//! matters:
//!
//! ```text
//! <!-- frame java
//! class Main { public static void main(String[] arguments) {
//! ...
//! } }
//! -->
//! ```
//!
//! A block of Rust with a `main` of its own stands alone.

/// A fenced block of code.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// What follows the fence.
    pub(crate) info: &'a str,
    /// The lines between the fences, each with its end.
    pub(crate) code: String,
    /// The number of the line with the opening fence, from 1.
    pub(crate) line: usize,
}

impl Block<'_> {
    /// The language: `rust` of `rust,should_panic`.
    pub(crate) fn language(&self) -> &str {
        self.info.split(',').next().unwrap_or_default()
    }

    /// Whether it brings what it needs.
    fn stands_alone(&self) -> bool {
        self.code.contains("fn main(")
    }
}

/// The text before and after the blocks of one language.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    language: &'a str,
    before: &'a str,
    after: &'a str,
}

/// The blocks of a page, in order.
pub(crate) fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let code = lines.by_ref().map(|(_, line)| line).take_while(|line| !line.starts_with("```"));
        let code = code.map(|line| format!("{line}\n")).collect();
        blocks.push(Block { info, code, line: number + 1 });
    }
    blocks
}

/// The frames of a page.
pub(crate) fn frames(page: &str) -> Vec<Frame<'_>> {
    fn frame(comment: &str) -> Option<Frame<'_>> {
        let (language, text) = comment.split_once('\n')?;
        let (before, after) = text.split_once("...\n")?;
        Some(Frame { language, before, after })
    }
    let comments = page.split("<!-- frame ").skip(1).filter_map(|rest| rest.split_once("-->"));
    comments
        .map(|(comment, _)| {
            frame(comment).unwrap_or_else(|| {
                panic!("a frame has a language, and lines around `...`: {comment}")
            })
        })
        .collect()
}

/// What is compiled or run: the block in its frame.
pub(crate) fn framed(block: &Block<'_>, frames: &[Frame<'_>]) -> String {
    match frames.iter().find(|frame| frame.language == block.language()) {
        Some(frame) if !block.stands_alone() => [frame.before, &block.code, frame.after].concat(),
        _ => block.code.clone(),
    }
}
