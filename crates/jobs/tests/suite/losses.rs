//! What a job tells of its losses, and what is told when all of them are asked for.

use impasto_jobs::{Job, JobId, Losses, Sight};
use impasto_recipe::{Position, ProgressEntry};

use crate::common::{TestStore, entry};

async fn job_with(test: &TestStore, entries: impl IntoIterator<Item = ProgressEntry>) -> JobId {
    let claim = test.running().await;
    for entry in entries {
        test.store.record_progress(&claim, &entry).await.unwrap();
    }
    claim.job
}

fn epochs(entries: &[ProgressEntry]) -> Vec<u32> {
    entries.iter().map(|entry| entry.epoch).collect()
}

#[tokio::test]
async fn a_job_carries_few_losses_and_among_them_the_first_and_the_last() {
    let test = TestStore::new().await;
    let most = Job::MOST_LOSSES as u32;
    let claim = test.running().await;
    let mut carried = Vec::new();
    for epoch in 1..=2 * most + 1 {
        test.store.record_progress(&claim, &entry(1, epoch)).await.unwrap();
        if epoch >= most && (epoch - most).is_power_of_two() || epoch == 2 * most + 1 {
            let losses = epochs(&test.find(claim.job).await.losses);
            assert!(losses.len() <= most as usize + 1, "{} of {epoch}", losses.len());
            assert_eq!((losses[0], losses[losses.len() - 1]), (1, epoch));
            let gap = losses[1] - losses[0];
            assert!(losses[..losses.len() - 1].windows(2).all(|pair| pair[1] - pair[0] == gap), "{losses:?}");
            // What has been left out before does not come back.
            let earlier: Vec<u32> = carried.pop().unwrap_or_else(|| (1..=most).collect());
            let last_before = earlier[earlier.len() - 1];
            assert!(losses.iter().all(|epoch| *epoch > last_before || earlier.contains(epoch)));
            carried.push(losses);
        }
    }
    let job = test.find(claim.job).await;
    assert_eq!(epochs(&job.losses), (1..=2 * most + 1).step_by(4).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_job_tells_where_each_stage_ended() {
    let test = TestStore::new().await;
    let job = job_with(&test, [entry(1, 10), entry(1, 64), entry(2, 5), entry(2, 7)]).await;
    let job = test.find(job).await;
    assert_eq!(job.stage_ends, [entry(1, 64), entry(2, 7)]);
    assert_eq!(job.latest(), Some(&entry(2, 7)));
    assert_eq!(job.losses, [entry(1, 10), entry(1, 64), entry(2, 5), entry(2, 7)]);
}

#[tokio::test]
async fn all_losses_after_a_place_are_told_in_order() {
    let test = TestStore::new().await;
    let all = [entry(1, 10), entry(1, 20), entry(2, 5), entry(2, 15)];
    let job = job_with(&test, all.iter().rev().copied()).await;
    let revision = test.find(job).await.revision;
    for (stage, epoch, first) in [(1, 0, 0), (0, 99, 0), (1, 10, 1), (1, 19, 1), (1, 20, 2), (2, 5, 3), (2, 15, 4)] {
        let losses = test.store.losses(job, &Sight::All, Position { stage, epoch }).await.unwrap();
        assert_eq!(losses, Some(Losses { revision, entries: all[first..].to_vec() }), "{stage}.{epoch}");
    }
    assert_eq!(test.store.losses(JobId::new(), &Sight::All, Position::START).await.unwrap(), None);
}
