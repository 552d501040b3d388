//! Submissions of many stores at once, and lists that are read meanwhile.

use impasto_jobs::{JobId, JobQuery, JobStore, Sight};

use crate::common::{NO_LIMIT, TestStore, new_job};

/// The whole list, page by page, from the newest to the oldest.
async fn list(store: &dyn JobStore, limit: u32) -> Vec<JobId> {
    let (mut query, mut listed) = (JobQuery { status: None, limit, cursor: None }, Vec::new());
    loop {
        let page = store.list(&query, &Sight::All).await.unwrap();
        listed.extend(page.jobs.iter().map(|job| job.id));
        query.cursor = page.next;
        if query.cursor.is_none() {
            return listed;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_read_while_jobs_come_skips_none() {
    const STORES: usize = 4;
    const JOBS: usize = 30;
    let test = TestStore::new().await;
    test.submit().await;
    let mut submitting = Vec::new();
    for _ in 0..STORES {
        let store = test.opened_again().await;
        submitting.push(tokio::spawn(async move {
            for _ in 0..JOBS {
                store.submit(new_job(), NO_LIMIT).await.unwrap();
            }
        }));
    }
    let mut read = Vec::new();
    while !submitting.iter().all(|one| one.is_finished()) {
        read.push(list(&*test.store, 3).await);
    }
    for one in submitting {
        one.await.unwrap();
    }
    let all = list(&*test.store, 1000).await;
    assert_eq!(all.len(), STORES * JOBS + 1);
    for listed in read {
        let newest = all.iter().position(|id| *id == listed[0]).unwrap();
        assert_eq!(listed, all[newest..], "a list has all that is older than its newest");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_many_stores_wait_in_the_order_of_their_numbers() {
    let test = TestStore::new().await;
    let mut submitting = Vec::new();
    for _ in 0..4 {
        let store = test.opened_again().await;
        submitting.push(tokio::spawn(async move {
            for _ in 0..10 {
                store.submit(new_job(), NO_LIMIT).await.unwrap();
            }
        }));
    }
    for one in submitting {
        one.await.unwrap();
    }
    let query = JobQuery { status: None, limit: 1000, cursor: None };
    let jobs = test.store.list(&query, &Sight::All).await.unwrap().jobs;
    let positions: Vec<_> = jobs.iter().rev().map(|job| job.queue_position).collect();
    assert_eq!(positions, (1..=40).map(Some).collect::<Vec<_>>());
    for job in jobs.iter().rev() {
        assert_eq!(test.claim().await.key.job, job.id);
    }
}
