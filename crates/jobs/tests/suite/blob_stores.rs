//! Blob stores to try: on a folder, in memory, and in a bucket of a server that speaks S3.
#![allow(dead_code, reason = "every test target uses a part of it")]

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use impasto_jobs::{BlobPlace, BlobStore, JobId};
use object_store::memory::InMemory;
use tempfile::TempDir;

use crate::s3::{self, S3Server};

/// The names of all files under `folder`.
pub fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    found.sort();
    found
}

/// An empty store, and where its files are, if it is a folder.
pub struct Empty {
    pub blobs: BlobStore,
    pub folder: Option<TempDir>,
    pub is_in_memory: bool,
}

impl Empty {
    /// The names of all files under its folder; none where it has none.
    pub fn files(&self) -> Vec<String> {
        self.folder.as_ref().map(|folder| files(folder.path())).unwrap_or_default()
    }

    pub fn name(&self) -> &'static str {
        match &self.folder {
            Some(_) => "a folder",
            None if self.is_in_memory => "memory",
            None => "a bucket",
        }
    }
}

/// An empty store of each kind.
pub fn stores() -> Vec<Empty> {
    let folder = tempfile::tempdir().unwrap();
    let local = BlobStore::local(&folder.path().join("blobs")).unwrap();
    let memory = BlobStore::on(Arc::new(InMemory::new()));
    let mut stores = vec![
        Empty { blobs: local, folder: Some(folder), is_in_memory: false },
        Empty { blobs: memory, folder: None, is_in_memory: true },
    ];
    stores.extend(bucket().map(|blobs| Empty { blobs, folder: None, is_in_memory: false }));
    stores
}

/// An empty place in a bucket, if there is a server to be had.
pub fn bucket() -> Option<BlobStore> {
    S3Server::shared().map(|server| bucket_behind(server, &server.endpoint))
}

/// An empty place in a bucket of `server`, which is asked at `endpoint`.
pub fn bucket_behind(server: &S3Server, endpoint: &str) -> BlobStore {
    let place = BlobPlace::parse(&server.address(&JobId::new().to_string()), Path::new("")).unwrap();
    BlobStore::open(&place, s3::environment(endpoint)).unwrap()
}

/// Bytes that are not the same in any two parts.
pub fn bytes(number: usize) -> Bytes {
    (0..number).map(|n| ((n * 7) ^ (n >> 13)) as u8).collect()
}
