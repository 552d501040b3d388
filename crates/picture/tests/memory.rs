//! Whether reading a picture takes the memory that was told of it. Its one test counts what this process allocates, so that
//! there can be no second one.

mod made;

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

/// A PNG that cannot be compressed.
fn noise() -> Vec<u8> {
    let mut state = 1_u32;
    let bytes = (0..3 * SIDE * SIDE).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let mut file = Vec::new();
    let colours = ExtendedColorType::Rgb8;
    PngEncoder::new(&mut file).write_image(&bytes.collect::<Vec<_>>(), SIDE, SIDE, colours).unwrap();
    file
}

/// A TIFF of one column, each row of which is a strip.
fn tiff_in_many_parts() -> Vec<u8> {
    const HEIGHT: u32 = 1 << 17;
    let fields =
        [(256, 1), (257, HEIGHT), (258, 8), (259, 1), (262, 1)].map(|(tag, value)| made::Field(tag, vec![value]));
    let parts = [
        made::Field(273, (0..HEIGHT).collect()),
        made::Field(277, vec![1]),
        made::Field(278, vec![1]),
        made::Field(279, vec![1; HEIGHT as usize]),
    ];
    made::tiff(&fields.into_iter().chain(parts).collect::<Vec<_>>(), &[0; HEIGHT as usize])
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
    // Without the marks of their ends, they are copied.
    let without_end = |name: &'static str, file: &[u8], mark: usize| (name, file[..file.len() - mark].to_vec());
    let noise = noise();
    let endless = [
        without_end("JPEG without end", &stored[0].1, 2),
        without_end("progressive JPEG without end", &stored[2].1, 2),
        ("sparse JPEG without end", made::jpeg_without_end(1, 0)),
        without_end("PNG without end", &noise, 12),
    ];
    let page = |samples, bits, format, photometric| {
        let page = made::Page { side: SIDE, samples, bits, format, photometric, compression: 1 };
        made::page(page, 64, &vec![0; (SIDE * SIDE * samples * bits / 8) as usize])
    };
    let pages = [
        ("TIFF of half floats", page(3, 16, 3, 2)),
        ("transparent TIFF of half floats", page(4, 16, 3, 2)),
        ("TIFF of floats", page(3, 32, 3, 2)),
        ("transparent TIFF of floats", page(4, 32, 3, 2)),
        ("TIFF of doubles", page(3, 64, 3, 2)),
        ("grey TIFF of doubles", page(1, 64, 3, 1)),
        ("TIFF of two tones", page(1, 1, 1, 1)),
        ("TIFF with a palette", page(1, 8, 1, 3)),
        ("TIFF with a small palette", page(1, 4, 1, 3)),
        ("TIFF with a palette and opacity", page(2, 8, 1, 3)),
        ("TIFF in many parts", tiff_in_many_parts()),
    ];
    let limits = DecodeLimits::default();
    let mut wrong = Vec::new();
    for (name, file) in stored.into_iter().chain(made).chain(endless).chain(pages) {
        let MemoryNeed { inspecting, decoding } = Picture::memory_need(&file, &limits).unwrap();
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
        assert!(inspected <= decoded, "{name}");
    }
    for (name, file) in [
        ("JPEG of two frames", made::jpeg_of_two_frames()),
        ("WebP of many codes", made::webp_of_many_codes(4096)),
        ("TIFF of strips that overlap", made::overlapping_tiff()),
        ("JPEG with more components than it declares", made::jpeg_without_end(255, 0)),
    ] {
        // Little, where the headers alone are refused.
        let told = Picture::memory_need(&file, &limits).map_or(1 << 20, |need| need.inspecting);
        let taken = peak_of(|| assert!(Picture::inspect(&file, &limits).is_err()));
        println!("refusing a {name} took {taken} bytes, and {told} were told");
        wrong.extend((taken > told as f64).then(|| format!("refusing a {name} took {taken} bytes of {told}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
