//! Copies of both stores, made while they are in use.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use impasto_jobs::{
    BackUpError, BlobKey, BlobStore, JobPlace, JobQuery, NewJob, Places, Sight, back_up, no_longer_a_copy,
};

use crate::common::{LONG, NO_LIMIT, TestStore, entry, new_job, succeed, worker};

fn places_in(folder: &Path, database: &str) -> Places {
    Places { folder: folder.into(), database: folder.join(database), blobs: folder.join("blobs") }
}

/// Every blob that a new job names.
fn inputs_of(job: &NewJob) -> Vec<&BlobKey> {
    [Some(&job.content), job.initial.as_ref()]
        .into_iter()
        .flatten()
        .chain(&job.styles)
        .chain(&job.masks)
        .chain(&job.style_masks)
        .collect()
}

/// A blob of every name, which holds its name.
async fn write(blobs: &BlobStore, names: &[&BlobKey]) {
    for name in names {
        blobs.put(name, Bytes::from(name.to_string())).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_while_jobs_run_is_of_one_moment_and_has_every_blob_that_it_names() {
    let test = TestStore::new().await;
    let from = places_in(test.folder.path(), "jobs.db");
    let blobs = BlobStore::local(&from.blobs).unwrap();
    let new = new_job();
    write(&blobs, &inputs_of(&new)).await;
    test.store.submit(new, NO_LIMIT).await.unwrap();
    let before = test.claim().await.key;
    test.store.record_progress(&before, &entry(1, 10)).await.unwrap();

    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let (busy, his) = (test.opened_again().await, blobs.clone());
    let work = tokio::spawn(async move {
        let mut number = 0;
        while stopped.try_recv().is_err() {
            let new = new_job();
            write(&his, &inputs_of(&new)).await;
            busy.submit(new, NO_LIMIT).await.unwrap();
            let claim = busy.claim(&worker("busy"), LONG).await.unwrap().expect("a job waits").key;
            for _ in 0..3 {
                number += 1;
                let (checkpoint, preview) = (BlobKey::checkpoint(&claim, number), BlobKey::preview(&claim, number));
                write(&his, &[&checkpoint, &preview]).await;
                his.delete(&busy.save_checkpoint(&claim, &checkpoint, &preview).await.unwrap()).await.unwrap();
            }
            write(&his, &[&BlobKey::result(&claim), &BlobKey::result_16(&claim)]).await;
            succeed(&busy, &claim).await.unwrap();
        }
    });
    for number in 0..3 {
        let folder = test.folder.path().join(format!("copy-{number}"));
        let to = places_in(&folder, "impasto.db");
        // The second time there is a copy already.
        for _ in 0..2 {
            let copied = back_up(&from, &to).await.unwrap();
            assert_eq!(copied.missing, 0, "{copied:?}");
        }
        let (copy, pictures) =
            (JobPlace::File(to.database.clone()).open().await.unwrap(), BlobStore::local(&to.blobs).unwrap());
        let job = copy.find(before.job, &Sight::All).await.unwrap().expect("it is in the copy");
        assert_eq!(job, test.find(before.job).await);
        let page = copy.list(&JobQuery::default(), &Sight::All).await.unwrap();
        assert!(!page.jobs.is_empty());
        for job in page.jobs {
            for blob in [Some(job.content), job.preview, job.result].into_iter().flatten().chain(job.styles) {
                assert_eq!(pictures.get(&blob).await.unwrap(), blob.to_string());
            }
        }
        copy.record_progress(&before, &entry(1, 20)).await.expect("the copy is a store of its own");
        assert_eq!(test.find(before.job).await.losses, [entry(1, 10)]);
    }
    stop.send(()).unwrap();
    work.await.unwrap();
}

#[tokio::test]
async fn a_later_copy_in_the_same_folder_takes_what_is_new_and_forgets_what_is_gone() {
    let test = TestStore::new().await;
    let (from, to) =
        (places_in(test.folder.path(), "jobs.db"), places_in(&test.folder.path().join("copy"), "impasto.db"));
    let blobs = BlobStore::local(&from.blobs).unwrap();
    let (one, other) = (new_job(), new_job());
    for job in [&one, &other] {
        write(&blobs, &inputs_of(job)).await;
    }
    let (one_id, gone) = (one.id, to.blobs.join(one.content.as_str()));
    test.store.submit(one, NO_LIMIT).await.unwrap();
    let first = back_up(&from, &to).await.unwrap();
    assert!(first.new == first.blobs && first.blobs > 0 && gone.exists(), "{first:?}");

    test.store.delete(one_id, &Sight::All).await.unwrap();
    let (content, kept) = (other.content.clone(), to.blobs.join(other.content.as_str()));
    test.store.submit(other, NO_LIMIT).await.unwrap();
    let second = back_up(&from, &to).await.unwrap();
    assert_eq!((second.blobs, second.new), (first.blobs, first.blobs), "{second:?}");
    assert!(!gone.exists() && !gone.parent().unwrap().exists() && kept.exists());
    assert_eq!(back_up(&from, &to).await.unwrap().new, 0);

    // A blob that a row names and nobody has is told of, and is no reason to have no copy.
    blobs.delete(&[content]).await.unwrap();
    std::fs::remove_file(kept).unwrap();
    assert_eq!(back_up(&from, &to).await.unwrap().missing, 1);
}

/// Every file in the folder, and what is in it.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut contents = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            contents.extend(self::contents(&path));
        } else {
            contents.push((path.clone(), std::fs::read(path).unwrap()));
        }
    }
    contents.sort();
    contents
}

#[tokio::test]
async fn a_folder_that_holds_something_else_is_left_as_it_is() {
    let (test, other) = (TestStore::new().await, TestStore::new().await);
    let from = places_in(test.folder.path(), "jobs.db");
    // Another service's own.
    let to = places_in(other.folder.path(), "jobs.db");
    let job = new_job();
    write(&BlobStore::local(&to.blobs).unwrap(), &inputs_of(&job)).await;
    other.store.submit(job, NO_LIMIT).await.unwrap();
    let before = contents(&to.folder);
    let refused = back_up(&from, &to).await.unwrap_err();
    assert!(matches!(&refused, BackUpError::NotOurs(folder) if *folder == to.folder), "{refused}");
    assert_eq!(contents(&to.folder), before);

    let folder = test.folder.path().join("photographs");
    std::fs::create_dir_all(folder.join("blobs")).unwrap();
    std::fs::write(folder.join("blobs/aunt.jpg"), "a picture").unwrap();
    let refused = back_up(&from, &places_in(&folder, "impasto.db")).await.unwrap_err().to_string();
    assert!(refused.contains("photographs") && refused.contains("IMPASTO-BACKUP"), "{refused}");
    assert_eq!(contents(&folder), [(folder.join("blobs/aunt.jpg"), b"a picture".to_vec())]);

    // One that a service was started on is no copy any more.
    let copy = places_in(&test.folder.path().join("copy"), "impasto.db");
    back_up(&from, &copy).await.unwrap();
    no_longer_a_copy(&copy.folder).unwrap();
    no_longer_a_copy(&copy.folder).unwrap();
    assert!(matches!(back_up(&from, &copy).await, Err(BackUpError::NotOurs(_))));
}

#[tokio::test]
async fn where_there_is_no_database_there_is_no_copy_and_no_database_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let from = places_in(&folder.path().join("nowhere"), "impasto.db");
    let to = places_in(&folder.path().join("copy"), "impasto.db");
    let refused = back_up(&from, &to).await.unwrap_err();
    assert!(matches!(refused, BackUpError::Store(_)) && refused.to_string().contains("nowhere"), "{refused}");
    assert!(!from.database.exists() && !to.database.exists());
}
