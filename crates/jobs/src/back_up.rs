//! A copy of both stores that fits together, taken while they are used.
//!
//! The database comes first, as it is at one moment, and then the blobs that it names. A blob never changes under its name, so
//! one that is there is the right one; one that is gone was replaced by the next checkpoint or preview, or its job was deleted.
//! Then the database is copied anew, and what it names besides: hardly anything, so that the next look finds all of it. What is
//! missing after that, if anything, is what its jobs do without. The copy gets its name last.
//!
//! The folder is marked as one of copies before anything else is done in it. Where there is no mark and something else, nothing
//! is done: what a copy writes over and removes would be a service's own, or somebody else's.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    BlobKey, StoreError,
    blobs::blocking,
    sqlite::{blobs_named_in, copy_database},
};

/// The file that marks a folder of copies.
const MARK: &str = "IMPASTO-BACKUP";
/// What it says to people.
const MARKED: &str =
    "A copy made by `impasto backup`. The next one writes over it, and removes what it does not need.\n";

/// Looks at the database at the most. A second is enough unless checkpoints follow each other as fast as they can be copied.
const MOST_LOOKS: u32 = 8;

/// Why there is no copy. What was there of an earlier one is as it was, but for blobs that came on top.
#[derive(Debug, thiserror::Error)]
pub enum BackUpError {
    /// The folder for the copy holds something else, which was left as it is.
    #[error("{} is not empty and holds no back-up of impasto (there is no file {MARK} in it). Name a new folder or an empty one", .0.display())]
    NotOurs(PathBuf),
    /// The database could not be copied.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file could not be copied, or the folder not be written.
    #[error("cannot {doing}: {cause}")]
    File {
        /// What could not be done.
        doing: String,
        /// Why not.
        cause: io::Error,
    },
}

/// What a copy holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackedUp {
    /// Blobs.
    pub blobs: usize,
    /// Those of them that an earlier copy in the same folder did not have.
    pub new: usize,
    /// Blobs that jobs name and that are not in it: they were replaced or deleted meanwhile, time and again.
    pub missing: usize,
}

/// Where a service keeps everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The folder that the others lie in.
    pub folder: PathBuf,
    /// The file of the job database.
    pub database: PathBuf,
    /// The folder of the blobs.
    pub blobs: PathBuf,
}

/// Copies everything from one place to another, while the service uses it. A copy that is there already is brought up to date,
/// and is whole until the new one is.
///
/// # Errors
/// [`BackUpError`] says which.
pub async fn back_up(from: &Places, to: &Places) -> Result<BackedUp, BackUpError> {
    mark(&to.folder)?;
    let draft = to.database.with_extension("unfinished");
    make_folder(&to.blobs)?;
    let (mut backed_up, mut named) = (BackedUp::default(), HashSet::new());
    for _ in 0..MOST_LOOKS {
        remove_if_there(&draft)?;
        copy_database(&from.database, &draft).await?;
        named = blobs_named_in(&draft).await?;
        let (keys, source, target) = (named.clone(), from.blobs.clone(), to.blobs.clone());
        let copied = beside("copy the blobs", move || copy_all(&keys, &source, &target)).await?;
        backed_up = BackedUp { new: backed_up.new + copied.new, ..copied };
        if backed_up.missing == 0 {
            break;
        }
    }
    let to = to.clone();
    beside("finish the copy", move || finish(&draft, &to, &named)).await?;
    Ok(backed_up)
}

/// Makes the folder one of copies, unless it is one or holds something else.
fn mark(folder: &Path) -> Result<(), BackUpError> {
    make_folder(folder)?;
    let file = folder.join(MARK);
    let look = cannot(format!("look into {}", folder.display()));
    let (is_marked, mut others) = match (file.try_exists(), fs::read_dir(folder)) {
        (Ok(is_marked), Ok(others)) => (is_marked, others),
        (Err(cause), _) | (_, Err(cause)) => return Err(look(cause)),
    };
    if is_marked {
        return Ok(());
    }
    if others.next().is_some() {
        return Err(BackUpError::NotOurs(folder.into()));
    }
    fs::write(&file, MARKED).map_err(cannot(format!("write {}", file.display())))
}

/// Takes the mark off a folder that a service works in from now on, such as a copy that was put in the place of what is lost.
///
/// # Errors
/// When the mark is there and stays.
pub fn no_longer_a_copy(folder: &Path) -> Result<(), BackUpError> {
    remove_if_there(&folder.join(MARK))
}

/// Does `work` on a thread that may wait for the disk.
async fn beside<T: Send + 'static>(
    doing: &str,
    work: impl FnOnce() -> Result<T, BackUpError> + Send + 'static,
) -> Result<T, BackUpError> {
    blocking(move || Ok(work())).await.map_err(cannot(doing))?
}

fn copy_all(keys: &HashSet<BlobKey>, from: &Path, to: &Path) -> Result<BackedUp, BackUpError> {
    let mut copied = BackedUp::default();
    for key in keys {
        let (source, target) = (from.join(key.as_str()), to.join(key.as_str()));
        if target.try_exists().map_err(cannot(format!("look for {}", target.display())))? {
            copied.blobs += 1;
            continue;
        }
        if let Some(folder) = target.parent() {
            make_folder(folder)?;
        }
        match link_or_copy(&source, &target) {
            Ok(()) => (copied.blobs, copied.new) = (copied.blobs + 1, copied.new + 1),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => copied.missing += 1,
            Err(cause) => return Err(cannot(format!("copy {} to {}", source.display(), target.display()))(cause)),
        }
    }
    Ok(copied)
}

/// A link takes no room and no time. Blobs are replaced as a whole or not at all, never written over, so it stays what it is.
fn link_or_copy(source: &Path, target: &Path) -> io::Result<()> {
    match fs::hard_link(source, target) {
        Ok(()) => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Err(cause),
        // Another disk, or one that knows no links.
        Err(_) => {
            // What a crash leaves must not pass for the blob.
            let draft = target.with_extension("unfinished");
            fs::copy(source, &draft)?;
            fs::File::open(&draft)?.sync_all()?;
            fs::rename(&draft, target)
        }
    }
}

/// Gives the copy its name, and removes what it no longer needs.
fn finish(draft: &Path, Places { database, blobs, .. }: &Places, named: &HashSet<BlobKey>) -> Result<(), BackUpError> {
    let doing = format!("write {}", database.display());
    let written = fs::File::open(draft).and_then(|file| file.sync_all()).and_then(|()| fs::rename(draft, database));
    written.map_err(cannot(doing))?;
    let kept: HashSet<PathBuf> = named.iter().map(|key| blobs.join(key.as_str())).collect();
    let mut superfluous = Vec::new();
    find_files(blobs, &mut superfluous).map_err(cannot(format!("list {}", blobs.display())))?;
    for file in superfluous.iter().filter(|&file| !kept.contains(file)) {
        remove_if_there(file)?;
        // The folder of a job that is gone; any other is not empty.
        _ = file.parent().map(fs::remove_dir);
    }
    Ok(())
}

fn find_files(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() { find_files(&entry.path(), found)? } else { found.push(entry.path()) }
    }
    Ok(())
}

fn make_folder(folder: &Path) -> Result<(), BackUpError> {
    fs::create_dir_all(folder).map_err(cannot(format!("make the folder {}", folder.display())))
}

fn remove_if_there(file: &Path) -> Result<(), BackUpError> {
    match fs::remove_file(file) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            Err(cannot(format!("remove {}", file.display()))(cause))
        }
        _ => Ok(()),
    }
}

fn cannot(doing: impl Into<String>) -> impl FnOnce(io::Error) -> BackUpError {
    let doing = doing.into();
    |cause| BackUpError::File { doing, cause }
}
