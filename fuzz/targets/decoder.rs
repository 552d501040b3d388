//! A file that somebody sends, read as a picture and as a mask: whatever its bytes are, it is a picture or it is refused, and
//! takes no more memory than was told of it.
#![no_main]

use impasto_picture::{DecodeLimits, Mask, Picture};
use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const LIMITS: DecodeLimits = DecodeLimits { max_pixels: 1 << 18 };

/// What a file may take that is refused by its headers.
const HEADERS: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let need = Picture::memory_need(bytes, &LIMITS);
    let told = need.as_ref().map_or(HEADERS, |need| need.inspecting);
    let (inspected, taken) = with_peak(|| Picture::inspect(bytes, &LIMITS));
    assert!(taken <= told, "inspecting took {taken} bytes, and {told} were told");
    let told = need.as_ref().map_or(HEADERS, |need| need.decoding);
    let (decoded, taken) = with_peak(|| Picture::decode(bytes, &LIMITS));
    assert!(taken <= told, "decoding took {taken} bytes, and {told} were told");

    let seen = inspected.map(|inspected| (inspected.size, inspected.transparent));
    let made = decoded.as_ref().map(|picture| (picture.size(), picture.alpha().is_some()));
    assert_eq!(seen, made.map_err(Clone::clone));
    let mask = Mask::decode(bytes, &LIMITS);
    assert_eq!(
        mask.as_ref().map(Mask::size).map_err(Clone::clone),
        decoded.as_ref().map(Picture::size).map_err(Clone::clone)
    );

    let Ok(picture) = decoded else { return };
    assert!(need.is_ok(), "what can be read tells what it needs");
    assert!(picture.size().pixels() <= LIMITS.max_pixels);
    let within = |values: &[f32]| values.iter().all(|value| (0.0..=1.0).contains(value));
    assert!(within(picture.rgb()) && picture.alpha().is_none_or(|alpha| within(alpha.values())));
    assert!(mask.is_ok_and(|mask| within(mask.values())));
});

/// What `work` gives, and the most bytes that it held at once.
fn with_peak<T>(work: impl FnOnce() -> T) -> (T, u64) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let given = work();
    (given, MEMORY.peak_usage().saturating_sub(before) as u64)
}
