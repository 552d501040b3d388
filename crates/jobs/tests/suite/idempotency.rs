//! Requests that make one job however often they come.

use impasto_jobs::{Client, Idempotency, Job, NewJob, QueueLimits, Sight, Status, SubmitError, Submitted, Terms};

use crate::common::{NO_LIMIT, TestStore, client, new_job, succeed};

/// A request of a client's with pictures of its own, as a browser sends it again.
fn request(client: &Client, key: &str, fingerprint: &str) -> NewJob {
    let idempotency = Some(Idempotency { key: key.to_owned(), fingerprint: fingerprint.to_owned() });
    NewJob { terms: Terms { client: client.clone(), idempotency, ..Terms::default() }, ..new_job() }
}

async fn send(test: &TestStore, key: &str, fingerprint: &str) -> Result<Submitted, SubmitError> {
    test.store.submit(request(&client("alice"), key, fingerprint), NO_LIMIT).await
}

fn new(outcome: Result<Submitted, SubmitError>) -> Job {
    match outcome {
        Ok(Submitted::New(job)) => job,
        other => panic!("{other:?}"),
    }
}

fn repeated(outcome: Result<Submitted, SubmitError>) -> Job {
    match outcome {
        Ok(Submitted::Repeated(job)) => job,
        other => panic!("{other:?}"),
    }
}

async fn requests_known(test: &TestStore) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM idempotency_keys");
    count.fetch_one(&mut test.connection().await).await.unwrap()
}

async fn let_a_day_pass(test: &TestStore) {
    let past = "UPDATE idempotency_keys SET created_at = created_at - 86400000";
    sqlx::query(past).execute(&mut test.connection().await).await.unwrap();
}

#[tokio::test]
async fn the_same_request_again_is_the_same_job_however_far_that_is() {
    let test = TestStore::new().await;
    let job = new(send(&test, "k", "cat by monet").await);
    assert_eq!(repeated(send(&test, "k", "cat by monet").await), job);
    let other = test.opened_again().await;
    assert_eq!(repeated(other.submit(request(&client("alice"), "k", "cat by monet"), NO_LIMIT).await), job);
    let claim = test.claim().await.key;
    succeed(&test.store, &claim).await.unwrap();
    let finished = repeated(send(&test, "k", "cat by monet").await);
    assert_eq!((finished.id, finished.status), (job.id, Status::Succeeded));
    let all: u64 = test.store.counts().await.unwrap().iter().map(|(_, count)| count).sum();
    assert_eq!(all, 1);
}

#[tokio::test]
async fn another_request_under_the_same_key_is_refused() {
    let test = TestStore::new().await;
    let job = new(send(&test, "k", "cat by monet").await);
    for other in ["dog by monet", "", "cat by mone"] {
        assert!(matches!(send(&test, "k", other).await, Err(SubmitError::OtherRequest)));
    }
    assert_eq!(repeated(send(&test, "k", "cat by monet").await), job);
    new(send(&test, "K", "cat by monet").await);
}

#[tokio::test]
async fn a_key_is_its_clients_own_and_requests_without_one_are_all_new() {
    let test = TestStore::new().await;
    let alices = new(send(&test, "k", "cat by monet").await);
    let bobs = new(test.store.submit(request(&client("bob"), "k", "dog by monet"), NO_LIMIT).await);
    assert_eq!(repeated(send(&test, "k", "cat by monet").await).id, alices.id);
    assert_eq!(repeated(test.store.submit(request(&client("bob"), "k", "dog by monet"), NO_LIMIT).await).id, bobs.id);
    for _ in 0..2 {
        new(test.store.submit(new_job(), NO_LIMIT).await);
    }
}

#[tokio::test]
async fn a_full_queue_knows_its_jobs_again_and_takes_no_others() {
    let test = TestStore::new().await;
    let job = new(send(&test, "k", "cat").await);
    for limits in [QueueLimits::of_all(1), QueueLimits { all: 9, own: 1 }, QueueLimits { all: 0, own: 0 }] {
        let submit =
            async |key, fingerprint| test.store.submit(request(&client("alice"), key, fingerprint), &limits).await;
        assert_eq!(repeated(submit("k", "cat").await), job);
        assert!(matches!(submit("k", "dog").await, Err(SubmitError::OtherRequest)));
        let refused = submit("another", "cat").await.unwrap_err();
        assert!(matches!(refused, SubmitError::QueueFull { .. } | SubmitError::OwnQueueFull { .. }), "{refused}");
    }
    // What was refused is not remembered.
    new(send(&test, "another", "dog").await);
}

#[tokio::test]
async fn a_client_may_have_so_many_waiting_and_others_as_many() {
    let test = TestStore::new().await;
    let limits = QueueLimits { all: 9, own: 2 };
    let submit = async |name: &str| {
        let terms = Terms { client: client(name), ..Terms::default() };
        test.store.submit(NewJob { terms, ..new_job() }, &limits).await
    };
    for _ in 0..2 {
        new(submit("alice").await);
    }
    let refused = submit("alice").await.unwrap_err();
    assert!(matches!(refused, SubmitError::OwnQueueFull { limit: 2 }), "{refused}");
    new(submit("bob").await);
    test.claim().await;
    new(submit("alice").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_equal_requests_at_once_one_makes_the_job() {
    let test = TestStore::new().await;
    for round in 0..5 {
        let key = format!("round {round}");
        let mut clients = Vec::new();
        for _ in 0..4 {
            let store = test.opened_again().await;
            for _ in 0..4 {
                let (store, job) = (store.clone(), request(&client("alice"), &key, "cat"));
                clients.push(tokio::spawn(async move { store.submit(job, NO_LIMIT).await.unwrap() }));
            }
        }
        let (mut made, mut ids) = (0, std::collections::HashSet::new());
        for client in clients {
            let submitted = client.await.unwrap();
            made += usize::from(matches!(submitted, Submitted::New(_)));
            ids.insert(submitted.into_job().id);
        }
        assert_eq!((made, ids.len()), (1, 1));
    }
    assert_eq!(test.store.counts().await.unwrap()[0], (Status::Queued, 5));
}

#[tokio::test]
async fn a_deleted_job_takes_its_request_along() {
    let test = TestStore::new().await;
    let job = new(send(&test, "k", "cat").await);
    test.store.delete(job.id, &Sight::All).await.unwrap();
    assert_eq!(requests_known(&test).await, 0);
    new(send(&test, "k", "dog").await);
}

#[tokio::test]
async fn a_request_is_forgotten_after_a_day() {
    let test = TestStore::new().await;
    let first = new(send(&test, "k", "cat").await);
    test.store.forget_what_is_past().await.unwrap();
    assert_eq!(requests_known(&test).await, 1, "it is young");
    let_a_day_pass(&test).await;
    // Even where nobody has cleared it away.
    let second = new(send(&test, "k", "dog").await);
    assert_ne!(first.id, second.id);
    assert_eq!(repeated(send(&test, "k", "dog").await).id, second.id);
    let_a_day_pass(&test).await;
    test.store.forget_what_is_past().await.unwrap();
    assert_eq!(requests_known(&test).await, 0);
    assert_eq!(test.find(first.id).await.status, Status::Queued, "the job stays");
}
