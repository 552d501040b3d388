//! What a process that dies while it writes a blob leaves in a folder. The object store names such a file after the
//! blob, `#` and a number, and neither lists nor deletes it.

use std::{
    fs::{self, DirEntry},
    io,
    path::{Path, PathBuf},
};

/// The unfinished files of all jobs under `jobs`, and the folders with nothing in them.
pub(crate) fn find(jobs: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for job in entries(jobs)?.into_iter().filter(|entry| entry.path().is_dir()) {
        let files = entries(&job.path())?;
        if files.is_empty() {
            found.push(job.path());
        }
        found.extend(files.iter().filter(|file| is_unfinished(file)).map(DirEntry::path));
    }
    Ok(found)
}

/// Removes a file or an empty folder; returns whether it was a file. One that is gone, or is no longer empty, is fine.
pub(crate) fn remove(path: &Path) -> io::Result<bool> {
    let is_file = !path.is_dir();
    let removed = if is_file { fs::remove_file(path) } else { fs::remove_dir(path) };
    match removed.map_err(|error| (error.kind(), error)) {
        Ok(()) => Ok(is_file),
        Err((io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::DirectoryNotEmpty, _)) => {
            Ok(false)
        }
        Err((_, error)) => Err(error),
    }
}

/// What is in `folder`: nothing, when it is gone or is none.
fn entries(folder: &Path) -> io::Result<Vec<DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn is_unfinished(file: &DirEntry) -> bool {
    let name = file.file_name();
    let number = name.to_str().and_then(|name| name.rsplit_once('#')).map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}
