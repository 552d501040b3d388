//! Filling the cache. Only a file that was checked in full ever gets its final name.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read},
    path::{Path, PathBuf},
};

use hf_hub::api::Progress;
use impasto_engine::vgg::Architecture;
use sha2::{Digest, Sha256};

use crate::{Flaw, Store, WeightsError, file::read_path};

/// Folders of downloads under way begin like this.
const UNFINISHED: &str = ".fetch-";

impl Store {
    /// Fetches a backbone into the cache, unless it is there already, and gives back its path. Of several processes
    /// fetching at once, one does and the others wait for it.
    ///
    /// # Errors
    /// Where the hub does not give it, what it gives is of no use, or the cache cannot be written. The cache is left as
    /// it was.
    pub fn fetch(&self, architecture: Architecture, progress: impl Progress) -> Result<PathBuf, WeightsError> {
        if architecture == Architecture::Vgg16 {
            return Err(WeightsError::NothingToFetch(architecture));
        }
        let cache = &self.settings().cache;
        let cached = self.settings().cached(architecture);
        let unwritable = |error| WeightsError::Cache { path: cache.clone(), error };

        fs::create_dir_all(cache).map_err(unwritable)?;
        let _held_until_done = lock(cache).map_err(unwritable)?;
        if read_path(&cached, Some(architecture)).is_ok() {
            return Ok(cached);
        }
        remove_unfinished(cache).map_err(unwritable)?;
        let folder = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(cache).map_err(unwritable)?;

        let url = self.hub().url();
        tracing::info!(%architecture, url, "fetching weights");
        let fetched = self.hub().download(folder.path(), progress).map_err(|error| WeightsError::Fetch {
            architecture,
            url: url.clone(),
            reason: error.to_string(),
        })?;
        check_checksum(&fetched)
            .and_then(|()| read_path(&fetched, Some(architecture)))
            .map_err(|flaw| WeightsError::Fetched { url, flaw })?;
        // Before the rename, so that not even a power cut leaves half a file under the final name.
        File::open(&fetched).and_then(|file| file.sync_all()).map_err(unwritable)?;
        fs::rename(&fetched, &cached).map_err(unwritable)?;
        tracing::info!(%architecture, path = %cached.display(), "fetched weights");
        Ok(cached)
    }
}

/// A lock on the folder itself, which leaves no file behind; the system lets go of it when the process ends, however.
fn lock(folder: &Path) -> io::Result<File> {
    let handle = File::open(folder)?;
    match handle.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            tracing::info!(cache = %folder.display(), "waiting for another process that is fetching weights");
            handle.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    Ok(handle)
}

/// What processes left that were killed while they fetched; whoever holds the lock is alone here.
fn remove_unfinished(cache: &Path) -> io::Result<()> {
    for entry in fs::read_dir(cache)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Bytes that are read at once.
const PART: usize = 1 << 20;

/// The hub names large files by their SHA-256, and the file bears that name; smaller ones and mirrors' may bear others.
fn check_checksum(fetched: &Path) -> Result<(), Flaw> {
    let name = fetched.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name.len() != 64 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(());
    }
    let mut hasher = Sha256::new();
    let mut file = File::open(fetched)?;
    let mut part = vec![0; PART];
    loop {
        match file.read(&mut part)? {
            0 => break,
            read => hasher.update(&part[..read]),
        }
    }
    let have: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if have.eq_ignore_ascii_case(&name) { Ok(()) } else { Err(Flaw::WrongChecksum { have, want: name }) }
}
