//! What every blob store does.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use impasto_jobs::{Attempt, BlobError, BlobKey, BlobKind, BlobStore, ClaimKey, FirstLook, JobId};

use crate::blob_stores::{bytes, stores};

fn is_missing(outcome: Result<Bytes, BlobError>, key: &BlobKey) -> bool {
    matches!(outcome, Err(BlobError::NotFound(missing)) if missing == *key)
}

#[test]
fn names_hold_the_job_and_for_a_workers_blobs_the_attempt() {
    let job = JobId::new();
    let claim = |attempt| ClaimKey { job, attempt: Attempt(attempt) };
    assert_eq!(BlobKey::content(job).to_string(), format!("jobs/{job}/content"));
    assert_eq!(BlobKey::style(job, 2).to_string(), format!("jobs/{job}/style-2"));
    assert_eq!(BlobKey::preview(&claim(3), 7).to_string(), format!("jobs/{job}/preview-3-7"));
    for (ours, theirs) in [
        (BlobKey::preview(&claim(1), 1), BlobKey::preview(&claim(2), 1)),
        (BlobKey::checkpoint(&claim(1), 1), BlobKey::checkpoint(&claim(2), 1)),
        (BlobKey::result(&claim(1)), BlobKey::result(&claim(2))),
    ] {
        assert_ne!(ours, theirs);
    }
}

#[tokio::test]
async fn what_is_put_is_got_until_it_is_deleted() {
    for store in stores() {
        println!("{}", store.name());
        let blobs = &store.blobs;
        let key = BlobKey::content(JobId::new());
        assert!(is_missing(blobs.get(&key).await, &key));
        blobs.put(&key, Bytes::from_static(b"first")).await.unwrap();
        blobs.put(&key, Bytes::from_static(b"second")).await.unwrap();
        assert_eq!(blobs.get(&key).await.unwrap(), "second");
        let missing = BlobKey::content(JobId::new());
        blobs.delete(&[missing, key.clone()]).await.unwrap();
        blobs.delete(std::slice::from_ref(&key)).await.unwrap();
        assert!(is_missing(blobs.get(&key).await, &key));
    }
}

#[tokio::test]
async fn an_upload_has_no_name_until_it_is_finished() {
    for store in stores() {
        println!("{}", store.name());
        let blobs = &store.blobs;
        let key = BlobKey::content(JobId::new());
        // More than is gathered for one part, in pieces of odd lengths.
        let pieces: Vec<Bytes> = (0..200u8).map(|n| Bytes::from(vec![n; 60_001])).collect();
        let mut upload = blobs.upload(&key).await.unwrap();
        for piece in &pieces {
            upload.write(piece.clone()).await.unwrap();
            assert!(is_missing(blobs.get(&key).await, &key));
        }
        assert_eq!(upload.finish().await.unwrap(), 200 * 60_001);
        assert!(blobs.get(&key).await.unwrap() == pieces.concat());
    }
}

#[tokio::test]
async fn an_empty_upload_is_an_empty_blob() {
    for store in stores() {
        println!("{}", store.name());
        let blobs = &store.blobs;
        let key = BlobKey::content(JobId::new());
        assert_eq!(blobs.upload(&key).await.unwrap().finish().await.unwrap(), 0);
        assert_eq!(blobs.get(&key).await.unwrap(), "");
    }
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing() {
    for store in stores() {
        println!("{}", store.name());
        let blobs = &store.blobs;
        let key = BlobKey::content(JobId::new());
        let mut upload = blobs.upload(&key).await.unwrap();
        for _ in 0..7 {
            upload.write(Bytes::from(vec![7; 1_000_000])).await.unwrap();
        }
        upload.abort().await.unwrap();
        assert!(is_missing(blobs.get(&key).await, &key));
        assert_eq!(store.files(), Vec::<String>::new(), "{}", store.name());
    }
}

#[tokio::test]
async fn an_upload_over_a_blob_leaves_that_whole_until_it_is_finished() {
    for store in stores() {
        println!("{}", store.name());
        let blobs = &store.blobs;
        let key = BlobKey::content(JobId::new());
        blobs.put(&key, Bytes::from_static(b"whole")).await.unwrap();
        let mut upload = blobs.upload(&key).await.unwrap();
        upload.write(Bytes::from_static(b"new")).await.unwrap();
        drop(upload);
        assert_eq!(blobs.get(&key).await.unwrap(), "whole");
    }
}

#[tokio::test]
async fn a_job_goes_with_all_its_blobs_and_no_others() {
    for store in stores() {
        println!("{}", store.name());
        let blobs = &store.blobs;
        let (job, other) = (JobId::new(), JobId::new());
        let claim = ClaimKey { job, attempt: Attempt(1) };
        for key in [BlobKey::content(job), BlobKey::style(job, 1), BlobKey::result(&claim), BlobKey::content(other)] {
            blobs.put(&key, Bytes::from_static(b"x")).await.unwrap();
        }
        blobs.delete_job(job).await.unwrap();
        blobs.delete_job(job).await.unwrap();
        if store.folder.is_some() {
            assert_eq!(store.files(), ["content"]);
        }
        assert_eq!(blobs.get(&BlobKey::content(other)).await.unwrap(), "x");
    }
}

#[tokio::test]
async fn a_name_that_is_taken_stays_whose_it_is() {
    for store in stores() {
        let blobs = &store.blobs;
        let claim = ClaimKey { job: JobId::new(), attempt: Attempt(1) };
        // One that goes in one piece, and one that goes in parts.
        for (key, length) in [(BlobKey::result(&claim), 300_000), (BlobKey::checkpoint(&claim, 1), 17 << 20)] {
            let all = bytes(length);
            let pieces = || [all.slice(..99_999), all.slice(99_999..)];
            blobs.create(&key, pieces()).await.unwrap();
            blobs.create(&key, [all.clone()]).await.expect("its own bytes are there, however they come");
            let mut other = all.to_vec();
            other[length - 1] ^= 1;
            for other in [Bytes::from(other), all.slice(1..), Bytes::new()] {
                let refused = blobs.create(&key, [other]).await;
                assert!(matches!(&refused, Err(BlobError::Taken(taken)) if *taken == key), "{refused:?}");
            }
            assert!(blobs.get(&key).await.unwrap() == all, "{}", store.name());
        }
    }
}

#[tokio::test]
async fn many_blobs_are_deleted_at_once() {
    // More than S3 deletes, or lists, with one request.
    const MANY: usize = 1_100;
    for store in stores() {
        let blobs = &store.blobs;
        let claim = ClaimKey { job: JobId::new(), attempt: Attempt(1) };
        let keys: Vec<_> = (0..MANY as u64).map(|number| BlobKey::preview(&claim, number)).collect();
        let write = |key| async move { blobs.put(key, Bytes::from_static(b"x")).await.unwrap() };
        futures::stream::iter(&keys).map(write).buffer_unordered(32).collect::<()>().await;
        blobs.delete(&keys[1..]).await.unwrap();
        assert!(is_missing(blobs.get(&keys[MANY - 1]).await, &keys[MANY - 1]), "{}", store.name());
        assert_eq!(blobs.get(&keys[0]).await.unwrap(), "x", "{}", store.name());
        futures::stream::iter(&keys).map(write).buffer_unordered(32).collect::<()>().await;
        blobs.delete_job(claim.job).await.unwrap();
        assert!(is_missing(blobs.get(&keys[0]).await, &keys[0]), "{}", store.name());
    }
}

#[tokio::test]
async fn a_store_that_works_says_so_and_keeps_nothing_of_the_question() {
    for store in stores() {
        for _ in 0..2 {
            assert!(matches!(store.blobs.first_look().await, Ok(FirstLook::Works)), "{}", store.name());
            store.blobs.look().await.unwrap();
        }
        assert_eq!(store.files(), Vec::<String>::new());
    }
}

#[test]
fn a_folder_that_cannot_be_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let refused = BlobStore::local(&file.join("blobs")).unwrap_err().to_string();
    assert!(refused.contains("a-file"), "{refused}");
}

#[tokio::test]
async fn a_copy_is_a_blob_of_its_own() {
    for store in stores() {
        println!("{}", store.name());
        let blobs = &store.blobs;
        let (from, to) = (BlobKey::content(JobId::new()), BlobKey::initial(JobId::new()));
        let missing = blobs.copy(&from, &to).await;
        assert!(matches!(missing, Err(BlobError::NotFound(key)) if key == from));
        assert!(is_missing(blobs.get(&to).await, &to));
        // More than goes in one piece.
        let bytes = Bytes::from_iter((0..1_000_000_u32).map(|n| (n * 7) as u8));
        blobs.put(&from, bytes.clone()).await.unwrap();
        blobs.copy(&from, &to).await.unwrap();
        blobs.delete(&[from]).await.unwrap();
        assert_eq!(blobs.get(&to).await.unwrap(), bytes);
    }
}

#[tokio::test]
async fn a_blob_is_read_in_pieces_and_counted() {
    for store in stores() {
        println!("{}", store.name());
        let blobs = &store.blobs;
        let key = BlobKey::content(JobId::new());
        assert!(matches!(blobs.size(&key).await, Err(BlobError::NotFound(missing)) if missing == key));
        assert!(matches!(blobs.read(&key, None).await.err(), Some(BlobError::NotFound(missing)) if missing == key));
        let bytes = Bytes::from_iter((0..1_000_000_u32).map(|n| (n * 7) as u8));
        blobs.put(&key, bytes.clone()).await.unwrap();
        assert_eq!(blobs.size(&key).await.unwrap(), 1_000_000);
        for (range, expected) in [(None, 0..1_000_000), (Some(99_000..500_000), 99_000..500_000), (Some(5..6), 5..6)] {
            blobs.take_traffic().for_each(drop);
            let pieces: Vec<Bytes> = blobs.read(&key, range).await.unwrap().try_collect().await.unwrap();
            assert!(expected.len() < 100_000 || pieces.len() > 1 || store.folder.is_none());
            assert!(pieces.concat() == bytes[expected.clone()]);
            let (_, moved) = blobs.take_traffic().find(|(kind, _)| *kind == BlobKind::Input).unwrap();
            assert_eq!(moved.read, expected.len() as u64);
        }
        assert!(blobs.read(&key, Some(1_000_000..1_000_001)).await.is_err());
    }
}
