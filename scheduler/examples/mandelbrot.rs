//! Draws the Mandelbrot set into a PNG. The picture is cut in two along its longer side, again and again, down to small
//! tiles, by the `join` of a `Context`: some tiles take a thousand times as long as others, and nobody has to know which.
//! Then a plain loop draws it again. Exit code 1 if a pixel differs, in memory or in the file.
//!
//! ```text
//! cargo run --release --example mandelbrot -- [--threads W] [--out FILE] [--quick | N]
//! ```

#[path = "args/line.rs"]
mod line;
mod outcome;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageFormat, ImageReader, ImageResult};
use lexopt::{Arg, Parser, ValueExt};
use scheduler::{Context, ThreadPool};
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

const HELP: &str = "\
Draws the Mandelbrot set, N pixels wide, into a PNG.

Usage: mandelbrot [--threads W] [--out FILE] [--quick | N]

  N from 8 to 20000, default 1600; --quick is N = 240, and leaves no file behind
  W workers, default 0: SCHEDULER_NUM_THREADS, or one for each core
  FILE is written anew if it is there; default: mandelbrot.png in the folder for temporary files
";

/// The part of the plane, from its upper left corner, and 3 wide.
const CORNER: (f64, f64) = (-2.25, 1.0);
const WIDTH: f64 = 3.0;
/// Of the picture, width to height.
const ASPECT: (usize, usize) = (3, 2);
/// What has not escaped by then counts as inside.
const STEPS: u32 = 1000;
/// The square of a distance from which no point comes back. 4 would do; the shades need more.
const ESCAPED: f64 = 256.0;
/// A tile that is cut no further, in pixels. One that is all outside takes some 10 µs.
const TILE: usize = 1024;

struct Options {
    width: usize,
    /// `None`: nowhere to stay.
    out: Option<PathBuf>,
    pool: ThreadPool,
}

fn main() -> ExitCode {
    outcome::exit_code("mandelbrot", run(&line::read("mandelbrot", HELP, parse)))
}

fn parse(parser: &mut Parser) -> Result<Option<Options>, lexopt::Error> {
    let (mut width, mut quick, mut out, mut threads) = (None, false, None, 0);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Long("threads") => threads = line::number(parser, "--threads", line::WORKERS)?,
            Arg::Long("out") => out = Some(parser.value()?.into()),
            Arg::Long("quick") if width.is_none() => (width, quick) = (Some(240), true),
            Arg::Value(value) if width.is_none() => match value.parse() {
                Ok(number @ 8..=20_000) => width = Some(number),
                _ => Err(format!("N is a number from 8 to 20000, not {value:?}"))?,
            },
            _ => return Err(arg.unexpected()),
        }
    }
    let temporary = || Some(std::env::temp_dir().join("mandelbrot.png"));
    let out = out.or_else(|| if quick { None } else { temporary() });
    Ok(Some(Options { width: width.unwrap_or(1600), out, pool: line::pool(threads)? }))
}

fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let Options { width, ref out, ref pool } = *options;
    let height = width * ASPECT.1 / ASPECT.0;
    let plane = Plane { step: WIDTH / width as f64 };
    // Before the work: the file may be one that cannot be written.
    let folder = tempfile::tempdir()?;
    let path = out.clone().unwrap_or_else(|| folder.path().join("mandelbrot.png"));
    let file = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;

    let begin = Instant::now();
    let mut pixels = vec![INSIDE; width * height];
    let tile = Tile { left: 0, top: 0, rows: pixels.chunks_mut(width).collect() };
    let tiles = pool.with_context(|cx| plane.draw(cx, tile));
    let parallel = begin.elapsed().as_secs_f64();

    let begin = Instant::now();
    let mut again = Vec::with_capacity(pixels.len());
    for y in 0..height {
        again.extend((0..width).map(|x| plane.colour(x, y)));
    }
    let serial = begin.elapsed().as_secs_f64();

    let workers = pool.current_num_threads();
    println!("{width} x {height} pixels in {tiles} tiles");
    println!("join         {parallel:>9.3} s, workers: {workers}");
    println!("plain loop   {serial:>9.3} s, {:.2} times as long", serial / parallel);
    let equal = pixels == again;
    println!("equal        {:>9}", if equal { "yes" } else { "NO" });

    let bytes = pixels.as_flattened();
    let kept = write_and_read(file, &path, bytes, width, height)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    println!("in the file  {:>9}", if kept == bytes { "yes" } else { "NO" });
    if let Some(out) = out {
        println!("see {}", out.display());
    }
    Ok(equal && kept == bytes)
}

/// Writes a PNG, and says what it has then.
fn write_and_read(
    file: File,
    path: &Path,
    pixels: &[u8],
    width: usize,
    height: usize,
) -> ImageResult<Vec<u8>> {
    let mut file = BufWriter::new(file);
    let encoder = PngEncoder::new(&mut file);
    encoder.write_image(pixels, width as u32, height as u32, ExtendedColorType::Rgb8)?;
    file.flush()?;
    let mut reader = ImageReader::open(path)?;
    reader.set_format(ImageFormat::Png);
    Ok(reader.decode()?.into_rgb8().into_raw())
}

// ---- The picture

type Pixel = [u8; 3];

const INSIDE: Pixel = [0; 3];

/// Which point a pixel is.
#[derive(Clone, Copy)]
struct Plane {
    step: f64,
}

impl Plane {
    /// Draws a tile, and returns how many it was cut into.
    fn draw(self, cx: Context<'_>, tile: Tile<'_>) -> usize {
        if tile.rows.len() * tile.width() > TILE {
            let (one, other) = tile.halves();
            let (one, other) = cx.join(|cx| self.draw(cx, one), |cx| self.draw(cx, other));
            return one + other;
        }
        for (y, row) in (tile.top..).zip(tile.rows) {
            for (x, pixel) in (tile.left..).zip(row) {
                *pixel = self.colour(x, y);
            }
        }
        1
    }

    fn colour(self, x: usize, y: usize) -> Pixel {
        let (re, im) = (CORNER.0 + x as f64 * self.step, CORNER.1 - y as f64 * self.step);
        let (mut a, mut b) = (0.0, 0.0);
        for step in 0..STEPS {
            let (a2, b2) = (a * a, b * b);
            if a2 + b2 > ESCAPED {
                return shade(f64::from(step) - f64::log2(f64::ln(a2 + b2)));
            }
            (a, b) = (a2 - b2 + re, 2.0 * a * b + im);
        }
        INSIDE
    }
}

/// A colour for how long a point took to escape, without a seam from one step to the next.
fn shade(steps: f64) -> Pixel {
    // Wide bands far outside, narrow ones near the edge.
    let angle = (steps + 3.0).max(0.0).sqrt();
    [3.6, 4.2, 5.0].map(|phase| (255.0 * (0.5 + 0.5 * f64::cos(angle + phase))) as u8)
}

/// A rectangle of the picture: a part of each of its rows.
struct Tile<'a> {
    left: usize,
    top: usize,
    rows: Vec<&'a mut [Pixel]>,
}

impl Tile<'_> {
    fn width(&self) -> usize {
        self.rows.first().map_or(0, |row| row.len())
    }

    /// Cut across the longer side.
    fn halves(mut self) -> (Self, Self) {
        let (width, height) = (self.width(), self.rows.len());
        if height > width {
            let rows = self.rows.split_off(height / 2);
            let lower = Self { left: self.left, top: self.top + height / 2, rows };
            return (self, lower);
        }
        let halves = self.rows.into_iter().map(|row| row.split_at_mut(width / 2));
        let (rows, others) = halves.unzip();
        let right = Self { left: self.left + width / 2, top: self.top, rows: others };
        (Self { rows, ..self }, right)
    }
}
