//! Blobs that nobody names.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use impasto_jobs::{
    ApiKey, BlobKey, BlobStore, Idempotency, JobError, JobId, JobStore, Retention, Scope, Sight, Status, Sweeper,
    Swept, Terms, TryOutcome,
};
use jiff::Timestamp;

use crate::{
    blob_stores::{files, stores},
    common::{NO_LIMIT, TestStore, client, new_job, succeed},
    suite::faulty_jobs::{Fault, FaultyJobs},
};

const NOW: Duration = Duration::ZERO;
const HOUR: Duration = Duration::from_secs(3600);

/// A sweeper that has just been started, and what it deletes at its first sweep.
async fn sweep(store: &Arc<dyn JobStore>, blobs: &BlobStore, litter_age: Duration) -> u64 {
    let mut sweeper = Sweeper::new(store.clone(), blobs.clone(), Retention::default(), litter_age);
    sweeper.sweep().await.unwrap().litter
}

async fn write(blobs: &BlobStore, key: &BlobKey) {
    blobs.put(key, Bytes::from_static(b"x")).await.unwrap();
}

#[tokio::test]
async fn a_sweep_keeps_what_a_job_names_and_deletes_the_rest() {
    let test = TestStore::new().await;
    let folder = test.folder.path().join("blobs");
    let blobs = BlobStore::local(&folder).unwrap();
    assert_eq!(sweep(&test.store, &blobs, NOW).await, 0);

    let job = new_job();
    test.store.submit(job.clone(), NO_LIMIT).await.unwrap().into_job();
    let claim = test.claim().await.key;
    let (checkpoint, preview) = (BlobKey::checkpoint(&claim, 2), BlobKey::preview(&claim, 2));
    test.store.save_checkpoint(&claim, &checkpoint, &preview).await.unwrap();
    let lists = job.styles.iter().chain(&job.masks).chain(&job.style_masks).chain(&job.initial);
    let named: Vec<_> = lists.chain([&job.content, &checkpoint, &preview]).cloned().collect();
    // Of a claim that died before its row, of one whose row forgot them, of a job that never was.
    let orphans = [BlobKey::result(&claim), BlobKey::checkpoint(&claim, 1), BlobKey::content(JobId::new())];
    for key in named.iter().chain(&orphans) {
        write(&blobs, key).await;
    }
    std::fs::write(folder.join("not-ours"), "x").unwrap();
    std::fs::write(folder.join("jobs/not-ours-either"), "x").unwrap();

    assert_eq!(sweep(&test.store, &blobs, HOUR).await, 0, "all are too young");
    assert_eq!(sweep(&test.store, &blobs, NOW).await, 3);
    for key in &named {
        blobs.get(key).await.unwrap();
    }
    assert_eq!(
        files(&folder),
        [
            "checkpoint-1-2",
            "content",
            "initial",
            "mask-1",
            "not-ours",
            "not-ours-either",
            "preview-1-2",
            "style-1",
            "style-2",
            "style-mask-1",
            "style-mask-2"
        ]
    );
    let results = [BlobKey::result(&claim), BlobKey::result_16(&claim)];
    for result in &results {
        write(&blobs, result).await;
    }
    succeed(&test.store, &claim).await.unwrap();
    assert_eq!(sweep(&test.store, &blobs, NOW).await, 1, "the checkpoint of a finished job");
    for result in &results {
        blobs.get(result).await.unwrap();
    }
}

#[tokio::test]
async fn litter_goes_wherever_the_blobs_are() {
    for store in stores() {
        let (test, blobs) = (TestStore::new().await, &store.blobs);
        let ended = ended(&test, blobs, &[Some(1000)]).await;
        let waiting = new_job();
        write(blobs, &waiting.content).await;
        test.store.submit(waiting.clone(), NO_LIMIT).await.unwrap();
        let orphan = BlobKey::content(JobId::new());
        write(blobs, &orphan).await;
        let retention = Retention { succeeded: Some(NOW), ..Retention::default() };
        // Time is told to the millisecond.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let swept = Sweeper::new(test.store.clone(), blobs.clone(), retention, NOW).sweep().await.unwrap();
        assert_eq!(swept.jobs, 1, "{}", store.name());
        assert!(swept.litter >= 1, "{}: {swept:?}", store.name());
        for gone in [orphan, BlobKey::content(ended[0])] {
            assert!(blobs.get(&gone).await.is_err(), "{}", store.name());
        }
        blobs.get(&waiting.content).await.unwrap();
    }
}

#[tokio::test]
async fn a_sweep_deletes_uploads_that_died_and_leaves_young_ones() {
    let test = TestStore::new().await;
    let folder = test.folder.path().join("blobs");
    let blobs = BlobStore::local(&folder).unwrap();
    let key = BlobKey::content(JobId::new());
    let upload = blobs.upload(&key).await.unwrap();
    assert_eq!(files(&folder), ["content#1"]);
    assert_eq!(sweep(&test.store, &blobs, HOUR).await, 0);
    upload.finish().await.unwrap();
    blobs.get(&key).await.unwrap();

    let dead = blobs.upload(&BlobKey::style(JobId::new(), 1)).await.unwrap();
    std::mem::forget(dead);
    assert_eq!(sweep(&test.store, &blobs, NOW).await, 2);
    // The folders are empty now.
    assert_eq!(sweep(&test.store, &blobs, NOW).await, 0);
    assert_eq!(std::fs::read_dir(folder.join("jobs")).unwrap().count(), 0);
}

#[tokio::test]
async fn litter_is_deleted_once_it_has_been_known_for_long_enough() {
    const MOMENT: Duration = Duration::from_millis(1);
    let test = TestStore::new().await;
    let blobs = BlobStore::local(&test.folder.path().join("blobs")).unwrap();
    let mut sweeper = Sweeper::new(test.store.clone(), blobs.clone(), Retention::default(), MOMENT);
    let job = new_job();
    // However old its file is by the wall clock, which may have been set.
    write(&blobs, &job.content).await;
    let file = std::fs::File::open(test.folder.path().join("blobs").join(job.content.as_str())).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(sweeper.sweep().await.unwrap(), Swept::default());
    // Named at the last moment.
    test.store.submit(job.clone(), NO_LIMIT).await.unwrap().into_job();
    tokio::time::sleep(MOMENT).await;
    assert_eq!(sweeper.sweep().await.unwrap(), Swept::default());
    test.store.delete(job.id, &Sight::All).await.unwrap();
    assert_eq!(sweeper.sweep().await.unwrap(), Swept::default());
    tokio::time::sleep(MOMENT).await;
    assert_eq!(sweeper.sweep().await.unwrap(), Swept { jobs: 0, litter: 1 });
}

/// Nobody's jobs that ended one after the other, with a result of so many bytes or a failure each.
async fn ended(test: &TestStore, blobs: &BlobStore, results: &[Option<usize>]) -> Vec<JobId> {
    ended_under(test, blobs, &Terms::default(), results).await
}

async fn ended_under(test: &TestStore, blobs: &BlobStore, terms: &Terms, results: &[Option<usize>]) -> Vec<JobId> {
    let mut jobs = Vec::new();
    for &bytes in results {
        let id = test.submit_under(terms.clone()).await;
        let claim = test.claim().await.key;
        let content = Bytes::from_static(b"x");
        blobs.put(&BlobKey::content(id), content).await.unwrap();
        match bytes {
            Some(bytes) => {
                let result = BlobKey::result(&claim);
                blobs.put(&result, Bytes::from(vec![0; bytes])).await.unwrap();
                succeed(&test.store, &claim).await.unwrap();
            }
            None => {
                let error = JobError { kind: "input".to_owned(), message: "no picture".to_owned() };
                test.store.fail(&claim, &error).await.unwrap();
            }
        }
        jobs.push(id);
    }
    jobs
}

async fn left(test: &TestStore, jobs: &[JobId]) -> Vec<bool> {
    let mut left = Vec::new();
    for &job in jobs {
        left.push(test.store.find(job, &Sight::All).await.unwrap().is_some());
    }
    left
}

#[tokio::test]
async fn the_jobs_that_ended_first_go_first_with_all_that_was_theirs() {
    for (retention, expected) in [
        (Retention { most_jobs: Some(2), ..Retention::default() }, [false, false, true, true]),
        (Retention { most_bytes: Some(2500), ..Retention::default() }, [false, true, true, true]),
        (Retention { most_bytes: Some(0), ..Retention::default() }, [false; 4]),
        (Retention { succeeded: Some(Duration::ZERO), ..Retention::default() }, [false, true, false, false]),
        (Retention { failed: Some(Duration::ZERO), ..Retention::default() }, [true, false, true, true]),
        (Retention { succeeded: Some(HOUR), failed: Some(HOUR), ..Retention::default() }, [true; 4]),
        (Retention::default(), [true; 4]),
    ] {
        let test = TestStore::new().await;
        let folder = test.folder.path().join("blobs");
        let blobs = BlobStore::local(&folder).unwrap();
        let jobs = ended(&test, &blobs, &[Some(1000), None, Some(1000), Some(1000)]).await;
        let waiting = test.submit().await;
        // Time is told to the millisecond.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let mut sweeper = Sweeper::new(test.store.clone(), blobs.clone(), retention, HOUR);
        let swept = sweeper.sweep().await.unwrap();
        assert_eq!(left(&test, &jobs).await, expected, "{retention:?}");
        assert_eq!(swept.jobs as usize, expected.iter().filter(|left| !*left).count());
        for (job, left) in jobs.iter().zip(expected) {
            assert_eq!(folder.join(format!("jobs/{job}")).exists(), left, "{retention:?}");
        }
        assert_eq!(test.find(waiting).await.status, Status::Queued, "what is not finished is not touched");
    }
}

#[tokio::test]
async fn the_jobs_of_the_client_that_has_the_most_go_first() {
    let quiet: &[Option<usize>] = &[Some(1000), Some(1000)];
    for (retention, flood, flooding_left, quiet_left) in [
        // Many jobs that take hardly any room.
        (Retention { most_jobs: Some(5), ..Retention::default() }, vec![None; 9], 3, 2),
        (Retention { most_jobs: Some(4), ..Retention::default() }, vec![None; 9], 2, 2),
        (Retention { most_jobs: Some(2), ..Retention::default() }, vec![None; 9], 1, 1),
        // Few jobs that take much.
        (Retention { most_bytes: Some(7000), ..Retention::default() }, vec![Some(2400); 4], 2, 2),
        (Retention { most_bytes: Some(2100), ..Retention::default() }, vec![Some(2400); 4], 0, 2),
        (Retention { most_jobs: Some(20), most_bytes: Some(20_000), ..Retention::default() }, vec![None; 9], 9, 2),
    ] {
        let test = TestStore::new().await;
        let blobs = BlobStore::local(&test.folder.path().join("blobs")).unwrap();
        let [alice, mallory] = ["alice", "mallory"].map(|name| Terms { client: client(name), ..Terms::default() });
        // Hers are the oldest of all.
        let hers = ended_under(&test, &blobs, &alice, quiet).await;
        let flood = ended_under(&test, &blobs, &mallory, &flood).await;
        Sweeper::new(test.store.clone(), blobs, retention, HOUR).sweep().await.unwrap();
        for (jobs, expected) in [(hers, quiet_left), (flood, flooding_left)] {
            let first_left = jobs.len() - expected;
            let expected: Vec<_> = (0..jobs.len()).map(|number| number >= first_left).collect();
            assert_eq!(left(&test, &jobs).await, expected, "{retention:?}");
        }
    }
}

#[tokio::test]
async fn a_job_stays_until_its_webhook_was_told_or_is_given_up() {
    for outcome in [
        TryOutcome::Delivered { status: 204 },
        TryOutcome::Failed { status: None, error: "no answer".to_owned(), retry_in: None },
    ] {
        for retention in [
            Retention { succeeded: Some(Duration::ZERO), failed: Some(Duration::ZERO), ..Retention::default() },
            Retention { most_jobs: Some(0), ..Retention::default() },
            Retention { most_bytes: Some(0), ..Retention::default() },
        ] {
            let test = TestStore::new().await;
            let blobs = BlobStore::local(&test.folder.path().join("blobs")).unwrap();
            let terms = Terms { webhook: Some("https://example.org/hook".to_owned()), ..Terms::default() };
            let told = ended_under(&test, &blobs, &terms, &[Some(1000), None]).await;
            let untold = ended(&test, &blobs, &[Some(1000)]).await;
            // Time is told to the millisecond.
            tokio::time::sleep(Duration::from_millis(2)).await;
            let mut sweeper = Sweeper::new(test.store.clone(), blobs, retention, HOUR);
            assert_eq!(sweeper.sweep().await.unwrap().jobs, 1);
            assert_eq!((left(&test, &told).await, left(&test, &untold).await), (vec![true; 2], vec![false]));

            let due = test.store.take_due_deliveries(9, HOUR).await.unwrap();
            assert_eq!(due.len(), 2);
            assert_eq!(sweeper.sweep().await.unwrap().jobs, 0, "they are being told");
            for delivery in due {
                test.store.record_delivery(&delivery.id, &outcome).await.unwrap();
            }
            assert_eq!(sweeper.sweep().await.unwrap().jobs, 2);
            assert_eq!(left(&test, &told).await, [false; 2]);
        }
    }
}

#[tokio::test]
async fn a_sweep_lets_the_job_store_forget_what_is_past() {
    let test = TestStore::new().await;
    let (key, _) = ApiKey::generate("web", vec![Scope::Submit]);
    test.store.add_key(&key).await.unwrap();
    let later = Timestamp::now() + HOUR;
    let idempotency = Some(Idempotency { key: "k".to_owned(), fingerprint: "cat".to_owned() });
    let id = test.submit_under(Terms { client: client("alice"), idempotency, ..Terms::default() }).await;
    test.store.begin_session("hash", &key.id, later).await.unwrap();
    test.store.count_uploaded(&client("alice"), 1000).await.unwrap();
    let left = async || {
        let count = "SELECT (SELECT count(*) FROM idempotency_keys), (SELECT count(*) FROM sessions),
            (SELECT count(*) FROM uploaded)";
        sqlx::query_as::<_, (i64, i64, i64)>(count).fetch_one(&mut test.connection().await).await.unwrap()
    };
    let blobs = BlobStore::local(&test.folder.path().join("blobs")).unwrap();
    sweep(&test.store, &blobs, HOUR).await;
    assert_eq!(left().await, (1, 1, 1), "all of it is young");
    for past in [
        "UPDATE idempotency_keys SET created_at = created_at - 86400000",
        "UPDATE sessions SET expires_at = expires_at - 3600000",
        "UPDATE uploaded SET day = day - 1",
    ] {
        sqlx::query(past).execute(&mut test.connection().await).await.unwrap();
    }
    assert_eq!(test.store.session_key("hash").await.unwrap(), None);
    assert_eq!(test.store.uploaded_today(&client("alice")).await.unwrap(), 0);
    sweep(&test.store, &blobs, HOUR).await;
    assert_eq!(left().await, (0, 0, 0));
    assert_eq!(test.find(id).await.status, Status::Queued);
}

#[tokio::test]
async fn what_is_past_is_forgotten_although_the_jobs_cannot_be_listed() {
    let test = TestStore::new().await;
    test.store.count_uploaded(&client("alice"), 1000).await.unwrap();
    let yesterday = "UPDATE uploaded SET day = day - 1";
    sqlx::query(yesterday).execute(&mut test.connection().await).await.unwrap();
    let blobs = BlobStore::local(&test.folder.path().join("blobs")).unwrap();
    let faulty = FaultyJobs::on(test.store.clone());
    let mut sweeper = Sweeper::new(faulty.clone(), blobs.clone(), Retention::default(), NOW);
    faulty.next("finished", Fault::Fails, 1);
    assert!(sweeper.sweep().await.is_err());
    let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM uploaded");
    assert_eq!(count.fetch_one(&mut test.connection().await).await.unwrap(), 0);

    // The other way round, litter goes: it may be what fills the disk.
    let orphan = BlobKey::content(JobId::new());
    write(&blobs, &orphan).await;
    faulty.next("forget_what_is_past", Fault::Fails, 1);
    assert!(sweeper.sweep().await.is_err());
    assert!(blobs.get(&orphan).await.is_err());
}

#[tokio::test]
async fn blobs_elsewhere_are_swept_by_the_database_that_came_first_alone() {
    for place in stores() {
        let (blobs, is_local) = (&place.blobs, place.folder.is_some());
        let (first, second) = (TestStore::new().await, TestStore::new().await);
        let (identity, other) = (first.store.identity().await.unwrap(), second.store.identity().await.unwrap());
        let same = first.opened_again().await.identity().await.unwrap();
        assert!(identity == same && identity != other && identity.len() >= 32, "{identity}, {same}, {other}");

        assert_eq!(sweep(&first.store, blobs, NOW).await, 0, "{}", place.name());
        let job = new_job();
        write(blobs, &job.content).await;
        first.store.submit(job.clone(), NO_LIMIT).await.unwrap();
        let retention = Retention { succeeded: Some(NOW), ..Retention::default() };
        let ended = ended(&second, blobs, &[Some(1000)]).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
        if !is_local {
            // What the other one names is as unknown to this one as litter.
            let mut sweeper = Sweeper::new(second.store.clone(), blobs.clone(), retention, NOW);
            for _ in 0..2 {
                assert_eq!(sweeper.sweep().await.unwrap(), Swept::default(), "{}", place.name());
            }
            blobs.get(&job.content).await.unwrap();
            assert_eq!(left(&second, &ended).await, [true]);
        }
        let orphan = BlobKey::content(JobId::new());
        write(blobs, &orphan).await;
        assert!(sweep(&first.store, blobs, NOW).await >= 1, "{}", place.name());
        assert!(blobs.get(&orphan).await.is_err());
        blobs.get(&job.content).await.unwrap();
    }
}
