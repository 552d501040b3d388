//! Where a result goes. The place is tried before anything is painted, and a result stands under its name whole or not at all.

use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use impasto_picture::{Encoding, Format, Picture};
use impasto_recipe::Size;
use tempfile::{Builder, NamedTempFile};

/// A place that can be written.
pub struct Output {
    path: PathBuf,
    /// Beside the place, until it takes its name.
    file: NamedTempFile,
}

impl Output {
    /// Tries the place `path`.
    pub fn at(path: &Path) -> anyhow::Result<Self> {
        // What a link points to is replaced, and not the link.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        ensure!(!path.is_dir(), "{} is a folder: give the name of a file", path.display());
        ensure!(!path.exists() || path.is_file(), "{} is not a file: results are written to files", path.display());
        let file = beside(&path)?;
        Ok(Self { path, file })
    }

    /// Makes sure of the space for a picture of this size.
    pub fn reserve(&mut self, size: Size, format: Format) -> anyhow::Result<()> {
        // As much as a lossless format takes at the worst: four channels, in 16 bits if the format has them, and a little.
        let bytes = size.pixels().saturating_mul(if matches!(format, Format::Png16 | Format::Tiff) { 8 } else { 4 })
            + (64 << 10);
        fill(self.file.as_file_mut(), bytes)
            .with_context(|| format!("{} cannot be written: there is no room for {bytes} bytes", self.path.display()))
    }

    /// Writes the picture, under its name in the end.
    pub fn write(mut self, picture: &Picture, encoding: Encoding) -> anyhow::Result<()> {
        let bytes = picture.encode(encoding)?;
        let path = self.path.display().to_string();
        let cannot = || format!("{path} cannot be written");
        overwrite(self.file.as_file_mut(), &bytes).with_context(cannot)?;
        self.file.persist(&self.path).with_context(cannot)?;
        Ok(())
    }
}

/// A file without a name of its own yet, where `path` will be.
pub fn beside(path: &Path) -> anyhow::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    ensure!(folder.is_dir(), "{} cannot be written: there is no folder {}", path.display(), folder.display());
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    let mut builder = Builder::new();
    builder.prefix(&prefix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any file: what the person's umask leaves of it.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder).with_context(|| format!("{} cannot be written", path.display()))
}

/// Zeros, which a file system cannot take back.
fn fill(file: &mut File, bytes: u64) -> std::io::Result<()> {
    std::io::copy(&mut std::io::Read::take(std::io::repeat(0), bytes), file)?;
    file.sync_data()
}

fn overwrite(file: &mut File, bytes: &[u8]) -> std::io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(bytes)?;
    file.set_len(bytes.len() as u64)?;
    file.sync_all()
}
