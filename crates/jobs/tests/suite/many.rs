//! Several processes at one store: each handle has connections of its own, as a process has.

use std::{collections::HashSet, time::Duration};

use impasto_jobs::{JobQuery, QueueLimits, Sight, Status, SubmitError};

use crate::common::{LAPSED, LONG, NO_LIMIT, TestStore, entry, new_job, worker};

const PROCESSES: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn each_job_is_claimed_once() {
    const JOBS: usize = 60;
    let test = TestStore::new().await;
    for _ in 0..JOBS {
        test.submit().await;
    }
    let mut workers = Vec::new();
    for process in 0..PROCESSES {
        let store = test.opened_again().await;
        for thread in 0..4 {
            let (store, name) = (store.clone(), worker(&format!("{process}-{thread}")));
            workers.push(tokio::spawn(async move {
                let mut claimed = Vec::new();
                while let Some(claim) = store.claim(&name, LONG).await.unwrap() {
                    store.record_progress(&claim.key, &entry(1, 1)).await.unwrap();
                    claimed.push(claim.key);
                }
                claimed
            }));
        }
    }
    let mut claims = Vec::new();
    for worker in workers {
        claims.extend(worker.await.unwrap());
    }
    assert_eq!(claims.len(), JOBS);
    assert_eq!(claims.iter().map(|claim| claim.job).collect::<HashSet<_>>().len(), JOBS);
    assert!(claims.iter().all(|claim| claim.attempt.0 == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_never_fuller_than_allowed() {
    const LIMIT: u64 = 10;
    let test = TestStore::new().await;
    let mut clients = Vec::new();
    for _ in 0..PROCESSES {
        let store = test.opened_again().await;
        for _ in 0..6 {
            let store = store.clone();
            clients.push(tokio::spawn(async move { store.submit(new_job(), &QueueLimits::of_all(LIMIT)).await }));
        }
    }
    let mut taken = 0;
    for client in clients {
        match client.await.unwrap() {
            Ok(_) => taken += 1,
            Err(SubmitError::QueueFull { limit }) => assert_eq!(limit, LIMIT),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(taken, LIMIT);
    assert_eq!(test.store.counts().await.unwrap()[0], (Status::Queued, LIMIT));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lapsed_job_is_taken_back_once() {
    let test = TestStore::new().await;
    test.store.submit(new_job(), NO_LIMIT).await.unwrap().into_job();
    let claim = test.store.claim(&worker("silent"), LAPSED).await.unwrap().unwrap();
    let mut processes = Vec::new();
    for _ in 0..PROCESSES {
        let mut watch = test.watch(9).await;
        processes.push(tokio::spawn(async move { watch.look(Duration::ZERO).await.unwrap() }));
    }
    let mut taken = 0;
    for process in processes {
        taken += process.await.unwrap();
    }
    assert_eq!(taken, 1);
    assert_eq!(test.find(claim.key.job).await.notices.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dropped_halfway_is_done_or_not_and_holds_up_nobody() {
    let test = TestStore::new().await;
    let other = test.opened_again().await;
    for step in 0..100 {
        // A client that goes away drops its request wherever that stands.
        let patience = Duration::from_micros(20 * step);
        let job = new_job();
        let answered = tokio::time::timeout(patience, test.store.submit(job.clone(), NO_LIMIT)).await;
        if answered.is_ok() {
            assert!(other.find(job.id, &Sight::All).await.unwrap().is_some());
        }
        let _ = tokio::time::timeout(patience, test.store.claim(&worker("hasty"), LONG)).await;
        let _ =
            tokio::time::timeout(patience, test.store.list(&JobQuery { limit: 9, ..JobQuery::default() }, &Sight::All))
                .await;
    }
    let before: u64 = other.counts().await.unwrap().iter().map(|(_, count)| count).sum();
    other.submit(new_job(), NO_LIMIT).await.unwrap().into_job();
    test.store.submit(new_job(), NO_LIMIT).await.unwrap().into_job();
    let after: u64 = other.counts().await.unwrap().iter().map(|(_, count)| count).sum();
    assert!(after >= before + 2);
}
