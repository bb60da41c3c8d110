//! Reading images, scaling them down, and writing them.

use crate::gauge::{Gauge, Held};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, ImageResult, Rgb, RgbImage};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The images in a folder, by their names, in order.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let format = path.extension().and_then(ImageFormat::from_extension);
        if matches!(format, Some(ImageFormat::Jpeg | ImageFormat::Png)) && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// An image, counted as long as it is in memory.
pub(crate) struct Decoded {
    image: DynamicImage,
    format: ImageFormat,
    _held: Held,
}

/// A thumbnail that has been written.
pub(crate) struct Thumbnail {
    pub(crate) path: PathBuf,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Decoded {
    pub(crate) fn read(path: &Path, gauge: &Gauge) -> ImageResult<Self> {
        let held = gauge.hold();
        // Its name may not tell the truth.
        let reader = ImageReader::open(path)?.with_guessed_format()?;
        let format = reader.format().expect("the name tells one");
        let mut decoder = reader.into_decoder()?;
        let orientation = decoder.orientation()?;
        let mut image = DynamicImage::from_decoder(decoder)?;
        image.apply_orientation(orientation);
        Ok(Self { image, format, _held: held })
    }

    /// Writes a thumbnail whose longer side has `size` pixels, or fewer if that of the image has.
    pub(crate) fn thumbnail(&self, size: u32, path: PathBuf) -> ImageResult<Thumbnail> {
        let (width, height) = (self.image.width(), self.image.height());
        let longer = width.max(height);
        if longer <= size {
            self.image.save_with_format(&path, self.format)?;
            return Ok(Thumbnail { path, width, height });
        }
        let scale = |side: u32| {
            let rounded =
                (u64::from(side) * u64::from(size) + u64::from(longer / 2)) / u64::from(longer);
            (rounded as u32).max(1)
        };
        let (width, height) = (scale(width), scale(height));
        self.image.thumbnail_exact(width, height).save_with_format(&path, self.format)?;
        Ok(Thumbnail { path, width, height })
    }
}

impl Thumbnail {
    /// Whether it is in its file, all of it, and not larger than `most`.
    pub(crate) fn is_right(&self, most: u32) -> bool {
        let read = || ImageReader::open(&self.path)?.with_guessed_format()?.decode();
        read().is_ok_and(|image| {
            (image.width(), image.height()) == (self.width, self.height)
                && self.width.max(self.height) <= most
        })
    }
}

/// Makes images: some large, some small, some long and thin; and two broken ones, which it returns.
pub(crate) fn samples(folder: &Path) -> ImageResult<[PathBuf; 2]> {
    const SIDES: [(u32, u32); 6] =
        [(600, 450), (450, 600), (320, 240), (2000, 3), (1, 500), (40, 30)];
    for (number, (width, height)) in (0..120).zip(SIDES.into_iter().cycle()) {
        let pixel = |x, y| Rgb([x, y, x * y / 64 + number].map(|shade| (shade % 256) as u8));
        let image = DynamicImage::from(RgbImage::from_fn(width, height, pixel));
        let extension = if number % 2 == 0 { "jpg" } else { "PNG" };
        image.save(folder.join(format!("{number:03}.{extension}")))?;
    }
    // What is no image by its name is left alone.
    fs::write(folder.join("notes.txt"), "not an image")?;
    let (text, half) = (folder.join("text.jpeg"), folder.join("half.png"));
    fs::write(&text, "not an image either")?;
    let whole = fs::read(folder.join("001.PNG"))?;
    fs::write(&half, &whole[..whole.len() / 2])?;
    Ok([text, half])
}
