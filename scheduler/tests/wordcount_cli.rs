//! The example `wordcount` as its users meet it: run as a process on folders made for the
//! purpose, and compared with counts made here by other means.

#[path = "support/example.rs"]
mod example;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

// ---- Running it

fn wordcount<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = example::command("wordcount");
    command.args(args);
    command
}

/// What a run said.
#[derive(Debug)]
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Run {
    fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// A run in which both passes agreed.
    fn good(command: &mut Command) -> Self {
        let run = Self::of(command);
        assert_eq!(run.code, Some(0), "{command:?}: {run:?}");
        assert_eq!(run.line("equal"), Some("yes"), "{command:?}: {run:?}");
        run
    }

    /// What stands on the line that begins with `label`.
    fn line(&self, label: &str) -> Option<&str> {
        let rest = self.out.lines().find_map(|line| line.strip_prefix(label));
        rest.filter(|rest| rest.starts_with(' ')).map(str::trim)
    }

    #[track_caller]
    fn number(&self, label: &str) -> u64 {
        let text = self.line(label).unwrap_or_else(|| panic!("no line {label:?}: {self:?}"));
        text.replace(',', "").parse().unwrap_or_else(|_| panic!("{label} {text:?}: {self:?}"))
    }

    #[track_caller]
    fn numbers<const N: usize>(&self, labels: [&str; N]) -> [u64; N] {
        labels.map(|label| self.number(label))
    }

    /// The table of words.
    fn words(&self) -> Vec<(String, u64)> {
        let lines = self.out.lines().skip_while(|line| !line.ends_with("count  word")).skip(1);
        let rows = lines.take_while(|line| !line.is_empty()).map(|line| {
            let (count, word) = line.trim_start().split_once("  ").unwrap();
            (word.to_owned(), count.replace(',', "").parse().unwrap())
        });
        rows.collect()
    }

    /// The table of words in one line, such as `the:2 end:1`.
    fn table(&self) -> String {
        let words = self.words().into_iter().map(|(word, count)| format!("{word}:{count}"));
        words.collect::<Vec<_>>().join(" ")
    }

    /// How many lines of stderr have `text`.
    fn remarks(&self, text: &str) -> usize {
        self.err.lines().filter(|line| line.contains(text)).count()
    }
}

/// The summary's lines on what is not as it should be.
const ODD: [&str; 6] = [
    "empty folders",
    "invalid UTF-8",
    "unreadable",
    "broken links",
    "links to folders",
    "special files",
];

// ---- Folders to count

/// A temporary folder, gone in the end.
struct Tree(PathBuf);

impl Tree {
    /// `test` keeps the tests of this process apart.
    fn new(test: &str) -> Self {
        let name = format!("scheduler-wordcount-{}-{test}", std::process::id());
        let root = env::temp_dir().join(name);
        fs::create_dir(&root).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
        Self(root)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    fn folder(&self, path: &str) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn file(&self, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// `wordcount` on the tree, with a table of all words.
    fn count(&self, args: &[&str]) -> Command {
        let mut command = wordcount(["--top", "1000000"]);
        command.args(args).arg(&self.0);
        command
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let removed = fs::remove_dir_all(&self.0);
        if !std::thread::panicking() {
            removed.unwrap_or_else(|error| panic!("{}: {error}", self.0.display()));
        }
    }
}

/// The words of `text` in the order of the table, found in another way than the example's.
fn words_of(text: &[u8]) -> Vec<(String, u64)> {
    let mut counts = BTreeMap::<String, u64>::new();
    let text = String::from_utf8_lossy(text);
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        *counts.entry(word.chars().flat_map(char::to_lowercase).collect()).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

/// `length` or a few more bytes of what is easily cut wrongly: characters of one to four
/// bytes, separators of one and of three, and pieces of characters.
fn awkward_text(seed: u64, length: usize) -> Vec<u8> {
    const BROKEN: [&[u8]; 5] = [b"\xff", b"\xc3", b"\x80\x80", b"\xe6\x9d", b"\xf0\x9d\x94"];
    let whole: Vec<_> = "aZ7 \n'éßΣİ東𝔘\u{301}\u{3000}\u{2028}".chars().map(String::from).collect();
    let pieces: Vec<_> = whole.iter().map(String::as_bytes).chain(BROKEN).collect();
    let mut text = Vec::new();
    let mut state = seed;
    while text.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        text.extend(pieces[(state >> 33) as usize % pieces.len()]);
    }
    text
}

// ---- What is counted

#[test]
fn counts_a_known_tree() {
    let tree = Tree::new("known");
    tree.file("a.txt", "The cat and the dog.\n");
    tree.file("sub/b.txt", "the DOG; a cat's dog");
    tree.file("sub/deeper/c", "42 dogs");
    for threads in ["1", "2", "8"] {
        let run = Run::good(&mut tree.count(&["--threads", threads]));
        let labels = ["files", "bytes", "words", "distinct words", "folders"];
        assert_eq!(run.numbers(labels), [3, 48, 13, 8, 3]);
        assert_eq!(run.numbers(ODD), [0; 6]);
        assert_eq!(run.table(), "dog:3 the:3 cat:2 42:1 a:1 and:1 dogs:1 s:1");
        assert_eq!(run.err, "");
        // A row for each worker, and the total.
        let workers = run.out.lines().skip_while(|line| !line.starts_with("worker ")).skip(1);
        assert_eq!(workers.count(), threads.parse::<usize>().unwrap() + 1);
        assert!(run.out.contains(&format!("workers: {threads}\n")), "{run:?}");
    }
}

#[test]
fn a_word_is_what_the_documentation_says() {
    let tree = Tree::new("word");
    tree.file(
        "text",
        "Don't snake_case ÉCOLE\u{a0}École 東京\u{3000}大阪 x\u{301}y Σς I\u{307}İ 3½",
    );
    let run = Run::good(&mut tree.count(&[]));
    // The dot above is no word character, but it is what the Turkish capital leaves.
    let expected =
        "école:2 3½:1 case:1 don:1 i:1 i\u{307}:1 snake:1 t:1 x:1 y:1 σς:1 大阪:1 東京:1";
    assert_eq!(run.table(), expected);
}

#[test]
fn any_number_of_workers_counts_the_same() {
    let tree = Tree::new("workers");
    let mut text = Vec::new();
    for index in 0..300 {
        let part = awkward_text(index, 40 * index as usize % 3_000);
        let path = format!("{}/{}/{index}", index % 7, index % 5);
        tree.file(&path, &part);
        text.extend(part);
        text.push(b' ');
    }
    let expected = words_of(&text);
    for threads in ["1", "2", "8"] {
        let run = Run::good(&mut tree.count(&["--threads", threads, "--split", "100"]));
        assert_eq!(run.numbers(["files", "folders", "bytes"]), [300, 43, text.len() as u64 - 300]);
        assert_eq!(run.words(), expected, "{threads} workers");
    }
}

// ---- Cutting

#[test]
fn where_a_file_is_cut_changes_nothing() {
    let tree = Tree::new("cut");
    let text = awkward_text(1, 1_500);
    tree.file("text", &text);
    let expected = words_of(&text);
    // Blocks are 16 times as long: small enough here for many of them.
    for split in (1..=40).chain([64, 93, 94, 500, text.len() - 1, text.len(), usize::MAX]) {
        let run = Run::good(&mut tree.count(&["--split", &split.to_string()]));
        assert_eq!(run.words(), expected, "cut at {split}");
        assert_eq!(run.numbers(["files", "bytes", "invalid UTF-8"]), [1, text.len() as u64, 1]);
    }
}

#[test]
fn a_file_of_many_blocks_is_counted_whole() {
    let tree = Tree::new("blocks");
    let text = awkward_text(2, 3 << 20);
    tree.file("text", &text);
    let expected = words_of(&text);
    // Pieces of 1 MiB, the default, and blocks of 1 MiB.
    for args in [&[][..], &["--split", "65536"]] {
        let run = Run::good(&mut tree.count(args));
        assert_eq!(run.words(), expected, "{args:?}");
        assert_eq!(run.number("bytes"), text.len() as u64);
    }
}

#[test]
fn text_that_cannot_be_cut_stays_whole() {
    let tree = Tree::new("whole");
    let word = "東".repeat(1_000);
    tree.file("alone", &word);
    tree.file("after", format!(" {word}"));
    tree.file("before", format!("{word} "));
    tree.file("between", format!("{word}\n{word}"));
    tree.file("wide spaces", format!("{word}\u{3000}").repeat(3));
    for split in ["1", "2", "10", "300"] {
        let run = Run::good(&mut tree.count(&["--split", split]));
        assert_eq!(run.words(), [(word.clone(), 8)], "cut at {split}");
    }
}

// ---- What is odd

#[test]
fn invalid_utf8_separates_words_and_is_reported() {
    let tree = Tree::new("utf8");
    tree.file("latin1", b"caf\xe9 noir");
    tree.file("middle", b"abc\xffdef");
    tree.file("end", b"x caf\xc3");
    tree.file("fine", "café");
    // Whole, and in pieces of which only one is invalid.
    for split in ["1000", "4", "1"] {
        let run = Run::good(&mut tree.count(&["--split", split]));
        assert_eq!(run.numbers(ODD), [0, 3, 0, 0, 0, 0], "{run:?}");
        assert_eq!(run.number("files"), 4);
        for name in ["latin1", "middle", "end"] {
            assert_eq!(run.remarks(&format!("{name}\"")), 1, "{run:?}");
        }
        assert_eq!(run.remarks("invalid UTF-8"), 3, "{run:?}");
        assert_eq!(run.table(), "caf:2 abc:1 café:1 def:1 noir:1 x:1");
    }
}

#[test]
fn empty_folders_are_reported_and_empty_files_are_files() {
    let tree = Tree::new("empty");
    tree.file("nothing", "");
    tree.folder("hollow");
    let run = Run::good(&mut tree.count(&[]));
    assert_eq!(run.numbers(["files", "bytes", "words", "folders"]), [1, 0, 0, 2]);
    assert_eq!(run.numbers(ODD), [1, 0, 0, 0, 0, 0]);
    assert!(run.err.starts_with("wordcount: empty folder: ") && run.err.contains("hollow\""));
    assert_eq!(run.err.lines().count(), 1);

    // DIR itself may be empty.
    let run = Run::good(&mut wordcount([tree.path("hollow")]));
    assert_eq!(run.numbers(["files", "folders", "empty folders"]), [0, 1, 1]);
}

#[test]
fn a_long_list_of_remarks_is_cut_but_counted() {
    let tree = Tree::new("many");
    for index in 0..300 {
        tree.folder(&format!("{}/{index}", index % 30));
    }
    for threads in ["1", "8"] {
        let run = Run::good(&mut tree.count(&["--threads", threads]));
        assert_eq!(run.number("empty folders"), 300);
        assert_eq!(run.remarks("wordcount: empty folder: \""), 10, "{run:?}");
        assert_eq!(run.remarks("wordcount: empty folder: 290 more"), 1, "{run:?}");
        assert_eq!(run.err.lines().count(), 11, "{run:?}");
    }
}

/// The table of words is longer than a pipe holds. So the first pass is over and the second has
/// not begun while nobody reads the rest of it.
fn stopped_between_the_passes(tree: &Tree) -> (std::process::Child, impl BufRead) {
    let words: Vec<_> = (0..30_000).map(|word| format!("word{word}")).collect();
    tree.file("words", words.join(" "));
    let mut command = tree.count(&[]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.starts_with("files "), "{line:?}");
    (child, out)
}

#[test]
fn a_file_that_changes_between_the_passes_is_named() {
    let tree = Tree::new("changes");
    tree.file("still", "still");
    let (child, mut out) = stopped_between_the_passes(&tree);
    tree.file("new/changed", "something else");
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{rest}{err}");
    assert!(rest.contains("\nequal              NO\n"), "{rest}");
    assert!(err.contains("changed\" was written to since the start\n"), "{err}");
    assert!(err.contains("perhaps because files changed meanwhile"), "{err}");
    assert!(!err.contains("an error of this program"), "{err}");
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let tree = Tree::new("reader");
    let (child, out) = stopped_between_the_passes(&tree);
    drop(out);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

// ---- The command line

#[test]
fn dir_may_be_missing_or_a_file() {
    let tree = Tree::new("dir");
    let file = tree.file("one", "one two");
    tree.file("other", "three");
    let run = Run::good(wordcount([""; 0]).current_dir(&tree.0));
    assert_eq!(run.numbers(["files", "words", "folders"]), [2, 3, 1]);
    let run = Run::good(&mut wordcount([file]));
    assert_eq!(run.numbers(["files", "words", "folders"]), [1, 2, 0]);
}

#[test]
fn top_limits_the_table() {
    let tree = Tree::new("top");
    tree.file("text", "c b a b d d");
    for (top, table) in [("0", ""), ("3", "b:2 d:2 a:1"), ("4", "b:2 d:2 a:1 c:1")] {
        let run = Run::good(wordcount(["--top", top]).arg(&tree.0));
        assert_eq!((run.number("distinct words"), run.table().as_str()), (4, table));
        assert_eq!(run.out.contains("count  word"), top != "0", "{run:?}");
    }
    assert_eq!(Run::good(&mut tree.count(&[])).table(), "b:2 d:2 a:1 c:1");
}

#[test]
fn without_verifying_there_is_no_second_pass() {
    let tree = Tree::new("verify");
    tree.file("text", "a b");
    let run = Run::of(&mut tree.count(&["--no-verify"]));
    assert_eq!((run.code, run.number("words")), (Some(0), 2), "{run:?}");
    assert!(run.line("parallel").is_some(), "{run:?}");
    assert_eq!((run.line("sequential"), run.line("equal")), (None, None), "{run:?}");
    assert!(Run::good(&mut tree.count(&[])).line("sequential").is_some());
}

#[test]
fn help_names_every_option() {
    let run = Run::of(&mut wordcount(["--help"]));
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    for option in ["--threads N", "--top N", "--split BYTES", "--no-verify", "--help", "[DIR]"] {
        assert!(run.out.contains(option), "{option}: {}", run.out);
    }
}

/// Exit code 2, one line on stderr that has `names`, and nothing else.
#[track_caller]
fn refused(command: &mut Command, names: &str) {
    let run = Run::of(command);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{command:?}: {run:?}");
    assert!(run.err.starts_with("wordcount: "), "{command:?}: {run:?}");
    assert!(run.err.contains(names), "{command:?} should name {names}: {run:?}");
    assert_eq!(run.err.lines().count(), 1, "{command:?}: {run:?}");
}

#[test]
fn bad_use_gets_one_line() {
    let tree = Tree::new("refused");
    refused(&mut wordcount([tree.path("nowhere")]), "nowhere\"");
    refused(&mut wordcount([""]), "\"\"");
    refused(&mut wordcount(["--frobnicate"]), "--frobnicate");
    refused(&mut wordcount(["--threads=2"]), "--threads=2");
    refused(&mut wordcount(["-x"]), "-x");
    refused(&mut wordcount([".", "second"]), "second");
    for option in ["--threads", "--top", "--split"] {
        refused(&mut wordcount([option]), option);
        for value in ["abc", "-1", "1.5", "", "99999999999999999999999"] {
            refused(&mut wordcount([option, value]), &format!("{option} needs a number"));
            refused(&mut wordcount([option, value]), &format!("not {value:?}"));
        }
    }
    refused(&mut wordcount(["--split", "0"]), "--split");
    refused(&mut wordcount(["--threads", "65536"]), "65536");
    refused(wordcount([&tree.0]).env("SCHEDULER_NUM_THREADS", "abc"), "SCHEDULER_NUM_THREADS");
}

// ---- What only Unix has

#[cfg(unix)]
mod unix {
    use super::*;
    use std::fs::{File, Permissions};
    use std::io::{self, Write};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::process::CommandExt;

    /// A line that the test harness does not swallow.
    fn note(what: &str) {
        let _ = writeln!(io::stderr(), "wordcount_cli: NOT TESTED: {what}");
    }

    #[test]
    fn links_to_files_are_followed_and_others_are_reported() {
        let tree = Tree::new("links");
        tree.file("tree/real/text", "one two");
        tree.file("tree/elsewhere", "three");
        for (target, link) in [
            ("../elsewhere", "tree/real/good"),
            ("good", "tree/real/good of good"),
            ("nowhere", "tree/broken"),
            ("self", "tree/self"),
            ("elsewhere/below", "tree/below a file"),
            (".", "tree/loop"),
            ("..", "tree/real/loop"),
            ("real", "tree/folder"),
            ("tree", "root"),
        ] {
            symlink(target, tree.path(link)).unwrap();
        }
        for root in ["tree", "root"] {
            for threads in ["1", "8"] {
                let root = tree.path(root);
                let run = Run::good(wordcount(["--threads", threads]).arg(root));
                assert_eq!(run.numbers(["files", "words", "folders"]), [4, 5, 2], "{run:?}");
                assert_eq!(run.numbers(ODD), [0, 0, 0, 3, 3, 0], "{run:?}");
                for name in ["broken", "self", "below a file"] {
                    assert_eq!(run.remarks(&format!("{name}\": ")), 1, "{run:?}");
                }
                assert_eq!(run.remarks("wordcount: broken link: "), 3, "{run:?}");
                assert_eq!(run.remarks("wordcount: link to a folder, not followed: "), 3);
            }
        }
        refused(&mut wordcount([tree.path("tree/broken")]), "broken\"");
    }

    #[test]
    fn unreadable_files_and_folders_are_reported() {
        let tree = Tree::new("unreadable");
        let counted = tree.folder("tree");
        tree.file("tree/fine", "one two");
        let locked = tree.file("tree/locked", "secret");
        tree.file("tree/closed/inside", "secret");
        let closed = tree.path("tree/closed");
        for path in [&locked, &closed] {
            fs::set_permissions(path, Permissions::from_mode(0o000)).unwrap();
        }
        let mut commands = vec![wordcount([&counted]), wordcount([&locked]), wordcount([&closed])];
        // Root may read everything, so let somebody else try.
        let tested = File::open(&locked).is_err() || {
            let copy = tree.path("wordcount");
            // A fresh copy may be refused as busy while another test starts a process.
            let binary = example::binary("wordcount");
            if fs::hard_link(&binary, &copy).is_err() {
                fs::copy(&binary, &copy).unwrap();
            }
            let stranger = |path: &Path| {
                let mut command = Command::new(&copy);
                command.arg(path).env_remove("SCHEDULER_NUM_THREADS").uid(65_534).gid(65_534);
                command
            };
            commands = [&counted, &locked, &closed].map(|path| stranger(path)).into();
            stranger(Path::new("--help")).output().is_ok_and(|output| output.status.success())
        };
        if tested {
            let run = Run::good(&mut commands[0]);
            assert_eq!(run.numbers(["files", "words", "folders"]), [1, 2, 1], "{run:?}");
            assert_eq!(run.numbers(ODD), [0, 0, 2, 0, 0, 0], "{run:?}");
            assert_eq!(run.remarks("cannot read: "), 2, "{run:?}");
            assert_eq!(run.remarks("tree/locked\": Permission denied"), 1, "{run:?}");
            assert_eq!(run.remarks("tree/closed\": Permission denied"), 1, "{run:?}");
            refused(&mut commands[1], "tree/locked\": Permission denied");
            refused(&mut commands[2], "tree/closed\": Permission denied");
        } else {
            note("unreadable files: this user reads everything and cannot become another");
        }
        fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    }

    #[test]
    fn pipes_and_devices_are_not_opened() {
        let tree = Tree::new("special");
        tree.file("text", "one");
        symlink("/dev/zero", tree.path("zeros")).unwrap();
        let mut special = 1;
        // To open it would block for ever.
        let pipe = tree.path("pipe");
        match Command::new("mkfifo").arg(&pipe).status() {
            Ok(status) if status.success() => {
                special += 1;
                symlink("pipe", tree.path("link to pipe")).unwrap();
                special += 1;
                refused(&mut wordcount([&pipe]), "pipe\"");
            }
            other => note(&format!("pipes: mkfifo: {other:?}")),
        }
        let run = Run::good(&mut tree.count(&[]));
        assert_eq!(run.numbers(["files", "words", "special files"]), [1, 1, special], "{run:?}");
        assert_eq!(run.remarks("special file, not opened: ") as u64, special, "{run:?}");
        refused(&mut wordcount(["/dev/zero"]), "/dev/zero");
    }

    #[test]
    fn no_name_breaks_a_line() {
        let tree = Tree::new("names");
        let name = OsStr::from_bytes(b"two\nlines and \xff");
        // Some file systems take only UTF-8.
        if fs::write(tree.0.join(name), b"\xff").is_err() {
            return note("names that are not UTF-8: this file system has none");
        }
        let run = Run::good(&mut tree.count(&[]));
        assert_eq!((run.number("files"), run.err.lines().count()), (1, 1), "{run:?}");
        refused(&mut wordcount([OsStr::from_bytes(b"no\n\xff")]), "\"no\\n\\xFF\"");
        refused(&mut wordcount([OsStr::from_bytes(b"--\xff")]), "--");
    }

    #[test]
    fn folders_may_nest_deeply() {
        let tree = Tree::new("deep");
        tree.file(&format!("{}text", "d/".repeat(400)), "deep");
        for threads in ["1", "8"] {
            let run = Run::good(&mut tree.count(&["--threads", threads]));
            assert_eq!(run.numbers(["files", "words", "folders"]), [1, 1, 401]);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_that_fails_while_it_is_read_is_reported() {
        let tree = Tree::new("fails");
        tree.file("text", "one");
        // It opens, but nothing is mapped at its beginning.
        symlink("/proc/self/mem", tree.path("memory")).unwrap();
        let run = Run::good(&mut tree.count(&[]));
        assert_eq!(run.numbers(["files", "words", "unreadable"]), [1, 1, 1], "{run:?}");
        assert_eq!(run.remarks("cannot read: "), 1, "{run:?}");
    }
}
