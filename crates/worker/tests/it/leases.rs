//! The lease is kept whatever the worker waits for.

use std::time::Duration;

use impasto_jobs::{JobId, Retention, Sight, Status, Sweeper};

use crate::{common::Test, faulty_jobs::Fault};

/// How often the lease of the only running job was renewed.
async fn renewals(test: &Test) -> i64 {
    test.jobs.leases().await.unwrap().first().map_or(0, |lease| lease.renewals)
}

async fn wait_for_renewals(test: &Test, more: i64) {
    let before = renewals(test).await;
    while renewals(test).await < before + more {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn running(test: &Test, id: JobId) {
    test.wait_until(id, |job| job.status == Status::Running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_pictures_are_read() {
    let mut test = Test::new().await;
    test.settings.lease_seconds = 1;
    let id = test.submit("32x24:4").await;
    test.faulty.reads().hold("style");
    let _worker = test.start();
    running(&test, id).await;
    wait_for_renewals(&test, 4).await;
    assert_eq!(test.find(id).await.losses.len(), 0, "it has not begun");
    test.faulty.reads().end();
    let job = test.finished(id).await;
    assert_eq!((job.status, job.attempt.0), (Status::Succeeded, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_looks_at_the_queue_are_rarer_than_leases_are_long() {
    let mut test = Test::new().await;
    (test.settings.lease_seconds, test.settings.poll_milliseconds) = (1, 60_000);
    let id = test.submit("32x24:4").await;
    test.faulty.reads().hold("style");
    let _worker = test.start();
    running(&test, id).await;
    wait_for_renewals(&test, 4).await;
    test.faulty.reads().end();
    assert_eq!(test.finished(id).await.status, Status::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_checkpoint_or_the_result_is_written() {
    for word in ["checkpoint", "result"] {
        let mut test = Test::new().await;
        test.settings.lease_seconds = 1;
        let id = test.submit("32x24:8").await;
        test.faulty.writes().hold(word);
        let _worker = test.start();
        running(&test, id).await;
        wait_for_renewals(&test, 4).await;
        assert_eq!(test.find(id).await.status, Status::Running, "{word}");
        test.faulty.writes().end();
        let job = test.finished(id).await;
        assert_eq!((job.status, job.attempt.0), (Status::Succeeded, 1), "{word}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_deleted_while_its_worker_waits_is_dropped() {
    let test = Test::new().await;
    let (deleted, next) = (test.submit("32x24:8").await, test.submit("32x24:4").await);
    test.faulty.writes().hold("result");
    let _worker = test.start();
    test.wait_until(deleted, |job| job.losses.len() >= 8).await;
    test.jobs.delete(deleted, &Sight::All).await.unwrap();
    test.faulty.writes().end();
    assert_eq!(test.finished(next).await.status, Status::Succeeded);
    // What it wrote in vain goes with the next sweep.
    let mut sweeper = Sweeper::new(test.jobs.clone(), test.blobs.clone(), Retention::default(), Duration::ZERO);
    sweeper.sweep().await.unwrap();
    assert!(test.faulty.blobs_named("result").await.iter().all(|name| !name.contains(&deleted.to_string())));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_job_store_leaves_questions_unanswered() {
    let mut test = Test::new().await;
    test.settings.lease_seconds = 1;
    let id = test.submit("32x24:4").await;
    test.faulty.reads().hold("style");
    let _worker = test.start();
    for question in ["renew", "standing"] {
        running(&test, id).await;
        test.faulty_jobs.next(question, Fault::Hangs, 1);
        wait_for_renewals(&test, 4).await;
    }
    test.faulty.reads().end();
    let job = test.finished(id).await;
    assert_eq!((job.status, job.attempt.0), (Status::Succeeded, 1));
}
