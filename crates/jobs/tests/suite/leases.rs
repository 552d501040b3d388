//! Leases, looked at by processes that share no clock.

use std::time::Duration;

use impasto_jobs::{BlobKey, Claim, Status, WorkerName};

use crate::common::{TestStore, worker};

const LEASE: Duration = Duration::from_secs(15);
const SECOND: Duration = Duration::from_secs(1);

async fn claimed(test: &TestStore, worker: &WorkerName) -> Claim {
    test.submit().await;
    test.store.claim(worker, LEASE).await.unwrap().expect("a job waits")
}

#[tokio::test]
async fn a_silent_worker_loses_its_job_after_a_lease_and_a_lively_one_never() {
    let test = TestStore::new().await;
    let silent = claimed(&test, &worker("silent")).await.key;
    let lively = claimed(&test, &worker("lively")).await.key;
    let checkpoint = BlobKey::checkpoint(&silent, 1);
    test.store.save_checkpoint(&silent, &checkpoint, &BlobKey::preview(&silent, 1)).await.unwrap();
    let mut watch = test.watch(9).await;
    for second in 0..15 {
        assert_eq!(watch.look(SECOND).await.unwrap(), 0, "after {second} seconds");
        test.store.renew(&lively).await.unwrap();
    }
    assert_eq!(watch.look(SECOND).await.unwrap(), 1);
    let job = test.find(silent.job).await;
    assert_eq!(job.status, Status::Queued);
    assert!(job.notices[0].contains("silent") && job.notices[0].contains("lease"), "{:?}", job.notices);
    assert_eq!(test.find(lively.job).await.status, Status::Running);
    let again = test.claim().await;
    assert_eq!((again.key.job, again.checkpoint), (silent.job, Some(checkpoint)), "with its checkpoint");
}

#[tokio::test]
async fn one_that_is_heard_at_the_last_moment_keeps_its_job() {
    let test = TestStore::new().await;
    let claim = claimed(&test, &worker("slow")).await.key;
    let mut watch = test.watch(9).await;
    for _ in 0..3 {
        for _ in 0..15 {
            assert_eq!(watch.look(SECOND).await.unwrap(), 0);
        }
        test.store.renew(&claim).await.unwrap();
    }
    // To ask how it stands is not to renew it.
    for _ in 0..15 {
        test.store.standing(&claim).await.unwrap();
        watch.look(SECOND).await.unwrap();
    }
    test.store.standing(&claim).await.unwrap();
    assert_eq!(watch.look(SECOND).await.unwrap(), 1);
}

#[tokio::test]
async fn each_lease_counts_by_its_own_length() {
    let test = TestStore::new().await;
    test.submit().await;
    test.submit().await;
    test.store.claim(&worker("short"), 4 * SECOND).await.unwrap();
    let long = test.store.claim(&worker("long"), 600 * SECOND).await.unwrap().unwrap().key;
    let mut watch = test.watch(9).await;
    for _ in 0..4 {
        assert_eq!(watch.look(SECOND).await.unwrap(), 0);
    }
    assert_eq!(watch.look(SECOND).await.unwrap(), 1);
    assert_eq!(test.find(long.job).await.status, Status::Running);
}

#[tokio::test]
async fn one_long_pause_between_two_looks_is_no_silence() {
    let test = TestStore::new().await;
    claimed(&test, &worker("suspended")).await;
    let mut watch = test.watch(9).await;
    for _ in 0..4 {
        assert_eq!(watch.look(3600 * SECOND).await.unwrap(), 0);
    }
    assert_eq!(watch.look(3600 * SECOND).await.unwrap(), 1);
}

#[tokio::test]
async fn a_lease_that_is_renewed_between_look_and_taking_back_stays() {
    let test = TestStore::new().await;
    let claim = claimed(&test, &worker("slow")).await.key;
    let seen = test.store.leases().await.unwrap().pop().unwrap();
    test.store.renew(&claim).await.unwrap();
    let blame = impasto_jobs::Blame::Nobody;
    assert!(!test.store.take_back(&seen, "late", blame).await.unwrap());
    let seen = test.store.leases().await.unwrap().pop().unwrap();
    assert!(test.store.take_back(&seen, "in time", blame).await.unwrap());
    assert!(!test.store.take_back(&seen, "again", blame).await.unwrap());
}

#[tokio::test]
async fn while_nothing_can_be_written_silence_does_not_count() {
    let test = TestStore::new().await;
    let claim = claimed(&test, &worker("held up")).await.key;
    let mut watch = test.watch(9).await;
    for _ in 0..14 {
        watch.look(SECOND).await.unwrap();
    }
    let faults = test.full_disk().await;
    faults.begin().await;
    for _ in 0..20 {
        assert!(watch.look(SECOND).await.is_err());
        assert!(test.store.renew(&claim).await.is_err());
    }
    faults.end().await;
    for _ in 0..15 {
        assert_eq!(watch.look(SECOND).await.unwrap(), 0, "it counts from anew");
    }
    assert_eq!(watch.look(SECOND).await.unwrap(), 1);
}

#[tokio::test]
async fn the_dead_of_this_machine_are_known_at_once() {
    let test = TestStore::new().await;
    let (dies, lives) = (WorkerName::unique("cpu"), WorkerName::unique("cpu"));
    let [lock, _held] = [&dies, &lives].map(|name| test.locks().hold(name).unwrap());
    // Its supervisor answers for it, and is to tell why it died.
    let supervisor = test.locks().hold(&dies).unwrap();
    let (first, second) = (claimed(&test, &dies).await.key, claimed(&test, &lives).await.key);
    let elsewhere = claimed(&test, &worker("other-machine/1/cpu/x")).await.key;
    let mut watch = test.watch(9).await;
    assert_eq!(watch.look(SECOND).await.unwrap(), 0);
    drop(lock);
    assert_eq!(watch.look(SECOND).await.unwrap(), 0, "its supervisor lives");
    drop(supervisor);
    assert_eq!(watch.look(SECOND).await.unwrap(), 1);
    assert_eq!(test.find(first.job).await.status, Status::Queued);
    for alive in [second, elsewhere] {
        assert_eq!(test.find(alive.job).await.status, Status::Running);
    }
    watch.look(SECOND).await.unwrap();
    assert_eq!(std::fs::read_dir(test.folder.path().join("workers")).unwrap().count(), 1, "dead workers' files go");
    assert!(!test.locks().is_dead(&lives) && !test.locks().is_dead(&WorkerName::unique("unknown")));
}

#[test]
fn a_workers_name_is_its_own() {
    let names: std::collections::HashSet<_> = (0..1000).map(|_| WorkerName::unique("cuda:0")).collect();
    assert_eq!(names.len(), 1000);
}
