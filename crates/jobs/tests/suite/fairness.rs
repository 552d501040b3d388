//! Clients take turns, and priorities go before turns.

use std::collections::{HashMap, HashSet};

use impasto_jobs::{JobId, JobQuery, NewJob, Priority, Sight, Status, Terms};
use proptest::prelude::*;

use crate::common::{LONG, NO_LIMIT, TestStore, client, new_job, worker};

const CLIENTS: [&str; 4] = ["alice", "bob", "carol", "dave"];

async fn submit(test: &TestStore, name: &str, priority: Priority) -> JobId {
    test.submit_under(Terms { client: client(name), priority, ..Terms::default() }).await
}

/// The queue, as the list of all jobs tells it.
async fn queue(test: &TestStore) -> Vec<JobId> {
    let query = JobQuery { status: Some(Status::Queued), limit: 1000, cursor: None };
    let jobs = test.store.list(&query, &Sight::All).await.unwrap().jobs;
    let mut queue: Vec<_> = jobs.iter().map(|job| (job.queue_position.expect("it waits"), job.id)).collect();
    queue.sort();
    assert!(queue.iter().map(|&(position, _)| position).eq(1..=queue.len() as u64), "{queue:?}");
    queue.into_iter().map(|(_, id)| id).collect()
}

/// Whoever asks for one job, or for the stamps of many, hears of the same order.
async fn assert_order(test: &TestStore, order: &[JobId]) {
    assert_eq!(queue(test).await, order);
    let stamps = test.store.stamps(order).await.unwrap();
    for (id, place) in order.iter().zip(1..) {
        assert_eq!(test.find(*id).await.queue_position, Some(place));
        assert_eq!(stamps[id].queue_position, Some(place));
    }
}

async fn claim_all(test: &TestStore) -> Vec<JobId> {
    let mut claimed = Vec::new();
    while let Some(claim) = test.store.claim(&worker("one"), LONG).await.unwrap() {
        claimed.push(claim.key.job);
    }
    claimed
}

#[tokio::test]
async fn many_jobs_of_one_client_do_not_hold_up_the_only_one_of_another() {
    let test = TestStore::new().await;
    for _ in 0..30 {
        submit(&test, "alice", Priority::Normal).await;
    }
    let early = submit(&test, "bob", Priority::Normal).await;
    assert_eq!(test.find(early).await.queue_position, Some(2));
    for _ in 0..20 {
        test.claim().await;
    }
    assert!(test.find(early).await.started_at.is_some());
    // The turn that is being served is what counts, not how many jobs there were before.
    let late = submit(&test, "bob", Priority::Normal).await;
    let later = submit(&test, "carol", Priority::Normal).await;
    assert_eq!(test.find(late).await.queue_position, Some(2));
    assert_eq!(test.find(later).await.queue_position, Some(3));
}

#[tokio::test]
async fn higher_priorities_come_first_and_have_turns_of_their_own() {
    let test = TestStore::new().await;
    let low = submit(&test, "bob", Priority::Low).await;
    let normal = submit(&test, "alice", Priority::Normal).await;
    let high = [
        submit(&test, "alice", Priority::High).await,
        submit(&test, "alice", Priority::High).await,
        submit(&test, "bob", Priority::High).await,
    ];
    let order = [high[0], high[2], high[1], normal, low];
    assert_order(&test, &order).await;
    assert_eq!(test.find(low).await.priority, Priority::Low);
    assert_eq!(claim_all(&test).await, order);
}

#[tokio::test]
async fn a_job_that_is_given_back_stands_where_it_stood() {
    let test = TestStore::new().await;
    for _ in 0..5 {
        submit(&test, "alice", Priority::Normal).await;
    }
    for _ in 0..4 {
        let claim = test.claim().await.key;
        test.store.cancel(&claim).await.unwrap();
    }
    let claim = test.claim().await.key;
    // The queue is empty, and what comes now comes after what runs.
    let next = [submit(&test, "bob", Priority::Normal).await, submit(&test, "alice", Priority::Normal).await];
    test.store.hand_back(&claim, "the worker is shutting down").await.unwrap();
    assert_order(&test, &[claim.job, next[0], next[1]]).await;
    assert_eq!(claim_all(&test).await, [claim.job, next[0], next[1]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_give_one_client_no_turn_twice() {
    let test = TestStore::new().await;
    let mut submitting = Vec::new();
    for _ in 0..4 {
        let store = test.opened_again().await;
        submitting.push(tokio::spawn(async move {
            for _ in 0..5 {
                let terms = Terms { client: client("alice"), ..Terms::default() };
                store.submit(NewJob { terms, ..new_job() }, NO_LIMIT).await.unwrap();
            }
        }));
    }
    for process in submitting {
        process.await.unwrap();
    }
    let turns: Vec<i64> = sqlx::query_scalar("SELECT turn FROM jobs ORDER BY number")
        .fetch_all(&mut test.connection().await)
        .await
        .unwrap();
    assert_eq!(turns, (0..20).collect::<Vec<_>>());
}

fn submissions() -> impl Strategy<Value = Vec<(usize, Priority)>> {
    prop::collection::vec((0..CLIENTS.len(), prop::sample::select(&Priority::ALL[..])), 1..40)
}

/// What is told to the store in a test of a busy queue.
fn events() -> impl Strategy<Value = Vec<Option<(usize, Priority)>>> {
    let submission = (0..CLIENTS.len(), prop::sample::select(&Priority::ALL[..]));
    prop::collection::vec(prop::option::weighted(0.7, submission), 1..40)
}

fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Of what is submitted before anything is claimed, the first job of each client goes first, then the second of each.
    #[test]
    fn a_queue_goes_round_the_clients(submissions in submissions()) {
        block_on(async {
            let test = TestStore::new().await;
            let (mut counts, mut order) = (HashMap::<_, usize>::new(), Vec::new());
            for (number, (client, priority)) in submissions.into_iter().enumerate() {
                let count = counts.entry((client, priority)).or_default();
                let id = submit(&test, CLIENTS[client], priority).await;
                order.push((std::cmp::Reverse(priority), *count, number, id));
                *count += 1;
            }
            order.sort();
            let order: Vec<_> = order.into_iter().map(|(.., id)| id).collect();
            assert_order(&test, &order).await;
            assert_eq!(claim_all(&test).await, order);
        });
    }

    /// However jobs come and go, the first one that a client has waiting stands behind at most one job of each other client.
    #[test]
    fn nobody_waits_for_more_than_one_job_of_each_other_client(events in events()) {
        block_on(async {
            let test = TestStore::new().await;
            let mut jobs = HashMap::new();
            for event in events {
                let Some((client, priority)) = event else {
                    let next = queue(&test).await.first().copied();
                    let claimed = test.store.claim(&worker("one"), LONG).await.unwrap();
                    assert_eq!(claimed.map(|claim| claim.key.job), next);
                    continue;
                };
                let had_none = !queue(&test).await.iter().any(|id| jobs[id] == (client, priority));
                let id = submit(&test, CLIENTS[client], priority).await;
                jobs.insert(id, (client, priority));
                let queue = queue(&test).await;
                let ahead = queue.iter().take_while(|&&ahead| ahead != id).map(|id| jobs[id]);
                let of_its_priority: Vec<_> = ahead.filter(|&(_, other)| other == priority).collect();
                let clients: HashSet<_> = of_its_priority.iter().collect();
                assert!(!had_none || clients.len() == of_its_priority.len(), "{of_its_priority:?}");
            }
        });
    }
}
