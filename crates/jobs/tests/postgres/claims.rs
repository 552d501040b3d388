//! Claims of many stores at once.

use std::collections::HashSet;

use impasto_jobs::{Attempt, Sight, Status};
use sqlx::Connection;
use tokio::time::timeout;

use crate::{
    common::{LONG, TestStore, worker},
    database::PATIENCE,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_passes_over_the_job_that_another_is_just_claiming() {
    let test = TestStore::new().await;
    let jobs = [test.submit().await, test.submit().await, test.submit().await];
    let mut other = test.connection().await;
    let mut claiming = other.begin().await.unwrap();
    let first: String = sqlx::query_scalar(
        "SELECT id FROM jobs WHERE status = 'queued' ORDER BY priority DESC, turn, number LIMIT 1 FOR UPDATE",
    )
    .fetch_one(&mut *claiming)
    .await
    .unwrap();
    assert_eq!(first, jobs[0].to_string());
    for expected in &jobs[1..] {
        let claim = timeout(PATIENCE, test.store.claim(&worker("one"), LONG)).await.expect("it does not wait");
        assert_eq!(claim.unwrap().unwrap().key.job, *expected);
    }
    let none = timeout(PATIENCE, test.store.claim(&worker("one"), LONG)).await.expect("it does not wait");
    assert_eq!(none.unwrap(), None);
    claiming.rollback().await.unwrap();
    assert_eq!(test.claim().await.key.job, jobs[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_come_and_go_back_while_many_claim_are_all_done_once() {
    const JOBS: usize = 40;
    const STORES: usize = 6;
    let test = TestStore::new().await;
    let mut workers = Vec::new();
    for number in 0..STORES {
        let store = test.opened_again().await;
        let name = worker(&format!("worker {number}"));
        workers.push(tokio::spawn(async move {
            let mut done = Vec::new();
            loop {
                let counts = store.counts().await.unwrap();
                let finished: u64 = counts.iter().filter(|(is, _)| is.is_finished()).map(|(_, count)| count).sum();
                if finished == JOBS as u64 {
                    return done;
                }
                let Some(claim) = store.claim(&name, LONG).await.unwrap() else { continue };
                // Each is given back once, by whoever had it first.
                if claim.key.attempt == Attempt(1) {
                    store.hand_back(&claim.key, "enough").await.unwrap();
                } else {
                    crate::common::succeed(&store, &claim.key).await.unwrap();
                    done.push(claim.key);
                }
            }
        }));
    }
    let mut submitted = HashSet::new();
    for _ in 0..JOBS {
        submitted.insert(test.submit().await);
    }
    let mut done = Vec::new();
    for worker in workers {
        done.extend(timeout(PATIENCE, worker).await.expect("none is lost").unwrap());
    }
    assert_eq!(done.len(), JOBS, "none is done twice");
    assert!(done.iter().all(|claim| claim.attempt == Attempt(2)), "none is claimed by two");
    assert_eq!(done.iter().map(|claim| claim.job).collect::<HashSet<_>>(), submitted);
    for id in submitted {
        assert_eq!(test.store.find(id, &Sight::All).await.unwrap().unwrap().status, Status::Succeeded);
    }
}
