//! Draws the Mandelbrot set into a PNG. The picture is cut in two along its longer side, again and again, down to small
//! tiles, by the `join` of a `Context`: some tiles take a thousand times as long as others, and nobody has to know which.
//! Then a plain loop draws it again. Exit code 1 if a pixel differs, in memory or in the file.
//!
//! ```text
//! cargo run --release --example mandelbrot -- [--threads W] [--out FILE] [--quick | N]
//! ```

mod drawing;
mod outcome;

use drawing::Target;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageFormat, ImageReader, ImageResult};
use scheduler::{Context, ThreadPool};
use std::io::{BufWriter, Write};
use std::process::ExitCode;
use std::time::Instant;

/// The part of the plane, from its upper left corner, and how wide it is.
const CORNER: (f64, f64) = (-2.45, 1.2);
const WIDTH: f64 = 3.6;
/// Of the picture, width to height.
const ASPECT: (usize, usize) = (3, 2);
/// What has not escaped by then counts as inside.
const STEPS: u32 = 1000;
/// The square of a distance from which no point comes back. 4 would do; the shades need more.
const ESCAPED: f64 = 256.0;
/// A tile that is cut no further, in pixels. One that is all outside takes some 50 µs.
const TILE: usize = 1024;

fn main() -> ExitCode {
    let spec = drawing::Spec {
        name: "mandelbrot",
        about: "Draws the Mandelbrot set, N pixels wide, into a PNG.",
        range: 8..=20_000,
        default: 1600,
        quick: 240,
    };
    let (width, pool, target) = drawing::parse(&spec, "mandelbrot.png");
    outcome::exit_code("mandelbrot", run(width, &pool, &target))
}

fn run(width: usize, pool: &ThreadPool, target: &Target) -> ImageResult<bool> {
    let height = width * ASPECT.1 / ASPECT.0;
    let plane = Plane { step: WIDTH / width as f64 };

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
    let kept = write_and_read(target, bytes, width, height)? == bytes;
    println!("in the file  {:>9}", if kept { "yes" } else { "NO" });
    target.announce();
    Ok(equal && kept)
}

/// Writes a PNG, and says what it has then.
fn write_and_read(
    target: &Target,
    pixels: &[u8],
    width: usize,
    height: usize,
) -> ImageResult<Vec<u8>> {
    let mut file = BufWriter::new(&target.file);
    let encoder = PngEncoder::new(&mut file);
    encoder.write_image(pixels, width as u32, height as u32, ExtendedColorType::Rgb8)?;
    file.flush()?;
    let mut reader = ImageReader::open(&target.path)?;
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
