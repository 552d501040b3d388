//! The outbox of webhooks.

use std::{collections::HashSet, sync::Arc, time::Duration};

use impasto_jobs::{
    Blame, Claim, Delivery, DueDelivery, JobError, JobId, JobQuery, JobStore, Sight, Status, Terms, TryOutcome,
};
use serde_json::{Value, json};

use crate::common::{LONG, TestStore, client, succeed, worker};

const URL: &str = "https://example.org/hook?token=1";

fn terms() -> Terms {
    Terms { client: client("alice"), webhook: Some(URL.to_owned()), ..Terms::default() }
}

async fn running(test: &TestStore) -> Claim {
    test.submit_under(terms()).await;
    test.claim().await
}

/// A job with a webhook that has come to its end.
async fn canceled(test: &TestStore) -> JobId {
    let id = test.submit_under(terms()).await;
    test.store.request_cancel(id, &Sight::All).await.unwrap();
    id
}

async fn take(store: &Arc<dyn JobStore>) -> Vec<DueDelivery> {
    store.take_due_deliveries(100, LONG).await.unwrap()
}

async fn delivery(test: &TestStore, job: JobId) -> Delivery {
    let mut deliveries = test.find(job).await.deliveries;
    assert_eq!(deliveries.len(), 1);
    deliveries.remove(0)
}

fn failed(retry_in: Option<Duration>) -> TryOutcome {
    TryOutcome::Failed { status: Some(503), error: "it answered 503".to_owned(), retry_in }
}

#[tokio::test]
async fn each_way_to_come_to_an_end_leaves_one_message() {
    let test = TestStore::new().await;
    let store = &test.store;
    let mut ended = Vec::new();

    let claim = running(&test).await.key;
    succeed(store, &claim).await.unwrap();
    ended.push((claim.job, Status::Succeeded, None));

    let claim = running(&test).await.key;
    let error = JobError { kind: "input".to_owned(), message: "the content image is empty".to_owned() };
    store.fail(&claim, &error).await.unwrap();
    ended.push((claim.job, Status::Failed, Some(error)));

    let claim = running(&test).await.key;
    store.request_cancel(claim.job, &Sight::All).await.unwrap();
    store.cancel(&claim).await.unwrap();
    ended.push((claim.job, Status::Canceled, None));

    ended.push((canceled(&test).await, Status::Canceled, None));

    let claim = running(&test).await.key;
    store.take_back_from(&worker("one"), "killed", Blame::Job { most_crashes: 1 }).await.unwrap();
    ended.push((claim.job, Status::Failed, test.find(claim.job).await.error));

    let overdue = test.submit_under(Terms { start_within: Some(Duration::ZERO), ..terms() }).await;
    store.fail_unstarted().await.unwrap();
    ended.push((overdue, Status::Failed, test.find(overdue).await.error));

    let due = take(store).await;
    assert_eq!(due.len(), ended.len());
    for (id, status, error) in ended {
        let job = test.find(id).await;
        let message = due.iter().find(|due| due.job == id).expect("each has its message");
        assert_eq!((&*message.url, &message.client, message.tries), (URL, &client("alice"), 0));
        assert_eq!(Some(message.created_at), job.finished_at);
        assert_eq!(job.status, status);
        let expected = json!({
            "type": format!("job.{status}"),
            "timestamp": job.finished_at,
            "data": {
                "id": id,
                "status": status,
                "created_at": job.created_at,
                "finished_at": job.finished_at,
                "error": error,
                "links": {"self": format!("/v1/jobs/{id}"), "result": format!("/v1/jobs/{id}/result")},
            },
        });
        assert_eq!(serde_json::from_str::<Value>(&message.body).unwrap(), expected);
        let (prefix, rest) = message.id.split_at(4);
        assert!(prefix == "msg_" && rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}

#[tokio::test]
async fn what_goes_on_or_has_no_webhook_leaves_none() {
    let test = TestStore::new().await;
    let without = test.running().await;
    succeed(&test.store, &without).await.unwrap();
    let claim = running(&test).await.key;
    test.store.hand_back(&claim, "the worker is shutting down").await.unwrap();
    test.claim().await;
    test.store.take_back_from(&worker("one"), "it died", Blame::Nobody).await.unwrap();
    assert_eq!(take(&test.store).await, []);
    let job = test.find(claim.job).await;
    assert_eq!((job.webhook.as_deref(), job.deliveries), (Some(URL), vec![]));
    // An end that is refused leaves none either.
    assert!(succeed(&test.store, &claim).await.is_err());
    assert_eq!(take(&test.store).await, []);
}

#[tokio::test]
async fn a_message_that_is_taken_is_nobody_elses_until_its_time_is_up() {
    let test = TestStore::new().await;
    let job = canceled(&test).await;
    let first = test.store.take_due_deliveries(9, Duration::ZERO).await.unwrap();
    assert_eq!(first.len(), 1);
    // Whoever took it was not heard of: it is due again, the same.
    assert_eq!(take(&test.opened_again().await).await, first);
    assert_eq!(take(&test.store).await, []);
    let waiting = delivery(&test, job).await;
    assert_eq!((&waiting.id, waiting.tries, waiting.delivered_at), (&first[0].id, 0, None));
    assert!(waiting.next_try_at.is_some());
}

#[tokio::test]
async fn messages_are_taken_few_at_a_time_the_longest_due_first() {
    let test = TestStore::new().await;
    let mut jobs = Vec::new();
    for _ in 0..5 {
        jobs.push(canceled(&test).await);
        // Time is told to the millisecond.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for expected in [&jobs[..2], &jobs[2..4], &jobs[4..], &[]] {
        let taken = test.store.take_due_deliveries(2, LONG).await.unwrap();
        assert_eq!(taken.iter().map(|due| due.job).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn what_came_of_a_try_stands_in_the_job_and_raises_its_revision() {
    let test = TestStore::new().await;
    let job = canceled(&test).await;
    let id = take(&test.store).await.remove(0).id;
    let revision = test.find(job).await.revision;

    test.store.record_delivery(&id, &failed(Some(LONG))).await.unwrap();
    let after = delivery(&test, job).await;
    assert_eq!((after.tries, after.last_status), (1, Some(503)));
    assert_eq!((after.last_error.as_deref(), after.delivered_at), (Some("it answered 503"), None));
    assert!(after.next_try_at > Some(jiff::Timestamp::now()));
    assert_eq!(test.find(job).await.revision, revision + 1);
    assert_eq!(take(&test.store).await, [], "it is not due yet");

    let silent = TryOutcome::Failed { status: None, error: "no answer".to_owned(), retry_in: Some(Duration::ZERO) };
    test.store.record_delivery(&id, &silent).await.unwrap();
    let again = take(&test.store).await.remove(0);
    assert_eq!((&again.id, again.tries), (&id, 2));
    assert_eq!(delivery(&test, job).await.last_status, None);

    test.store.record_delivery(&id, &TryOutcome::Delivered { status: 204 }).await.unwrap();
    let delivered = delivery(&test, job).await;
    assert_eq!((delivered.tries, delivered.last_status), (3, Some(204)));
    assert_eq!((delivered.next_try_at, &delivered.last_error), (None, &None));
    assert!(delivered.delivered_at.is_some());
    assert_eq!(test.find(job).await.revision, revision + 3);

    // A slower try of the same message comes to nothing.
    test.store.record_delivery(&id, &failed(Some(Duration::ZERO))).await.unwrap();
    assert_eq!(delivery(&test, job).await, delivered);
    assert_eq!(test.find(job).await.revision, revision + 3);
    let listed = test.store.list(&JobQuery { limit: 9, ..JobQuery::default() }, &Sight::All).await.unwrap().jobs;
    assert_eq!((listed[0].id, &listed[0].deliveries[..]), (job, &[][..]), "lists do without");
}

#[tokio::test]
async fn a_message_that_is_given_up_is_never_due_again() {
    let test = TestStore::new().await;
    let job = canceled(&test).await;
    let id = test.store.take_due_deliveries(9, Duration::ZERO).await.unwrap().remove(0).id;
    test.store.record_delivery(&id, &failed(None)).await.unwrap();
    assert_eq!(take(&test.store).await, []);
    let given_up = delivery(&test, job).await;
    assert_eq!((given_up.next_try_at, given_up.delivered_at, given_up.last_status), (None, None, Some(503)));
}

#[tokio::test]
async fn a_deleted_job_takes_its_messages_along() {
    let test = TestStore::new().await;
    let job = canceled(&test).await;
    let id = test.store.take_due_deliveries(9, Duration::ZERO).await.unwrap().remove(0).id;
    test.store.delete(job, &Sight::All).await.unwrap();
    assert_eq!(take(&test.store).await, []);
    // It was under way.
    test.store.record_delivery(&id, &TryOutcome::Delivered { status: 200 }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_processes_one_takes_each_message() {
    const JOBS: usize = 40;
    let test = TestStore::new().await;
    for _ in 0..JOBS {
        canceled(&test).await;
    }
    let mut processes = Vec::new();
    for _ in 0..4 {
        let store = test.opened_again().await;
        processes.push(tokio::spawn(async move {
            let mut taken = Vec::new();
            loop {
                let some = store.take_due_deliveries(3, LONG).await.unwrap();
                if some.is_empty() {
                    return taken;
                }
                taken.extend(some.into_iter().map(|due| due.id));
            }
        }));
    }
    let mut taken = Vec::new();
    for process in processes {
        taken.extend(process.await.unwrap());
    }
    assert_eq!(taken.len(), JOBS);
    assert_eq!(taken.into_iter().collect::<HashSet<_>>().len(), JOBS);
}

#[tokio::test]
async fn an_end_that_cannot_be_written_tells_nobody() {
    let test = TestStore::new().await;
    let claim = running(&test).await.key;
    let faults = test.full_disk().await;
    faults.begin().await;
    assert!(succeed(&test.store, &claim).await.is_err());
    faults.end().await;
    assert_eq!(take(&test.store).await, []);
    assert_eq!(test.find(claim.job).await.status, Status::Running);
    succeed(&test.store, &claim).await.unwrap();
    assert_eq!(take(&test.store).await.len(), 1);
}
