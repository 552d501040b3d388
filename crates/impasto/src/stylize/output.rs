//! Where a result goes. The place is tried before anything is painted, and a result stands under its name whole or not at all.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
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
        let path = place(path)?;
        let file = beside(&path)?;
        Ok(Self { path, file })
    }

    /// Makes sure that a picture of this size can be written.
    pub fn reserve(&mut self, size: Size, format: Format) -> anyhow::Result<()> {
        let place = self.path.display();
        format.check_size(size).with_context(|| place.to_string())?;
        // As much as a lossless format takes at the worst: four channels, in 16 bits if the format has them, and a little.
        let bytes_a_pixel = if matches!(format, Format::Png16 | Format::Tiff) { 8 } else { 4 };
        let bytes = size.pixels().saturating_mul(bytes_a_pixel) + (64 << 10);
        fill(self.file.as_file_mut(), bytes)
            .with_context(|| format!("{place} cannot be written: there is no room for {bytes} bytes"))
    }

    /// Whether `path` leads to the same place, by whatever way.
    pub fn is_at(&self, path: &Path) -> bool {
        resolved(path) == resolved(&self.path)
    }

    /// What is there until the result has its name.
    pub fn unfinished(&self) -> &Path {
        self.file.path()
    }

    /// Writes the picture, under its name in the end.
    pub fn write(mut self, picture: &Picture, encoding: Encoding) -> anyhow::Result<()> {
        let bytes = picture.encode(encoding)?;
        let place = self.path.display();
        overwrite(self.file.as_file_mut(), &bytes).with_context(|| format!("{place} cannot be written"))?;
        let Err(refused) = self.file.persist(&self.path) else { return Ok(()) };
        // The work is worth more than its name.
        match refused.file.keep() {
            Ok((_, kept)) => bail!("{place} cannot be written: {}; the result is in {}", refused.error, kept.display()),
            Err(_) => bail!("{place} cannot be written: {}", refused.error),
        }
    }
}

/// The file that a path means: what a link points to is replaced, and not the link.
pub fn place(path: &Path) -> anyhow::Result<PathBuf> {
    let told = path.display();
    ensure!(!path.as_os_str().as_encoded_bytes().ends_with(b"/"), "{told} names a folder: give the name of a file");
    let Ok(place) = path.canonicalize() else {
        ensure!(
            path.symlink_metadata().is_err(),
            "{told} is a link that leads nowhere: delete it, or give another name"
        );
        return Ok(path.to_owned());
    };
    ensure!(!place.is_dir(), "{told} is a folder: give the name of a file");
    ensure!(place.is_file(), "{told} is not a file: results are written to files");
    Ok(place)
}

/// A path that goes through no link and no `..`, as far as it is there.
fn resolved(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let through_folder = || Some(folder.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(through_folder).unwrap_or_else(|| path.to_owned())
}

/// A file that is yet to be named `path`, beside it.
pub fn beside(path: &Path) -> anyhow::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    ensure!(folder.is_dir(), "{} cannot be written: there is no folder {}", path.display(), folder.display());
    let mut builder = Builder::new();
    builder.prefix(".impasto-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any file: what the person's umask leaves of it.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder).with_context(|| format!("{} cannot be written", path.display()))
}

/// Zeros, for which most file systems set room aside.
fn fill(file: &mut File, bytes: u64) -> std::io::Result<()> {
    std::io::copy(&mut std::io::repeat(0).take(bytes), file)?;
    file.sync_data()
}

fn overwrite(file: &mut File, bytes: &[u8]) -> std::io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(bytes)?;
    file.set_len(bytes.len() as u64)?;
    file.sync_all()
}
