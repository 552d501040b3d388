//! Workers that die or fall silent.

use std::time::Duration;

use impasto_jobs::{Blame, BlobKey, JobError, NewJob, Status};

use crate::common::{ANY_CRASHES, LAPSED, LONG, NO_LIMIT, TestStore, new_job, worker};

#[tokio::test]
async fn the_jobs_of_a_dead_worker_and_no_others_go_back() {
    let test = TestStore::new().await;
    for _ in 0..3 {
        test.submit().await;
    }
    let dead = worker("dead");
    let first = test.store.claim(&dead, LONG).await.unwrap().unwrap().key;
    let other = test.store.claim(&worker("alive"), LONG).await.unwrap().unwrap().key;
    let second = test.store.claim(&dead, LONG).await.unwrap().unwrap().key;

    assert_eq!(test.store.take_back_from(&dead, "the worker was killed", ANY_CRASHES).await.unwrap(), 2);
    for (claim, position) in [(first, 1), (second, 2)] {
        let job = test.find(claim.job).await;
        assert_eq!((job.status, job.queue_position), (Status::Queued, Some(position)));
        assert_eq!(job.notices, ["the worker was killed"]);
    }
    assert_eq!(test.find(other.job).await.status, Status::Running);
    assert_eq!(test.store.take_back_from(&dead, "again", ANY_CRASHES).await.unwrap(), 0);
}

#[tokio::test]
async fn a_job_that_crashes_worker_after_worker_fails() {
    let test = TestStore::new().await;
    let id = test.submit().await;
    for crash in 1..=3 {
        test.claim().await;
        assert_eq!(
            test.store
                .take_back_from(&worker("one"), "killed by signal 11", Blame::Job { most_crashes: 3 })
                .await
                .unwrap(),
            1
        );
        let expected = if crash < 3 { Status::Queued } else { Status::Failed };
        assert_eq!(test.find(id).await.status, expected, "after crash {crash}");
    }
    let job = test.find(id).await;
    let error = job.error.unwrap();
    assert_eq!(error.kind, JobError::WORKER_CRASHED);
    assert!(error.message.contains("3 times") && error.message.contains("signal 11"), "{}", error.message);
    assert_eq!(job.notices.len(), 3);
    assert!(job.finished_at.is_some());
}

#[tokio::test]
async fn a_checkpoint_between_crashes_starts_the_count_again_and_lapses_count_too() {
    let test = TestStore::new().await;
    let id = test.submit().await;
    let crash = async || {
        test.store.claim(&worker("silent"), LAPSED).await.unwrap();
        assert_eq!(test.watch(2).await.look(Duration::ZERO).await.unwrap(), 1);
        test.find(id).await.status
    };
    assert_eq!(crash().await, Status::Queued);
    let claim = test.claim().await.key;
    test.store.save_checkpoint(&claim, &BlobKey::checkpoint(&claim, 1), &BlobKey::preview(&claim, 1)).await.unwrap();
    test.store.hand_back(&claim, "enough").await.unwrap();
    assert_eq!(crash().await, Status::Queued);
    assert_eq!(crash().await, Status::Failed);
}

#[tokio::test]
async fn to_hand_back_is_no_crash() {
    let test = TestStore::new().await;
    let id = test.submit().await;
    for _ in 0..5 {
        let claim = test.claim().await.key;
        test.store.hand_back(&claim, "the worker is shutting down").await.unwrap();
    }
    test.claim().await;
    test.store.take_back_from(&worker("one"), "it died", Blame::Job { most_crashes: 2 }).await.unwrap();
    assert_eq!(test.find(id).await.status, Status::Queued);
}

#[tokio::test]
async fn what_is_nobodys_fault_does_not_count() {
    let test = TestStore::new().await;
    let id = test.submit().await;
    for _ in 0..5 {
        test.claim().await;
        assert_eq!(test.store.take_back_from(&worker("one"), "the disk is full", Blame::Nobody).await.unwrap(), 1);
        assert_eq!(test.find(id).await.status, Status::Queued);
    }
    test.claim().await;
    test.store.take_back_from(&worker("one"), "it died", Blame::Job { most_crashes: 2 }).await.unwrap();
    let job = test.find(id).await;
    assert_eq!(job.status, Status::Queued);
    assert_eq!(job.notices.len(), 6);
}

#[tokio::test]
async fn what_befalls_a_job_drives_out_nothing_of_what_was_done_to_its_files() {
    for (files, kept) in [(40, 40), (41, 39), (70, 39)] {
        let test = TestStore::new().await;
        let notices: Vec<_> = (1..=files).map(|number| format!("file {number}")).collect();
        let id = test.store.submit(NewJob { notices, ..new_job() }, NO_LIMIT).await.unwrap().into_job().id;
        let first = test.find(id).await.notices;
        let named = first.iter().take_while(|notice| notice.starts_with("file ")).count();
        assert_eq!((first.len(), named), (40, kept));
        let left_out = files - kept;
        assert!(left_out == 0 || first[39].starts_with(&format!("{left_out} more ")), "{}", first[39]);
        for number in 1..=30 {
            let claim = test.claim().await.key;
            test.store.hand_back(&claim, &format!("reason {number}")).await.unwrap();
        }
        let all = test.find(id).await.notices;
        assert_eq!((all.len(), &all[..40], all[40].as_str()), (60, &first[..], "reason 11"));
    }
}

#[tokio::test]
async fn of_many_notices_the_first_and_the_latest_are_kept() {
    let test = TestStore::new().await;
    let id = test.submit().await;
    for number in 1..=100 {
        let claim = test.claim().await.key;
        test.store.hand_back(&claim, &format!("reason {number}")).await.unwrap();
    }
    let notices = test.find(id).await.notices;
    assert_eq!((notices.len(), notices[0].as_str(), notices[59].as_str()), (60, "reason 1", "reason 100"));
}
