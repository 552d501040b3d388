//! Who sees which jobs: to everybody else they are not there.

use impasto_jobs::{CancelError, JobId, JobQuery, Sight, Status, Terms};
use impasto_recipe::Position;

use crate::common::{TestStore, client, entry};

async fn job_of(test: &TestStore, name: &str) -> JobId {
    test.submit_under(Terms { client: client(name), ..Terms::default() }).await
}

fn own(name: &str) -> Sight {
    Sight::Own(client(name))
}

#[tokio::test]
async fn another_clients_job_is_not_there() {
    let test = TestStore::new().await;
    let id = job_of(&test, "alice").await;
    let claim = test.claim().await.key;
    test.store.record_progress(&claim, &entry(1, 10)).await.unwrap();
    let before = test.find(id).await;
    assert_eq!(before.client, client("alice"));
    let store = &test.store;
    for stranger in [own("bob"), own("alic"), Sight::Own(impasto_jobs::Client::default())] {
        assert_eq!(store.find(id, &stranger).await.unwrap(), None);
        assert_eq!(store.losses(id, &stranger, Position::START).await.unwrap(), None);
        assert_eq!(store.list(&JobQuery { limit: 9, ..JobQuery::default() }, &stranger).await.unwrap().jobs, []);
        let canceled = store.request_cancel(id, &stranger).await;
        assert!(matches!(canceled, Err(CancelError::NotFound(not)) if not == id), "{canceled:?}");
        assert!(!store.delete(id, &stranger).await.unwrap());
        assert_eq!(test.find(id).await, before, "nothing has happened to it");
    }
    for seen in [own("alice"), Sight::All] {
        assert_eq!(store.find(id, &seen).await.unwrap().as_ref(), Some(&before));
        assert_eq!(store.losses(id, &seen, Position::START).await.unwrap().unwrap().entries, [entry(1, 10)]);
    }
    assert!(store.request_cancel(id, &own("alice")).await.unwrap().cancel_requested);
    assert!(store.delete(id, &own("alice")).await.unwrap());
}

#[tokio::test]
async fn a_list_is_of_ones_own_page_by_page() {
    let test = TestStore::new().await;
    let mut own_jobs = Vec::new();
    for _ in 0..3 {
        own_jobs.insert(0, job_of(&test, "alice").await);
        job_of(&test, "bob").await;
    }
    let (mut query, mut listed) = (JobQuery { status: Some(Status::Queued), limit: 2, cursor: None }, Vec::new());
    loop {
        let page = test.store.list(&query, &own("alice")).await.unwrap();
        // What waits ahead of them is counted, whosever it is.
        listed.extend(page.jobs.iter().map(|job| (job.id, job.queue_position)));
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!(listed, own_jobs.into_iter().zip([Some(5), Some(3), Some(1)]).collect::<Vec<_>>());
    assert_eq!(
        test.store.list(&JobQuery { limit: 9, ..JobQuery::default() }, &Sight::All).await.unwrap().jobs.len(),
        6
    );
}

#[tokio::test]
async fn jobs_of_nobody_are_seen_by_whoever_sees_all() {
    let test = TestStore::new().await;
    let id = test.submit().await;
    assert_eq!(test.store.find(id, &own("alice")).await.unwrap(), None);
    assert!(test.store.find(id, &Sight::All).await.unwrap().is_some());
}
