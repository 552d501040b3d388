//! What a process that dies while it writes a blob leaves in a folder. The object store names such a file after the
//! blob, `#` and a number, and neither lists nor deletes it.

use std::{
    fs::{self, DirEntry},
    io,
    path::Path,
    time::SystemTime,
};

/// Removes the unfinished files of all jobs under `jobs` that were last written before `cutoff`, and the folders that
/// have been empty since then; returns how many files.
pub(crate) fn remove(jobs: &Path, cutoff: SystemTime) -> io::Result<u64> {
    let mut removed = 0;
    for job in entries(jobs)? {
        for file in entries(&job.path())? {
            if is_unfinished(&file) && is_older(&file, cutoff)? {
                fs::remove_file(file.path())?;
                removed += 1;
            }
        }
        if is_older(&job, cutoff)? {
            // It refuses where the folder is not empty, which is what is wanted.
            let _ = fs::remove_dir(job.path());
        }
    }
    Ok(removed)
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

/// One that another process has just removed is not.
fn is_older(entry: &DirEntry, cutoff: SystemTime) -> io::Result<bool> {
    match entry.metadata() {
        Ok(metadata) => Ok(metadata.modified()? <= cutoff),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
