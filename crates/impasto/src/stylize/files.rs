//! Pictures read from files, under the limits that the service has too.

use std::path::Path;

use anyhow::{Context, ensure};
use impasto_picture::{DecodeLimits, Mask, Picture};
use sha2::{Digest, Sha256};

/// Reads pictures, says what was done to them, and remembers what it has read.
pub struct PictureFiles {
    max_bytes: u64,
    limits: DecodeLimits,
    read: Sha256,
}

impl PictureFiles {
    pub fn new(max_bytes: u64, max_pixels: u64) -> Self {
        Self { max_bytes, limits: DecodeLimits { max_pixels }, read: Sha256::new() }
    }

    pub fn picture(&mut self, path: &Path) -> anyhow::Result<Picture> {
        let bytes = self.bytes(path)?;
        let told = || path.display().to_string();
        for notice in Picture::inspect(&bytes, &self.limits).with_context(told)?.notices {
            eprintln!("{}: {notice}", path.display());
        }
        Picture::decode(&bytes, &self.limits).with_context(told)
    }

    pub fn mask(&mut self, path: &Path) -> anyhow::Result<Mask> {
        let bytes = self.bytes(path)?;
        Mask::decode(&bytes, &self.limits).with_context(|| path.display().to_string())
    }

    /// A name for all that was read so far, in its order.
    pub fn digest(&self) -> Sha256 {
        self.read.clone()
    }

    fn bytes(&mut self, path: &Path) -> anyhow::Result<Vec<u8>> {
        let cannot = || format!("{} cannot be read", path.display());
        let about = std::fs::metadata(path).with_context(cannot)?;
        ensure!(about.is_file(), "{} cannot be read: it is not a file", path.display());
        let (length, limit) = (about.len(), self.max_bytes);
        ensure!(length <= limit, "{}: {length} bytes, above the limit of {limit} (--max-file-bytes)", path.display());
        let bytes = std::fs::read(path).with_context(cannot)?;
        self.read.update((bytes.len() as u64).to_le_bytes());
        self.read.update(&bytes);
        Ok(bytes)
    }
}
