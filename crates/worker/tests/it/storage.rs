//! Stores that fail under a worker.

use std::time::{Duration, Instant};

use impasto_jobs::Status;
use impasto_worker::WorkerError;

use crate::{common::Test, faulty_jobs::Fault};

const SHORT: &str = "32x24:4";
const LONG: &str = "48x36:30";
/// More failures than any patience.
const FOR_GOOD: u64 = 1_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_for_a_moment_costs_a_moment() {
    let test = Test::new().await;
    let undisturbed = test.submit(SHORT).await;
    let _worker = test.start();
    let whole = test.finished(undisturbed).await;
    for word in ["content", "style", "checkpoint", "preview", "result"] {
        test.faulty.writes().fail(word, 2);
        test.faulty.reads().fail(word, 2);
        if word == "content" || word == "style" {
            // The test writes these itself.
            test.faulty.writes().end();
        }
        let job = test.finished(test.submit(SHORT).await).await;
        assert_eq!((job.status, job.attempt.0), (Status::Succeeded, 1), "{word}: {job:#?}");
        assert_eq!(job.notices, Vec::<String>::new(), "{word}");
        test.faulty.reads().end();
        assert!(test.result(&job).await == test.result(&whole).await, "{word}: the same picture");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_database_costs_a_moment_too() {
    let mut test = Test::new().await;
    test.settings.storage_seconds = 60;
    let disk = test.full_disk().await;
    let id = test.submit(LONG).await;
    let worker = test.start();
    test.wait_until(id, |job| job.losses.len() > 2).await;
    disk.begin().await;
    // A try that must have failed.
    assert!(test.jobs.probe().await.is_err());
    tokio::time::sleep(Duration::from_millis(300)).await;
    disk.end().await;
    let job = test.finished(id).await;
    assert_eq!((job.status, job.attempt.0, job.notices.len()), (Status::Succeeded, 1, 0), "{job:#?}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_for_good_ends_the_worker_and_gives_the_job_back_uncounted() {
    let test = Test::new().await;
    let undisturbed = test.submit(LONG).await;
    let worker = test.start();
    let whole = test.finished(undisturbed).await;
    worker.stop().await;

    let id = test.submit(LONG).await;
    // A job may crash one worker here; it outlives the storage's failures all the same.
    for (attempt, word) in (1..).zip(["content", "style", "result"]) {
        if word == "result" {
            test.faulty.writes().fail(word, FOR_GOOD);
        } else {
            test.faulty.reads().fail(word, FOR_GOOD);
        }
        let ended = test.start().ended().await;
        assert!(matches!(&ended, Err(WorkerError::Storage(why)) if why.contains("no space left")), "{ended:?}");
        let job = test.find(id).await;
        assert_eq!((job.status, job.attempt.0), (Status::Queued, attempt), "{word}");
        let notice = job.notices.last().unwrap();
        assert!(notice.contains("stores") && notice.contains("no space left"), "{notice}");
        test.faulty.reads().end();
        test.faulty.writes().end();
    }
    let worker = test.start();
    let job = test.finished(id).await;
    assert_eq!((job.status, job.attempt.0), (Status::Succeeded, 4), "{job:#?}");
    assert!(test.result(&job).await == test.result(&whole).await, "the picture of a run that nothing disturbed");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_on_without_its_checkpoints() {
    for word in ["checkpoint", "preview"] {
        let test = Test::new().await;
        test.faulty.writes().fail(word, FOR_GOOD);
        let _worker = test.start();
        let job = test.finished(test.submit(LONG).await).await;
        assert_eq!((job.status, job.attempt.0, job.preview), (Status::Succeeded, 1, None), "{word}");
        assert_eq!(test.faulty.blobs_named("checkpoint").await, Vec::<String>::new(), "nothing is left");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_full_for_good_ends_the_worker() {
    let test = Test::new().await;
    let disk = test.full_disk().await;
    let id = test.submit("48x36:2000").await;
    let worker = test.start();
    test.wait_until(id, |job| job.losses.len() > 2).await;
    disk.begin().await;
    let ended = worker.ended().await;
    assert!(matches!(&ended, Err(WorkerError::Storage(why)) if why.contains("disk is full")), "{ended:?}");
    disk.end().await;
    assert_eq!(test.find(id).await.status, Status::Running, "it is for its supervisor to take back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_is_gone_fails_its_job_and_no_other() {
    let test = Test::new().await;
    let (gone, next) = (test.submit(SHORT).await, test.submit(SHORT).await);
    let content = test.find(gone).await.content;
    test.blobs.delete(&[content]).await.unwrap();
    let _worker = test.start();
    let job = test.finished(gone).await;
    let error = job.error.unwrap();
    assert_eq!((job.status, error.kind.as_str()), (Status::Failed, "input"));
    assert!(error.message.contains("content"), "{}", error.message);
    assert_eq!(test.finished(next).await.status, Status::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_waited_for_when_it_cannot_be_read_and_done_without_when_it_is_gone() {
    let test = Test::new().await;
    let id = test.submit("48x36:200").await;
    let worker = test.start();
    test.wait_until(id, |job| job.preview.is_some() && job.losses.len() > 5).await;
    worker.stop().await;
    let before = test.faulty.blobs_named("checkpoint").await;
    assert_eq!(before.len(), 1, "{before:?}");

    test.faulty.reads().fail("checkpoint", FOR_GOOD);
    assert!(matches!(test.start().ended().await, Err(WorkerError::Storage(_))));
    test.faulty.reads().end();
    assert_eq!(test.faulty.blobs_named("checkpoint").await, before, "it is still there");
    let reached = test.find(id).await.losses.len();

    let worker = test.start();
    let job = test.wait_until(id, |job| job.attempt.0 == 3 && job.losses.len() > reached).await;
    assert!(!job.notices.iter().any(|notice| notice.contains("started over")), "{:?}", job.notices);
    worker.stop().await;

    for name in test.faulty.blobs_named("checkpoint").await {
        test.faulty.forget(&name).await;
    }
    let _worker = test.start();
    let job = test.finished(id).await;
    assert_eq!(job.status, Status::Succeeded);
    assert!(job.notices.last().unwrap().contains("started over"), "{:?}", job.notices);
}

#[tokio::test(flavor = "multi_thread")]
async fn saves_take_a_tenth_of_the_time_at_the_most() {
    const SLOW: Duration = Duration::from_millis(100);
    let test = Test::new().await;
    test.faulty.writes().slow("checkpoint", SLOW);
    let id = test.submit("32x24:400").await;
    let before = test.faulty.written();
    let began = Instant::now();
    let _worker = test.start();
    test.finished(id).await;
    let took = began.elapsed();
    // Each save writes a checkpoint and a preview. The first is paced by no other, the last may still be under way.
    let saves = (test.faulty.written() - before - 1) / 2;
    assert!(saves >= 1, "{saves}");
    assert!(SLOW * 10 * (saves.saturating_sub(2) as u32) <= took, "{saves} saves in {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_row_names_is_kept_although_nobody_heard_that_it_does() {
    let test = Test::new().await;
    let undisturbed = test.submit(LONG).await;
    let worker = test.start();
    let whole = test.finished(undisturbed).await;
    let id = test.submit(LONG).await;
    test.faulty_jobs.next("save_checkpoint", Fault::LosesAnswer, FOR_GOOD);
    let saved = test.wait_until(id, |job| job.preview.is_some() && job.losses.len() > 2).await;
    assert_eq!(saved.status, Status::Running);
    worker.stop().await;
    let preview = test.find(id).await.preview.expect("one was saved");
    test.blobs.get(&preview).await.expect("it is there");
    test.faulty_jobs.end();

    test.faulty_jobs.next("succeed", Fault::LosesAnswer, 1);
    let worker = test.start();
    let job = test.finished(id).await;
    assert_eq!((job.status, job.attempt.0), (Status::Succeeded, 2), "{job:#?}");
    assert!(!job.notices.iter().any(|notice| notice.contains("started over")), "{:?}", job.notices);
    // It has heard by now that the job is no longer its own.
    worker.stop().await;
    assert!(test.result(&job).await == test.result(&whole).await, "the picture of a run that nothing disturbed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_is_not_answered_counts_against_no_job() {
    let test = Test::new().await;
    test.faulty_jobs.next("claim", Fault::LosesAnswer, 1);
    test.faulty_jobs.next("take_back_from", Fault::Fails, 1);
    let id = test.submit(SHORT).await;
    let _worker = test.start();
    let job = test.finished(id).await;
    assert_eq!((job.status, job.attempt.0), (Status::Succeeded, 2), "{job:#?}");
    assert!(job.notices[0].contains("its claim was not answered"), "{:?}", job.notices);
}
