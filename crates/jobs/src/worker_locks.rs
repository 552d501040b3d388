//! Locks that tell at once which workers of this machine are dead: the system drops a process's locks when it ends, however.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::WorkerName;

/// The lock files of the workers on this machine, in one folder.
#[derive(Debug, Clone)]
pub struct WorkerLocks {
    folder: PathBuf,
}

/// Says that a worker, or the supervisor that answers for it, lives. The worker is known to be dead when every lock of its
/// name is dropped.
#[derive(Debug)]
pub struct WorkerLock {
    _file: File,
}

impl WorkerLocks {
    /// The locks in `folder`, which is made when it is first needed.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Holds a lock of the worker's name.
    ///
    /// # Errors
    /// When the folder cannot be written, or its file system knows no locks. Then only leases tell of the worker's death.
    pub fn hold(&self, worker: &WorkerName) -> io::Result<WorkerLock> {
        fs::create_dir_all(&self.folder)?;
        let path = self.path(worker);
        loop {
            let file = OpenOptions::new().create(true).append(true).open(&path)?;
            file.lock_shared().inspect_err(|_| drop(fs::remove_file(&path)))?;
            // Between the two it may have been taken for a dead worker's, and removed.
            if file.metadata()?.nlink() > 0 {
                return Ok(WorkerLock { _file: file });
            }
        }
    }

    /// Whether the worker is one of this machine's and surely dead.
    pub fn is_dead(&self, worker: &WorkerName) -> bool {
        worker.is_local() && is_free(&self.path(worker))
    }

    /// Removes the files of dead workers but those in `but`, which are still to be told to be dead.
    pub(crate) fn tidy(&self, but: &[&WorkerName]) {
        let kept: Vec<_> = but.iter().map(|worker| self.path(worker)).collect();
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| !kept.contains(path)) {
            // Removed under the lock, so that whoever takes the file up meanwhile sees that it is gone.
            if let Some(_lock) = lock_alone(&path) {
                // One that stays does no harm.
                drop(fs::remove_file(&path));
            }
        }
    }

    fn path(&self, worker: &WorkerName) -> PathBuf {
        self.folder.join(worker.0.replace('/', "+"))
    }
}

fn is_free(path: &Path) -> bool {
    lock_alone(path).is_some()
}

/// The file under a lock that excludes every other; `None` where there is no such file or somebody holds it.
fn lock_alone(path: &Path) -> Option<File> {
    let file = File::open(path).ok()?;
    file.try_lock().ok().map(|()| file)
}
