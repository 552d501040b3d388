//! Pictures in files, under the limits that the service has too.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use impasto_picture::{DecodeLimits, Mask, Picture};
use impasto_recipe::Size;
use sha2::{Digest, Sha256};

/// Opens pictures' files, says what will be done to them, and remembers what it has opened.
#[derive(Clone)]
pub struct PictureFiles {
    max_bytes: u64,
    limits: DecodeLimits,
    opened: Sha256,
}

/// A file that holds a picture. Its bytes are kept and not its pixels, which take up to a hundred times as much.
pub struct PictureFile {
    path: PathBuf,
    bytes: Vec<u8>,
    limits: DecodeLimits,
    /// Of the picture, upright.
    pub size: Size,
}

impl PictureFiles {
    pub fn new(max_bytes: u64, max_pixels: u64) -> Self {
        Self { max_bytes, limits: DecodeLimits { max_pixels }, opened: Sha256::new() }
    }

    /// The file `path`, which is to serve as what `role` says.
    pub fn open(&mut self, role: &str, path: &Path) -> anyhow::Result<PictureFile> {
        let cannot = || format!("{} cannot be read", path.display());
        let about = std::fs::metadata(path).with_context(cannot)?;
        ensure!(about.is_file(), "{} cannot be read: it is not a file", path.display());
        let (length, limit) = (about.len(), self.max_bytes);
        ensure!(length <= limit, "{}: {length} bytes, above the limit of {limit} (--max-file-bytes)", path.display());
        let bytes = std::fs::read(path).with_context(cannot)?;
        self.opened.update(role);
        self.opened.update((bytes.len() as u64).to_le_bytes());
        self.opened.update(&bytes);
        let inspected = Picture::inspect(&bytes, &self.limits).with_context(|| path.display().to_string())?;
        for notice in inspected.notices {
            eprintln!("{}: {notice}", path.display());
        }
        Ok(PictureFile { path: path.to_owned(), bytes, limits: self.limits, size: inspected.size })
    }

    /// A name for all that was opened so far, in its order and roles.
    pub fn digest(&self) -> Sha256 {
        self.opened.clone()
    }
}

impl PictureFile {
    pub fn picture(&self) -> anyhow::Result<Picture> {
        Picture::decode(&self.bytes, &self.limits).with_context(|| self.path.display().to_string())
    }

    pub fn mask(&self) -> anyhow::Result<Mask> {
        Mask::decode(&self.bytes, &self.limits).with_context(|| self.path.display().to_string())
    }
}
