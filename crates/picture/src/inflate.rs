//! Compressed bytes that may not grow beyond a limit.

use std::io::Read;

use flate2::read::ZlibDecoder;

/// What zlib's bytes hold; nothing where they are broken, or hold more than `most`.
pub(crate) fn inflate(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut inflated = Vec::new();
    ZlibDecoder::new(bytes).take(most as u64 + 1).read_to_end(&mut inflated).ok()?;
    (inflated.len() <= most).then_some(inflated)
}

/// How many bytes zlib's bytes hold, but no more than `most`.
pub(crate) fn inflated_length(bytes: &[u8], most: u64) -> u64 {
    // Broken bytes hold what comes before the break, which is counted as if it were all.
    std::io::copy(&mut ZlibDecoder::new(bytes).take(most), &mut std::io::sink()).unwrap_or(most)
}
