//! Filling the cache. Only a file that was checked in full ever gets its final name. A download that was broken off stays
//! beside it, and goes on where it broke off, whoever asks next.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use hf_hub::api::Progress;
use impasto_engine::vgg::Architecture;
use sha2::{Digest, Sha256};

use crate::{Flaw, Hub, Store, WeightsError, file::read_path};

impl Store {
    /// Fetches a backbone into the cache, unless it is there already, and gives back its path. Of several processes
    /// fetching at once, one does and the others wait for it. What an earlier attempt has brought is not asked for again.
    ///
    /// # Errors
    /// Where the hub does not give it, what it gives is of no use, or the cache cannot be written. The cache is left as
    /// it was, but for the part of the file that did come.
    pub fn fetch(&self, architecture: Architecture, progress: impl Progress) -> Result<PathBuf, WeightsError> {
        self.fetch_alive(architecture, progress, &|| {})
    }

    /// The same, which calls `alive` at least at every piece that is fetched or read, and while it waits for others.
    pub(crate) fn fetch_alive(
        &self,
        architecture: Architecture,
        mut progress: impl Progress,
        alive: &dyn Fn(),
    ) -> Result<PathBuf, WeightsError> {
        if architecture == Architecture::Vgg16 {
            return Err(WeightsError::NothingToFetch(architecture));
        }
        let cache = &self.settings().cache;
        let cached = self.settings().cached(architecture);
        let unwritable = |error| WeightsError::Cache { path: cache.clone(), error };

        fs::create_dir_all(cache).map_err(unwritable)?;
        let _held_until_done = lock(cache, alive).map_err(unwritable)?;
        if read_path(&cached, Some(architecture), alive).is_ok() {
            return Ok(cached);
        }
        let folder = cache.join(format!(".fetch-{architecture}"));
        tracing::info!(%architecture, url = self.hub().url(), "fetching weights");
        let fetched = self.download(architecture, &folder, &mut progress, alive)?;
        // Before the rename, so that not even a power cut leaves half a file under the final name.
        File::open(&fetched).and_then(|file| file.sync_all()).map_err(unwritable)?;
        fs::rename(&fetched, &cached).map_err(unwritable)?;
        remove(&folder).map_err(unwritable)?;
        tracing::info!(%architecture, path = %cached.display(), "fetched weights");
        Ok(cached)
    }

    /// Goes on with the download in `folder`, or begins it, until there is a file that is good.
    fn download(
        &self,
        architecture: Architecture,
        folder: &Path,
        progress: &mut dyn Progress,
        alive: &dyn Fn(),
    ) -> Result<PathBuf, WeightsError> {
        let url = self.hub().url();
        loop {
            let goes_on = self.hub().part_in(folder).is_some();
            let broken = match self.hub().download(folder, Told { progress, alive }) {
                Ok(fetched) => match check(&fetched, architecture, alive) {
                    Ok(()) => return Ok(fetched),
                    Err(flaw) => WeightsError::Fetched { url: url.clone(), flaw },
                },
                Err(error) => {
                    let of_no_use = Hub::part_was_refused(&error);
                    let error = WeightsError::Fetch { architecture, url: url.clone(), reason: error.to_string() };
                    if !of_no_use {
                        if self.hub().part_in(folder).is_none() {
                            drop(remove(folder));
                        }
                        return Err(error);
                    }
                    error
                }
            };
            // Nothing of it is of use; but if it was put together of parts, the whole may be.
            drop(remove(folder));
            if !goes_on {
                return Err(broken);
            }
            tracing::warn!(error = %broken, "starting the download over");
        }
    }
}

/// Passes on what is told of a download, and that it lives.
struct Told<'a> {
    progress: &'a mut dyn Progress,
    alive: &'a dyn Fn(),
}

impl Progress for Told<'_> {
    fn init(&mut self, size: usize, name: &str) {
        (self.alive)();
        self.progress.init(size, name);
    }

    fn update(&mut self, size: usize) {
        (self.alive)();
        self.progress.update(size);
    }

    fn finish(&mut self) {
        (self.alive)();
        self.progress.finish();
    }
}

/// How long to wait before looking again whether another process is done.
const PAUSE: Duration = Duration::from_millis(200);

/// A lock on the folder itself, which leaves no file behind; the system lets go of it when the process ends, however.
fn lock(folder: &Path, alive: &dyn Fn()) -> io::Result<File> {
    let handle = File::open(folder)?;
    let mut waits = false;
    loop {
        match handle.try_lock() {
            Ok(()) => return Ok(handle),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if !waits => {
                waits = true;
                tracing::info!(cache = %folder.display(), "waiting for another process that is fetching weights");
            }
            Err(TryLockError::WouldBlock) => {}
        }
        alive();
        thread::sleep(PAUSE);
    }
}

/// Removes the folder, if it is there.
fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn check(fetched: &Path, architecture: Architecture, alive: &dyn Fn()) -> Result<(), Flaw> {
    check_checksum(fetched, alive)?;
    read_path(fetched, Some(architecture), alive).map(drop)
}

/// Bytes that are read at once.
const PART: usize = 1 << 20;

/// The hub names large files by their SHA-256, and the file bears that name; smaller ones and mirrors' may bear others.
fn check_checksum(fetched: &Path, alive: &dyn Fn()) -> Result<(), Flaw> {
    let name = fetched.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name.len() != 64 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(());
    }
    let mut hasher = Sha256::new();
    let mut file = File::open(fetched)?;
    let mut part = vec![0; PART];
    loop {
        alive();
        match file.read(&mut part)? {
            0 => break,
            read => hasher.update(&part[..read]),
        }
    }
    let have = hex::encode(hasher.finalize());
    if have.eq_ignore_ascii_case(&name) { Ok(()) } else { Err(Flaw::WrongChecksum { have, want: name }) }
}
