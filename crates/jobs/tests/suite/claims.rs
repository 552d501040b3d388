//! A claim from its beginning to its end, and after it is lost.

use std::sync::Arc;

use impasto_jobs::{Attempt, BlobKey, ClaimError, ClaimKey, JobError, JobStore, Sight, Status};

use crate::common::{TestStore, entry, fingerprint, recipe, succeed};

fn an_error() -> JobError {
    JobError { kind: "out_of_memory".to_owned(), message: "2 GiB are needed".to_owned() }
}

#[tokio::test]
async fn a_claim_holds_all_that_is_to_do() {
    let test = TestStore::new().await;
    let id = test.submit().await;
    let claim = test.claim().await;
    assert_eq!(claim.key, ClaimKey { job: id, attempt: Attempt(1) });
    assert_eq!(claim.recipe, recipe());
    assert_eq!(
        (claim.content, claim.styles),
        (BlobKey::content(id), vec![BlobKey::style(id, 1), BlobKey::style(id, 2)])
    );
    let style_masks = vec![BlobKey::style_mask(id, 1), BlobKey::style_mask(id, 2)];
    assert_eq!((claim.masks, claim.style_masks), (vec![BlobKey::mask(id, 1)], style_masks));
    assert_eq!(claim.initial, Some(BlobKey::initial(id)));
    assert_eq!((claim.fingerprint, claim.checkpoint), (None, None));
    let job = test.find(id).await;
    assert_eq!((job.status, job.attempt), (Status::Running, Attempt(1)));
    assert!(job.started_at >= Some(job.created_at));
}

#[tokio::test]
async fn a_job_that_comes_back_goes_on_from_its_checkpoint_in_its_old_place() {
    let test = TestStore::new().await;
    let claim = test.running().await;
    let later = test.submit().await;
    let checkpoint = BlobKey::checkpoint(&claim, 1);
    test.store.begin(&claim, &fingerprint("cpu")).await.unwrap();
    test.store.record_progress(&claim, &entry(1, 10)).await.unwrap();
    test.store.save_checkpoint(&claim, &checkpoint, &BlobKey::preview(&claim, 1)).await.unwrap();
    let started_at = test.find(claim.job).await.started_at;
    test.store.hand_back(&claim, "the worker is shutting down").await.unwrap();

    let job = test.find(claim.job).await;
    assert_eq!((job.status, job.queue_position), (Status::Queued, Some(1)));
    assert_eq!(
        (job.losses.as_slice(), job.notices.as_slice()),
        (&[entry(1, 10)][..], &["the worker is shutting down".to_owned()][..])
    );
    assert_eq!(test.find(later).await.queue_position, Some(2));

    let again = test.claim().await;
    assert_eq!(again.key, ClaimKey { job: claim.job, attempt: Attempt(2) });
    assert_eq!((again.checkpoint, again.fingerprint), (Some(checkpoint), Some(fingerprint("cpu"))));
    assert_eq!(test.find(claim.job).await.started_at, started_at);
}

#[tokio::test]
async fn the_first_fingerprint_stays_until_the_job_is_restarted() {
    let test = TestStore::new().await;
    let claim = test.running().await;
    test.store.begin(&claim, &fingerprint("cpu")).await.unwrap();
    test.store.begin(&claim, &fingerprint("cuda")).await.unwrap();
    assert_eq!(test.find(claim.job).await.fingerprint, Some(fingerprint("cpu")));

    let preview = BlobKey::preview(&claim, 1);
    test.store.record_progress(&claim, &entry(1, 10)).await.unwrap();
    test.store.save_checkpoint(&claim, &BlobKey::checkpoint(&claim, 1), &preview).await.unwrap();
    test.store.restart(&claim, &fingerprint("cuda"), "from epoch 0: another device").await.unwrap();
    let job = test.find(claim.job).await;
    assert_eq!((job.status, job.fingerprint), (Status::Running, Some(fingerprint("cuda"))));
    assert_eq!((job.losses.len(), job.notices), (0, vec!["from epoch 0: another device".to_owned()]));
    assert_eq!(job.preview, Some(preview));
    test.store.hand_back(&claim, "enough").await.unwrap();
    assert_eq!(test.claim().await.checkpoint, None);
}

#[tokio::test]
async fn progress_is_in_order_and_reported_again_in_its_place() {
    let test = TestStore::new().await;
    let claim = test.running().await;
    for (stage, epoch) in [(1, 10), (2, 10), (1, 20)] {
        test.store.record_progress(&claim, &entry(stage, epoch)).await.unwrap();
    }
    let again = impasto_recipe::ProgressEntry { seconds_per_epoch: 0.07, ..entry(1, 20) };
    test.store.record_progress(&claim, &again).await.unwrap();
    assert_eq!(test.find(claim.job).await.losses, [entry(1, 10), again, entry(2, 10)]);
}

#[tokio::test]
async fn losses_that_are_no_numbers_are_kept() {
    let test = TestStore::new().await;
    let claim = test.running().await;
    let diverged = impasto_recipe::ProgressEntry { style: f64::INFINITY, total: f64::NAN, ..entry(1, 10) };
    test.store.record_progress(&claim, &diverged).await.unwrap();
    let kept = test.find(claim.job).await.losses[0];
    assert!(kept.style.is_infinite() && kept.total.is_nan() && kept.content == diverged.content);
}

#[tokio::test]
async fn revisions_rise_with_states_and_progress_and_nothing_else() {
    let test = TestStore::new().await;
    let id = test.submit().await;
    let revision = async || test.store.stamps(&[id]).await.unwrap()[&id].revision;
    assert_eq!(revision().await, 1);
    let claim = test.claim().await.key;
    assert_eq!(revision().await, 2, "claimed");
    test.store.begin(&claim, &fingerprint("cpu")).await.unwrap();
    test.store.renew(&claim).await.unwrap();
    test.store.save_checkpoint(&claim, &BlobKey::checkpoint(&claim, 1), &BlobKey::preview(&claim, 1)).await.unwrap();
    assert_eq!(revision().await, 2, "began, renewed, saved");
    test.store.record_progress(&claim, &entry(1, 10)).await.unwrap();
    assert_eq!(revision().await, 3, "progressed");
    test.store.record_progress(&claim, &entry(1, 10)).await.unwrap();
    assert_eq!(revision().await, 4, "progressed to the same epoch");
    test.store.restart(&claim, &fingerprint("cuda"), "another device").await.unwrap();
    assert_eq!(revision().await, 5, "its progress is gone");
    test.store.hand_back(&claim, "enough").await.unwrap();
    assert_eq!(revision().await, 6, "handed back");
    let claim = test.claim().await.key;
    assert_eq!(revision().await, 7, "claimed again");
    test.store.request_cancel(id, &Sight::All).await.unwrap();
    assert_eq!(revision().await, 8, "asked to stop");
    test.store.request_cancel(id, &Sight::All).await.unwrap();
    assert_eq!(revision().await, 8, "asked again");
    test.store.cancel(&claim).await.unwrap();
    assert_eq!(revision().await, 9, "canceled");
    assert_eq!(test.find(id).await.revision, 9);
}

#[tokio::test]
async fn each_checkpoint_returns_what_it_replaces_and_the_end_returns_the_last() {
    let test = TestStore::new().await;
    let claim = test.running().await;
    let (checkpoint, preview) = (|n| BlobKey::checkpoint(&claim, n), |n| BlobKey::preview(&claim, n));
    let first = test.store.save_checkpoint(&claim, &checkpoint(1), &preview(1)).await.unwrap();
    assert_eq!(first, []);
    let second = test.store.save_checkpoint(&claim, &checkpoint(2), &preview(2)).await.unwrap();
    assert_eq!(second, [checkpoint(1), preview(1)]);
    // What stays named is not to be deleted.
    let third = test.store.save_checkpoint(&claim, &checkpoint(3), &preview(2)).await.unwrap();
    assert_eq!(third, [checkpoint(2)]);
    assert_eq!(succeed(&test.store, &claim).await.unwrap(), [checkpoint(3)]);
    let job = test.find(claim.job).await;
    assert_eq!((job.status, job.preview), (Status::Succeeded, Some(preview(2))));
    assert_eq!((job.result, job.result_16), (Some(BlobKey::result(&claim)), Some(BlobKey::result_16(&claim))));
    assert!(job.finished_at.is_some() && job.error.is_none());
}

#[tokio::test]
async fn a_failed_job_says_why() {
    let test = TestStore::new().await;
    let claim = test.running().await;
    assert_eq!(test.store.fail(&claim, &an_error()).await.unwrap(), []);
    let job = test.find(claim.job).await;
    assert_eq!((job.status, job.error, job.result), (Status::Failed, Some(an_error()), None));
}

/// Every word of a worker, each to be refused.
async fn assert_all_refused(store: &Arc<dyn JobStore>, claim: &ClaimKey) {
    let checkpoint = BlobKey::checkpoint(claim, 9);
    let preview = BlobKey::preview(claim, 9);
    let refusals = [
        ("standing", store.standing(claim).await.map(drop)),
        ("renew", store.renew(claim).await.map(drop)),
        ("begin", store.begin(claim, &fingerprint("late")).await),
        ("restart", store.restart(claim, &fingerprint("late"), "late").await),
        ("record_progress", store.record_progress(claim, &entry(9, 9)).await),
        ("save_checkpoint", store.save_checkpoint(claim, &checkpoint, &preview).await.map(drop)),
        ("succeed", succeed(store, claim).await.map(drop)),
        ("fail", store.fail(claim, &an_error()).await.map(drop)),
        ("cancel", store.cancel(claim).await.map(drop)),
        ("hand_back", store.hand_back(claim, "late").await),
    ];
    for (write, outcome) in refusals {
        assert!(matches!(outcome, Err(ClaimError::Lost)), "{write}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_worker_that_lost_its_claim_changes_nothing() {
    let test = TestStore::new().await;
    let late = test.running().await;
    test.store.hand_back(&late, "enough").await.unwrap();
    let queued = test.find(late.job).await;
    assert_all_refused(&test.store, &late).await;
    assert_eq!(test.find(late.job).await, queued);

    let holder = test.claim().await.key;
    let running = test.find(late.job).await;
    assert_all_refused(&test.store, &late).await;
    assert_eq!(test.find(late.job).await, running);

    succeed(&test.store, &holder).await.unwrap();
    let finished = test.find(late.job).await;
    for claim in [late, holder] {
        assert_all_refused(&test.store, &claim).await;
    }
    assert_eq!(test.find(late.job).await, finished);

    test.store.delete(late.job, &Sight::All).await.unwrap();
    assert_all_refused(&test.store, &holder).await;
}

#[tokio::test]
async fn a_deleted_job_is_lost_to_its_worker() {
    let test = TestStore::new().await;
    let claim = test.running().await;
    test.store.delete(claim.job, &Sight::All).await.unwrap();
    assert_all_refused(&test.store, &claim).await;
}
