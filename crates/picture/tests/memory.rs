//! Whether reading a picture takes the memory that was told of it. Its one test counts what this process allocates, so that
//! there can be no second one.

use std::io::Cursor;

use image::{
    ExtendedColorType, ImageEncoder, ImageFormat,
    codecs::{png::PngEncoder, webp::WebPEncoder},
};
use impasto_picture::{DecodeLimits, Format, Mask, MemoryNeed, Picture};
use impasto_recipe::Size;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

macro_rules! files {
    ($($name:literal),+ $(,)?) => { [$(($name, include_bytes!(concat!("data/", $name)).to_vec())),+] };
}

const SIDE: u32 = 1024;

/// The most bytes that `work` held at once.
fn peak_of(work: impl FnOnce()) -> f64 {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    work();
    (MEMORY.peak_usage() - before) as f64
}

fn written(colours: ExtendedColorType, write: impl FnOnce(&mut Vec<u8>, &[u8])) -> Vec<u8> {
    let bytes =
        (0..SIDE * SIDE * u32::from(colours.bits_per_pixel()) / 8).map(|n| (n / SIDE) as u8).collect::<Vec<_>>();
    let mut file = Vec::new();
    write(&mut file, &bytes);
    file
}

fn png(colours: ExtendedColorType) -> Vec<u8> {
    written(colours, |file, bytes| PngEncoder::new(file).write_image(bytes, SIDE, SIDE, colours).unwrap())
}

fn lossless_webp(colours: ExtendedColorType) -> Vec<u8> {
    written(colours, |file, bytes| WebPEncoder::new_lossless(file).write_image(bytes, SIDE, SIDE, colours).unwrap())
}

fn write(file: &mut Vec<u8>, rgb: &[u8], format: ImageFormat) {
    let image = image::RgbImage::from_raw(SIDE, SIDE, rgb.to_vec()).unwrap();
    if format == ImageFormat::Gif {
        let frame = image::Frame::new(image::DynamicImage::from(image).into_rgba8());
        image::codecs::gif::GifEncoder::new_with_speed(file, 30).encode_frame(frame).unwrap();
    } else {
        image.write_to(&mut Cursor::new(file), format).unwrap();
    }
}

fn tiff(is_transparent: bool) -> Vec<u8> {
    let size = Size::new(SIDE, SIDE);
    let rgb = (0..3 * SIDE * SIDE).map(|n| (n / SIDE % 256) as f32 / 255.0).collect();
    let picture = Picture::new(size, rgb).unwrap();
    let picture = if is_transparent {
        picture.with_alpha(Mask::new(size, vec![0.5; size.pixels() as usize]).unwrap())
    } else {
        picture
    };
    picture.encode(Format::Tiff).unwrap()
}

/// A PNG with the profile of another one, the checksum of its chunk included.
fn with_profile(png: &[u8], other: &str) -> Vec<u8> {
    const AFTER_HEADER: usize = 8 + 25;
    let other = std::fs::read(format!("{}/tests/data/sheet/{other}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let length = u32::from_be_bytes(*other[AFTER_HEADER..].first_chunk().unwrap()) as usize;
    assert_eq!(&other[AFTER_HEADER + 4..AFTER_HEADER + 8], b"iCCP");
    [&png[..AFTER_HEADER], &other[AFTER_HEADER..AFTER_HEADER + 12 + length], &png[AFTER_HEADER..]].concat()
}

#[test]
fn reading_takes_the_memory_that_was_told() {
    use ExtendedColorType::{L8, L16, Rgb8, Rgba8, Rgba16};
    let stored = files![
        "large_baseline.jpg",
        "large_progressive.jpg",
        "large_progressive_444.jpg",
        "large_cmyk.jpg",
        "large_lossy.webp",
        "large_lossy_alpha.webp",
        "large_animated.webp",
    ];
    let made = [
        ("grey PNG", png(L8)),
        ("PNG", png(Rgb8)),
        ("grey PNG of 16 bits", png(L16)),
        ("transparent PNG of 16 bits", png(Rgba16)),
        ("lossless WebP", lossless_webp(Rgb8)),
        ("transparent lossless WebP", lossless_webp(Rgba8)),
        ("GIF", written(Rgb8, |file, bytes| write(file, bytes, ImageFormat::Gif))),
        ("BMP", written(Rgb8, |file, bytes| write(file, bytes, ImageFormat::Bmp))),
        ("TIFF", tiff(false)),
        ("transparent TIFF", tiff(true)),
        ("PNG with a profile", with_profile(&png(Rgb8), "p3.png")),
        ("PNG with a table", with_profile(&png(Rgb8), "lut16.png")),
        ("grey PNG with a profile", with_profile(&png(L8), "grey.png")),
    ];
    let mut wrong = Vec::new();
    for (name, file) in stored.into_iter().chain(made) {
        let MemoryNeed { inspecting, decoding } = Picture::memory_need(&file).unwrap();
        let limits = DecodeLimits::default();
        let inspected = peak_of(|| assert!(Picture::inspect(&file, &limits).is_ok()));
        let decoded = peak_of(|| assert!(Picture::decode(&file, &limits).is_ok()));
        for (told, taken, what) in [(inspecting, inspected, "inspecting"), (decoding, decoded, "decoding")] {
            let share = told as f64 / taken;
            // The fixed part for tables counts for much in a grey picture of a megapixel.
            println!("{what} a {name} took {taken} bytes, and {told} were told ({share:.2})");
            wrong.extend(
                (!(1.0..3.5).contains(&share))
                    .then(|| format!("{what} a {name} took {taken} bytes, and {told} were told")),
            );
        }
        assert!(inspected < decoded, "{name}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
