//! Blobs that nobody names.

use std::time::Duration;

use bytes::Bytes;
use impasto_jobs::{BlobKey, BlobStore, JobId, sweep};

use crate::{
    blobs::files,
    common::{NO_LIMIT, TestStore, new_job},
};

const NOW: Duration = Duration::ZERO;
const HOUR: Duration = Duration::from_secs(3600);

async fn write(blobs: &BlobStore, key: &BlobKey) {
    blobs.put(key, Bytes::from_static(b"x")).await.unwrap();
}

#[tokio::test]
async fn a_sweep_keeps_what_a_job_names_and_deletes_the_rest() {
    let test = TestStore::new().await;
    let folder = test.folder.path().join("blobs");
    let blobs = BlobStore::local(&folder).unwrap();
    assert_eq!(sweep(&test.store, &blobs, NOW).await.unwrap(), 0);

    let job = new_job();
    test.store.submit(job.clone(), NO_LIMIT).await.unwrap();
    let claim = test.claim().await.key;
    let (checkpoint, preview) = (BlobKey::checkpoint(&claim, 2), BlobKey::preview(&claim, 2));
    test.store.save_checkpoint(&claim, &checkpoint, &preview).await.unwrap();
    let named: Vec<_> = job.styles.iter().chain([&job.content, &checkpoint, &preview]).cloned().collect();
    // Of a claim that died before its row, of one whose row forgot them, of a job that never was.
    let orphans = [BlobKey::result(&claim), BlobKey::checkpoint(&claim, 1), BlobKey::content(JobId::new())];
    for key in named.iter().chain(&orphans) {
        write(&blobs, key).await;
    }
    std::fs::write(folder.join("not-ours"), "x").unwrap();
    std::fs::write(folder.join("jobs/not-ours-either"), "x").unwrap();

    assert_eq!(sweep(&test.store, &blobs, HOUR).await.unwrap(), 0, "all are too young");
    assert_eq!(sweep(&test.store, &blobs, NOW).await.unwrap(), 3);
    for key in &named {
        blobs.get(key).await.unwrap();
    }
    assert_eq!(
        files(&folder),
        ["checkpoint-1-2", "content", "not-ours", "not-ours-either", "preview-1-2", "style-1", "style-2"]
    );
    let result = BlobKey::result(&claim);
    write(&blobs, &result).await;
    test.store.succeed(&claim, &result).await.unwrap();
    assert_eq!(sweep(&test.store, &blobs, NOW).await.unwrap(), 1, "the checkpoint of a finished job");
    blobs.get(&result).await.unwrap();
}

#[tokio::test]
async fn a_sweep_deletes_uploads_that_died_and_leaves_young_ones() {
    let test = TestStore::new().await;
    let folder = test.folder.path().join("blobs");
    let blobs = BlobStore::local(&folder).unwrap();
    let key = BlobKey::content(JobId::new());
    let upload = blobs.upload(&key).await.unwrap();
    assert_eq!(files(&folder), ["content#1"]);
    assert_eq!(sweep(&test.store, &blobs, HOUR).await.unwrap(), 0);
    upload.finish().await.unwrap();
    blobs.get(&key).await.unwrap();

    let dead = blobs.upload(&BlobKey::style(JobId::new(), 1)).await.unwrap();
    std::mem::forget(dead);
    assert_eq!(sweep(&test.store, &blobs, NOW).await.unwrap(), 2);
    // The folders are as old now as the files that were in them.
    assert_eq!(sweep(&test.store, &blobs, NOW).await.unwrap(), 0);
    assert_eq!(std::fs::read_dir(folder.join("jobs")).unwrap().count(), 0);
}
