//! A full disk, on which nothing can be written.

use impasto_jobs::{JobQuery, Sight, Status, SubmitError};

use crate::common::{LONG, NO_LIMIT, TestStore, entry, new_job, worker};

#[tokio::test]
async fn a_full_disk_is_forgotten_once_there_is_room() {
    let test = TestStore::new().await;
    let faults = test.full_disk().await;
    let claim = test.running().await;
    for _ in 0..3 {
        faults.begin().await;
        for _ in 0..3 {
            assert!(test.store.probe().await.unwrap_err().to_string().contains("disk is full"));
            let refused = test.store.submit(new_job(), NO_LIMIT).await;
            assert!(matches!(refused, Err(SubmitError::Store(_))), "{refused:?}");
            assert!(test.store.renew(&claim).await.is_err());
            assert!(test.store.record_progress(&claim, &entry(1, 1)).await.is_err());
            // Questions are answered all the same.
            assert_eq!(test.find(claim.job).await.status, Status::Running);
        }
        faults.end().await;
        test.store.probe().await.unwrap();
        test.store.renew(&claim).await.unwrap();
        test.store.record_progress(&claim, &entry(1, 1)).await.unwrap();
        test.submit().await;
    }
    assert_eq!(
        test.store.list(&JobQuery { limit: 9, ..JobQuery::default() }, &Sight::All).await.unwrap().jobs.len(),
        4
    );
}

#[tokio::test]
async fn what_failed_halfway_is_not_done_by_halves() {
    let test = TestStore::new().await;
    let id = test.submit().await;
    let faults = test.full_disk().await;
    faults.begin().await;
    assert!(test.store.claim(&worker("one"), LONG).await.is_err());
    assert!(test.store.request_cancel(id, &Sight::All).await.is_err());
    faults.end().await;
    let job = test.find(id).await;
    assert_eq!((job.status, job.revision, job.attempt.0), (Status::Queued, 1, 0));
    assert_eq!(test.claim().await.key.job, id);
}
