//! The larger examples as their users meet them: mistakes on the command line, input that cannot be read, output that
//! cannot be written, and results that are compared with what is found here by other means. The short runs of `.ci/run
//! examples` have the sunny side.

#[path = "support/example.rs"]
mod example;

use std::fmt::Write;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn run(name: &str, args: &[&str]) -> Output {
    example::command(name).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

// ---- Mistakes

#[test]
fn a_mistake_on_the_command_line_is_named_and_nothing_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let nowhere = format!("{folder}/nowhere/picture");
    let mistakes: [(&str, &[&str], &str); 16] = [
        ("grep", &[], "a PATTERN is needed"),
        ("grep", &["(", folder], "unclosed group"),
        ("grep", &["x", &nowhere], "nowhere"),
        ("grep", &["x", folder, "third"], "third"),
        ("grep", &["--threads"], "--threads"),
        ("grep", &["--threads", "two", "x"], "\"two\""),
        ("grep", &["--threads=65536", "x"], "65535"),
        ("grep", &["--colour", "x"], "--colour"),
        ("thumbnails", &[], "FROM and TO are needed"),
        ("thumbnails", &[folder], "FROM and TO are needed"),
        ("thumbnails", &[folder, folder], "the same folder"),
        ("thumbnails", &[&nowhere, folder], "nowhere"),
        ("thumbnails", &["--queue", "0", "--quick"], "\"0\""),
        ("mandelbrot", &["--out", &nowhere, "8"], "nowhere"),
        ("mergesort", &["--out", &nowhere, "8"], "nowhere"),
        ("crawler", &["0"], "from 1 to"),
    ];
    for (name, args, expected) in mistakes {
        let Output { status, stdout, stderr } = run(name, args);
        let (out, err) = (text(&stdout), text(&stderr));
        assert_eq!(status.code(), Some(2), "{name} {args:?}: {out}{err}");
        assert_eq!(out, "", "{name} {args:?}");
        assert!(err.starts_with(&format!("{name}: ")), "{name} {args:?}: {err}");
        assert!(err.contains(expected), "{name} {args:?}: {err}");
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0, "nothing was made");
}

// ---- grep

/// Some files that are hard on a search by lines.
fn awkward(root: &Path) {
    let file = |path: &str, bytes: &[u8]| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    file("a/no-end", b"first needle\nlast needle");
    file("a/empty", b"");
    file("a/only-ends", b"\n\n\n");
    file("b/.hidden/latin1", b"\xe9 needle \xe8\nnothing\n");
    file("b/binary", b"needle\0needle\n");
    file("b/one-line", &[b"needle".as_slice(), &[b'x'; 100_000], b"needle"].concat());
    // Of many pieces, with lines of different lengths across all borders.
    let mut large = String::new();
    for number in 0..30_000 {
        let word = if number % 17 == 0 { "needle" } else { "straw" };
        writeln!(large, "{number} {:>1$}", word, number % 90).unwrap();
    }
    file("c/large", large.as_bytes());
}

/// The lines with the word, found without a regular expression or a pool.
fn expected(root: &Path, word: &str) -> Vec<u8> {
    let mut found = Vec::new();
    for path in
        ["a/no-end", "b/.hidden/latin1", "b/one-line", "c/large"].map(|path| root.join(path))
    {
        for (number, line) in fs::read(&path).unwrap().split(|&byte| byte == b'\n').enumerate() {
            if line.windows(word.len()).any(|part| part == word.as_bytes()) {
                found.extend(format!("{}:{}:", path.display(), number + 1).bytes());
                found.extend(line);
                found.push(b'\n');
            }
        }
    }
    found
}

#[test]
fn grep_finds_each_line_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    awkward(folder.path());
    let root = folder.path().to_str().unwrap();
    let expected = expected(folder.path(), "needle");
    for threads in ["1", "2", "5"] {
        let args = ["--check", "--threads", threads, "need{1}le", root];
        let Output { status, stdout, stderr } = run("grep", &args);
        let err = text(&stderr);
        assert_eq!(status.code(), Some(0), "{err}");
        assert!(stdout == expected, "{threads} threads: {}", text(&stdout));
        assert!(err.contains("in 4 of 6 files") && err.contains("1 binary"), "{err}");
        assert!(err.contains("finds the same"), "{err}");
    }
}

#[test]
fn grep_counts_and_takes_patterns_that_begin_with_a_dash() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "-x\n-X\nx\n").unwrap();
    let file = file.to_str().unwrap();
    let Output { status, stdout, .. } = run("grep", &["-ci", "--", "-x", file]);
    assert_eq!((status.code(), text(&stdout)), (Some(0), format!("{file}:2\n")));
}

#[test]
#[cfg(target_os = "linux")]
fn grep_names_what_it_cannot_read_and_goes_on() {
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "needle\n").unwrap();
    // A link inside is left alone; PATH itself may be one. Nobody can read this file from its start.
    symlink("/proc/self/mem", folder.path().join("link")).unwrap();
    let Output { status, stdout, stderr } =
        run("grep", &["needle", folder.path().to_str().unwrap()]);
    assert_eq!(status.code(), Some(0));
    assert_eq!(text(&stdout).lines().count(), 1);
    assert!(text(&stderr).contains(" 0 unreadable"), "{}", text(&stderr));

    let link = folder.path().join("link");
    let Output { status, stdout, stderr } =
        run("grep", &["--check", "needle", link.to_str().unwrap()]);
    assert_eq!((status.code(), text(&stdout).as_str()), (Some(0), ""));
    assert!(text(&stderr).contains(&format!("{}: ", link.display())), "{}", text(&stderr));
    assert!(text(&stderr).contains(" 1 unreadable"), "{}", text(&stderr));

    let Output { status, stderr, .. } = run("grep", &["needle", "/dev/null"]);
    assert_eq!(status.code(), Some(2));
    assert!(text(&stderr).contains("/dev/null: neither a folder nor a file"), "{}", text(&stderr));
}

#[test]
fn grep_ends_well_when_its_reader_has_seen_enough() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "a line that matches\n".repeat(200_000)).unwrap();
    let mut command = example::command("grep");
    command.arg("line").arg(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut first = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut first).unwrap();
    assert!(first.ends_with("file:1:a line that matches\n"), "{first}");
    drop(out);
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}

// ---- thumbnails

#[test]
fn thumbnails_are_made_of_what_can_be_read_and_the_rest_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("a/new/folder"));
    fs::create_dir(&from).unwrap();
    let image = image::RgbImage::from_pixel(512, 300, image::Rgb([200, 100, 50]));
    image.save(from.join("good.png")).unwrap();
    // The other format, whatever its name says.
    fs::copy(from.join("good.png"), from.join("really-png.jpg")).unwrap();
    fs::write(from.join("broken.jpg"), "text").unwrap();
    fs::write(from.join("other.txt"), "text").unwrap();
    fs::create_dir(from.join("folder.png")).unwrap();

    let run = |from: &Path, to: &Path| {
        let mut command: Command = example::command("thumbnails");
        let Output { status, stdout, stderr } = command.arg(from).arg(to).output().unwrap();
        (status.code(), text(&stdout), text(&stderr))
    };
    let (code, out, err) = run(&from, &to);
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(err.contains("broken.jpg: "), "{err}");
    let mut made: Vec<_> =
        fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    made.sort();
    let names = ["good.256.png", "good.64.png", "really-png.256.jpg", "really-png.64.jpg"];
    assert_eq!(made, names);
    for (name, sides) in names.into_iter().zip([(256, 150), (64, 38)].into_iter().cycle()) {
        let reader = image::ImageReader::open(to.join(name)).unwrap();
        assert_eq!(
            reader.with_guessed_format().unwrap().into_dimensions().unwrap(),
            sides,
            "{name}"
        );
    }

    // One that cannot be written is missing, and that is a failure.
    fs::remove_file(to.join("good.64.png")).unwrap();
    fs::create_dir(to.join("good.64.png")).unwrap();
    let (code, out, err) = run(&from, &to);
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(err.contains("good.64.png: "), "{err}");
    assert!(out.contains("1 not written"), "{out}");
}

// ---- Pictures

#[test]
fn pictures_are_what_they_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("picture");
    let path = file.to_str().unwrap();
    let Output { status, stdout, .. } = run("mandelbrot", &["--out", path, "90"]);
    assert_eq!(status.code(), Some(0), "{}", text(&stdout));
    let picture = image::load_from_memory(&fs::read(&file).unwrap()).unwrap().into_rgb8();
    assert_eq!(picture.dimensions(), (90, 60));
    // The upper half is the lower one in a mirror, but for the row of the real numbers.
    let row = |y: u32| (0..90).map(move |x| (x, y));
    for y in 1..30 {
        let pixels = |y| row(y).map(|(x, y)| *picture.get_pixel(x, y)).collect::<Vec<_>>();
        assert!(pixels(y) == pixels(60 - y), "rows {y} and {}", 60 - y);
    }
    assert_eq!(picture.get_pixel(61, 30).0, [0; 3], "0 is inside");
    assert_ne!(picture.get_pixel(0, 0).0, [0; 3], "the corner is outside");

    let Output { status, stdout, .. } =
        run("mergesort", &["--out", path, "100000", "--threads", "3"]);
    assert_eq!(status.code(), Some(0), "{}", text(&stdout));
    let plot = fs::read_to_string(&file).unwrap();
    assert!(plot.starts_with("<svg ") && plot.ends_with("</svg>\n"));
    for what in ["worker 0", "worker 2", "100000 numbers", "milliseconds"] {
        assert!(plot.contains(what), "no {what:?} in {plot}");
    }
}
