//! Submitting, looking, listing, deleting.

use impasto_jobs::{Attempt, Cursor, Job, JobId, JobQuery, NewJob, QueueLimits, Sight, Status, SubmitError};

use crate::common::{LONG, NO_LIMIT, TestStore, entry, fingerprint, new_job, worker};

fn page(limit: u32, cursor: Option<Cursor>) -> JobQuery {
    JobQuery { status: None, limit, cursor }
}

fn ids(jobs: &[impasto_jobs::Job]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id).collect()
}

#[tokio::test]
async fn a_submitted_job_is_found_as_it_was_submitted() {
    let test = TestStore::new().await;
    let new = NewJob { notices: vec!["content: turned upright".to_owned()], ..new_job() };
    let submitted = test.store.submit(new.clone(), NO_LIMIT).await.unwrap().into_job();
    assert_eq!(test.find(new.id).await, submitted);
    assert_eq!((submitted.recipe, submitted.notices), (new.recipe, new.notices));
    assert_eq!((submitted.masks, submitted.style_masks), (new.masks, new.style_masks));
    assert_eq!((submitted.initial, submitted.result, submitted.result_16), (new.initial, None, None));
    assert_eq!((submitted.content, submitted.styles), (new.content, new.styles));
    assert_eq!((submitted.status, submitted.attempt, submitted.revision), (Status::Queued, Attempt(0), 1));
    assert_eq!((submitted.started_at, submitted.finished_at, submitted.fingerprint), (None, None, None));
    assert_eq!(submitted.queue_position, Some(1));
    assert!(!submitted.cancel_requested && submitted.losses.is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let test = TestStore::new().await;
    let nobody = JobId::new();
    assert_eq!(test.store.find(nobody, &Sight::All).await.unwrap(), None);
    assert!(!test.store.delete(nobody, &Sight::All).await.unwrap());
    assert_eq!(test.store.claim(&worker("one"), LONG).await.unwrap(), None);
    assert_eq!(test.store.list(&page(10, None), &Sight::All).await.unwrap().jobs, []);
}

#[tokio::test]
async fn the_queue_is_served_in_order_and_positions_follow() {
    let test = TestStore::new().await;
    let jobs = [test.submit().await, test.submit().await, test.submit().await];
    let positions = async || {
        let mut positions = Vec::new();
        for id in jobs {
            positions.push(test.find(id).await.queue_position);
        }
        positions
    };
    assert_eq!(positions().await, [Some(1), Some(2), Some(3)]);
    assert_eq!(test.claim().await.key.job, jobs[0]);
    assert_eq!(positions().await, [None, Some(1), Some(2)]);
    test.store.request_cancel(jobs[1], &Sight::All).await.unwrap();
    assert_eq!(positions().await, [None, None, Some(1)]);
}

#[tokio::test]
async fn a_full_queue_takes_no_more_until_one_is_claimed() {
    let test = TestStore::new().await;
    for _ in 0..2 {
        test.store.submit(new_job(), &QueueLimits::of_all(2)).await.unwrap();
    }
    let refused = test.store.submit(new_job(), &QueueLimits::of_all(2)).await.unwrap_err();
    assert!(matches!(refused, SubmitError::QueueFull { limit: 2 }), "{refused}");
    test.claim().await;
    test.store.submit(new_job(), &QueueLimits::of_all(2)).await.unwrap();
}

#[tokio::test]
async fn an_id_is_taken_once() {
    let test = TestStore::new().await;
    let job = new_job();
    test.store.submit(job.clone(), NO_LIMIT).await.unwrap().into_job();
    assert!(matches!(test.store.submit(job, NO_LIMIT).await, Err(SubmitError::Store(_))));
}

#[tokio::test]
async fn lists_go_from_the_newest_on_and_a_cursor_stays_where_it_is() {
    let test = TestStore::new().await;
    let mut submitted = Vec::new();
    for _ in 0..5 {
        submitted.push(test.submit().await);
    }
    submitted.reverse();

    let first = test.store.list(&page(2, None), &Sight::All).await.unwrap();
    assert_eq!(ids(&first.jobs), submitted[..2]);
    // Neither new jobs nor the disappearance of the one that the cursor came from move it.
    test.submit().await;
    test.store.delete(submitted[1], &Sight::All).await.unwrap();
    let cursor = first.next.expect("there is more").to_string().parse().unwrap();
    let second = test.store.list(&page(2, Some(cursor)), &Sight::All).await.unwrap();
    assert_eq!(ids(&second.jobs), submitted[2..4]);
    let last = test.store.list(&page(2, second.next), &Sight::All).await.unwrap();
    assert_eq!(ids(&last.jobs), submitted[4..]);
    assert_eq!(last.next, None);
}

#[tokio::test]
async fn a_page_that_ends_with_the_list_is_the_last() {
    let test = TestStore::new().await;
    let jobs = [test.submit().await, test.submit().await];
    let only = test.store.list(&page(2, None), &Sight::All).await.unwrap();
    assert_eq!((ids(&only.jobs), only.next), (vec![jobs[1], jobs[0]], None));
    // A limit of 0 counts as 1.
    assert_eq!(test.store.list(&page(0, None), &Sight::All).await.unwrap().jobs.len(), 1);
}

#[tokio::test]
async fn lists_can_be_of_one_status_and_tell_how_far_jobs_have_come() {
    let test = TestStore::new().await;
    let claim = test.running().await;
    let waiting = test.submit().await;
    test.store.record_progress(&claim, &entry(1, 10)).await.unwrap();
    let of = async |status| {
        let query = JobQuery { status: Some(status), limit: 10, cursor: None };
        test.store.list(&query, &Sight::All).await.unwrap().jobs
    };
    assert_eq!(ids(&of(Status::Queued).await), [waiting]);
    let running = of(Status::Running).await;
    assert_eq!(running, [Job { losses: Vec::new(), ..test.find(claim.job).await }]);
    assert_eq!((running[0].losses.len(), running[0].latest()), (0, Some(&entry(1, 10))));
    assert_eq!(of(Status::Failed).await, []);
}

#[test]
fn what_no_page_gave_is_no_cursor() {
    for text in ["", "-1", "+1", "1.5", "abc", "99999999999999999999"] {
        assert!(text.parse::<Cursor>().is_err(), "{text}");
    }
}

#[tokio::test]
async fn counts_name_every_status() {
    let test = TestStore::new().await;
    test.running().await;
    test.submit().await;
    test.submit().await;
    let expected =
        [(Status::Queued, 2), (Status::Running, 1), (Status::Succeeded, 0), (Status::Failed, 0), (Status::Canceled, 0)];
    assert_eq!(test.store.counts().await.unwrap(), expected);
}

#[tokio::test]
async fn a_deleted_job_takes_its_losses_with_it() {
    let test = TestStore::new().await;
    let job = new_job();
    test.store.submit(job.clone(), NO_LIMIT).await.unwrap().into_job();
    let claim = test.claim().await.key;
    test.store.record_progress(&claim, &entry(1, 10)).await.unwrap();
    assert!(test.store.delete(job.id, &Sight::All).await.unwrap());
    assert!(!test.store.delete(job.id, &Sight::All).await.unwrap());
    // Submitted anew under the same id, it has none of them.
    assert_eq!(test.store.submit(job, NO_LIMIT).await.unwrap().into_job().losses, []);
}

#[tokio::test]
async fn stamps_tell_what_changes() {
    let test = TestStore::new().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(test.submit().await);
    }
    let claim = test.claim().await.key;
    test.store.request_cancel(ids[2], &Sight::All).await.unwrap();
    test.store.begin(&claim, &fingerprint("cpu")).await.unwrap();
    let unknown = JobId::new();
    let stamps = test.store.stamps(&[&ids[..], &[unknown]].concat()).await.unwrap();
    assert_eq!(stamps.len(), 5, "an unknown job has none");
    for &id in &ids {
        let job = test.find(id).await;
        let stamp = stamps[&id];
        assert_eq!((stamp.revision, stamp.queue_position), (job.revision, job.queue_position));
        assert_eq!(stamp.has_begun, job.fingerprint.is_some());
        assert_eq!(stamp, job.stamp());
    }
    assert_eq!(stamps[&ids[4]].queue_position, Some(3));
    assert!(test.store.stamps(&[]).await.unwrap().is_empty());
}
