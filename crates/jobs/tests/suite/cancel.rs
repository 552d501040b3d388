//! Asking a job to stop, in each state.

use impasto_jobs::{CancelError, ClaimError, JobError, JobId, Sight, Status};

use crate::common::{ANY_CRASHES, LONG, TestStore, entry, succeed, worker};

#[tokio::test]
async fn a_queued_job_is_canceled_at_once() {
    let test = TestStore::new().await;
    let id = test.submit().await;
    let job = test.store.request_cancel(id, &Sight::All).await.unwrap();
    assert_eq!((job.status, job.cancel_requested, job.revision), (Status::Canceled, true, 2));
    assert!(job.finished_at.is_some() && job.started_at.is_none());
    assert_eq!(test.store.claim(&worker("one"), LONG).await.unwrap(), None);
}

#[tokio::test]
async fn a_running_job_hears_of_it_and_asking_again_changes_nothing() {
    let test = TestStore::new().await;
    let claim = test.running().await;
    assert!(!test.store.renew(&claim).await.unwrap().cancel_requested);
    assert!(!test.store.standing(&claim).await.unwrap().cancel_requested);
    let asked = test.store.request_cancel(claim.job, &Sight::All).await.unwrap();
    assert_eq!((asked.status, asked.cancel_requested, asked.revision), (Status::Running, true, 3));
    assert_eq!(test.store.request_cancel(claim.job, &Sight::All).await.unwrap(), asked);
    assert!(test.store.standing(&claim).await.unwrap().cancel_requested);
    assert!(test.store.renew(&claim).await.unwrap().cancel_requested);
    // It is its worker's until that has stopped.
    test.store.record_progress(&claim, &entry(1, 10)).await.unwrap();
    test.store.cancel(&claim).await.unwrap();
    let job = test.find(claim.job).await;
    assert_eq!((job.status, job.losses.len()), (Status::Canceled, 1));
    assert!(job.finished_at.is_some());
}

#[tokio::test]
async fn a_finished_job_has_nothing_left_to_cancel() {
    let test = TestStore::new().await;
    let succeeded = test.running().await;
    succeed(&test.store, &succeeded).await.unwrap();
    let failed = test.running().await;
    let error = JobError { kind: "input".to_owned(), message: "the content image is empty".to_owned() };
    test.store.fail(&failed, &error).await.unwrap();
    let canceled = test.submit().await;
    test.store.request_cancel(canceled, &Sight::All).await.unwrap();

    let cases = [(succeeded.job, Status::Succeeded), (failed.job, Status::Failed), (canceled, Status::Canceled)];
    for (id, status) in cases {
        let before = test.find(id).await;
        let refused = test.store.request_cancel(id, &Sight::All).await.unwrap_err();
        assert!(matches!(refused, CancelError::Finished(is) if is == status), "{refused}");
        assert_eq!(test.find(id).await, before);
    }
    let nobody = JobId::new();
    assert!(
        matches!(test.store.request_cancel(nobody, &Sight::All).await, Err(CancelError::NotFound(id)) if id == nobody)
    );
}

#[tokio::test]
async fn a_job_that_was_asked_to_stop_is_never_queued_again() {
    let test = TestStore::new().await;
    let handed_back = test.running().await;
    test.store.request_cancel(handed_back.job, &Sight::All).await.unwrap();
    test.store.hand_back(&handed_back, "the worker is shutting down").await.unwrap();
    assert_eq!(test.find(handed_back.job).await.status, Status::Canceled);

    let crashed = test.running().await;
    test.store.request_cancel(crashed.job, &Sight::All).await.unwrap();
    assert_eq!(test.store.take_back_from(&worker("one"), "it died", ANY_CRASHES).await.unwrap(), 1);
    assert_eq!(test.find(crashed.job).await.status, Status::Canceled);
    assert!(matches!(test.store.cancel(&crashed).await, Err(ClaimError::Lost)));
}

#[tokio::test]
async fn a_result_that_is_there_before_its_worker_heard_of_it_counts() {
    let test = TestStore::new().await;
    let claim = test.running().await;
    test.store.request_cancel(claim.job, &Sight::All).await.unwrap();
    succeed(&test.store, &claim).await.unwrap();
    assert_eq!(test.find(claim.job).await.status, Status::Succeeded);
}
