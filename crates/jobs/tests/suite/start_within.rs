//! Jobs that are to be begun in time.

use std::time::Duration;

use impasto_jobs::{Blame, Event, JobError, JobId, Status, Terms};
use tokio_util::sync::CancellationToken;

use crate::common::{LONG, TestStore, worker};

async fn job_within(test: &TestStore, start_within: Duration) -> JobId {
    test.submit_under(Terms { start_within: Some(start_within), ..Terms::default() }).await
}

/// Lets the time of every job's deadline pass.
async fn let_pass(test: &TestStore) {
    let past = "UPDATE jobs SET created_at = created_at - 3600000, start_by = start_by - 3600000";
    sqlx::query(past).execute(&mut test.connection().await).await.unwrap();
}

#[tokio::test]
async fn a_job_that_no_worker_begins_in_time_fails_plainly() {
    let test = TestStore::new().await;
    let (short, long) = (job_within(&test, Duration::from_secs(90)).await, job_within(&test, LONG * 2).await);
    let patient = test.submit().await;
    let job = test.find(short).await;
    assert_eq!(job.start_by, Some(job.created_at + Duration::from_secs(90)));
    assert_eq!(test.store.fail_unstarted().await.unwrap(), 0, "there is time left");
    let_pass(&test).await;
    assert_eq!(test.store.fail_unstarted().await.unwrap(), 1);
    let job = test.find(short).await;
    let error = job.error.unwrap();
    assert_eq!((job.status, job.revision, &*error.kind), (Status::Failed, 2, JobError::NOT_STARTED));
    assert_eq!(error.message, "no worker began it within 90 seconds");
    assert!(job.finished_at.is_some() && job.started_at.is_none() && job.queue_position.is_none());
    for waiting in [long, patient] {
        assert_eq!(test.find(waiting).await.status, Status::Queued);
    }
    assert_eq!(test.store.fail_unstarted().await.unwrap(), 0);
}

#[tokio::test]
async fn a_claim_never_gets_a_job_whose_time_is_up() {
    let test = TestStore::new().await;
    let late = [job_within(&test, Duration::ZERO).await, job_within(&test, Duration::ZERO).await];
    let waiting = test.submit().await;
    assert_eq!(test.claim().await.key.job, waiting);
    for id in late {
        assert_eq!(test.find(id).await.error.unwrap().kind, JobError::NOT_STARTED);
    }
    let last = job_within(&test, Duration::ZERO).await;
    assert_eq!(test.store.claim(&worker("one"), LONG).await.unwrap(), None);
    assert_eq!(test.find(last).await.status, Status::Failed);
}

#[tokio::test]
async fn a_job_that_was_once_begun_waits_for_ever() {
    let test = TestStore::new().await;
    let id = job_within(&test, LONG).await;
    let claim = test.claim().await.key;
    let_pass(&test).await;
    let_pass(&test).await;
    assert_eq!(test.store.fail_unstarted().await.unwrap(), 0, "it runs");
    test.store.hand_back(&claim, "the worker is shutting down").await.unwrap();
    assert_eq!(test.store.fail_unstarted().await.unwrap(), 0, "it was begun");
    let again = test.claim().await.key;
    assert_eq!(again.job, id);
    test.store.take_back_from(&worker("one"), "it died", Blame::Nobody).await.unwrap();
    assert_eq!(test.claim().await.key.job, id);
}

#[tokio::test]
async fn a_deadline_beyond_the_calendar_is_none() {
    let test = TestStore::new().await;
    let id = job_within(&test, Duration::MAX).await;
    assert_eq!(test.find(id).await.start_by, None);
    assert_eq!(test.claim().await.key.job, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_each_fails_once_whoever_notices() {
    const JOBS: u64 = 230;
    let test = TestStore::new().await;
    for _ in 0..JOBS {
        job_within(&test, Duration::ZERO).await;
    }
    let mut processes = Vec::new();
    for _ in 0..4 {
        let store = test.opened_again().await;
        processes.push(tokio::spawn(async move { store.fail_unstarted().await.unwrap() }));
    }
    let mut failed = 0;
    for process in processes {
        failed += process.await.unwrap();
    }
    assert_eq!(failed, JOBS);
    assert_eq!(test.store.counts().await.unwrap()[3], (Status::Failed, JOBS));
}

#[tokio::test]
async fn every_process_that_watches_leases_notices() {
    let test = TestStore::new().await;
    let id = job_within(&test, Duration::ZERO).await;
    let shutdown = CancellationToken::new();
    let watching = tokio::spawn(test.watch(9).await.run(shutdown.clone()));
    let noticed = async {
        while test.find(id).await.status == Status::Queued {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), noticed).await.expect("it is noticed");
    assert_eq!(test.find(id).await.status, Status::Failed);
    shutdown.cancel();
    watching.await.unwrap();
}

#[test]
fn only_what_waits_expires() {
    let expire = |status: Status| status.after(Event::Expire);
    assert_eq!(Status::ALL.map(expire), [Some(Status::Failed), None, None, None, None]);
}
