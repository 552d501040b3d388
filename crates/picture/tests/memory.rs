//! Whether reading a picture takes the memory that was told of it. Its one test counts what this process allocates, so that
//! there can be no second one.

use image::{
    ExtendedColorType, ImageEncoder,
    codecs::{png::PngEncoder, webp::WebPEncoder},
};
use impasto_picture::{DecodeLimits, MemoryNeed, Picture};
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
    ];
    for (name, file) in stored.into_iter().chain(made) {
        let MemoryNeed { inspecting, decoding } = Picture::memory_need(&file).unwrap();
        let limits = DecodeLimits::default();
        let inspected = peak_of(|| assert!(Picture::inspect(&file, &limits).is_ok()));
        let decoded = peak_of(|| assert!(Picture::decode(&file, &limits).is_ok()));
        for (told, taken, what) in [(inspecting, inspected, "inspecting"), (decoding, decoded, "decoding")] {
            let share = told as f64 / taken;
            // The fixed part for tables counts for much in a grey picture of a megapixel.
            assert!((1.0..2.5).contains(&share), "{what} a {name} took {taken} bytes, and {told} were told");
        }
        assert!(inspected < decoded, "{name}");
    }
}
