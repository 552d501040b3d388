//! Copies of the database, made while it is in use.

use impasto_jobs::{BackUpError, JobStore};

use crate::common::{LONG, NO_LIMIT, TestStore, entry, new_job, succeed, worker};

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_while_jobs_run_is_a_sound_database_of_one_moment() {
    let test = TestStore::new().await;
    let before = test.running().await;
    test.store.record_progress(&before, &entry(1, 10)).await.unwrap();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let busy = test.opened_again().await;
    let work = tokio::spawn(async move {
        while stopped.try_recv().is_err() {
            busy.submit(new_job(), NO_LIMIT).await.unwrap();
            let claim = busy.claim(&worker("busy"), LONG).await.unwrap().expect("a job waits").key;
            busy.record_progress(&claim, &entry(1, 10)).await.unwrap();
            succeed(&busy, &claim).await.unwrap();
        }
    });
    for number in 0..5 {
        let to = test.folder.path().join(format!("copy-{number}.db"));
        test.store.back_up(&to).await.unwrap();
        let copy = JobStore::open(&to).await.unwrap();
        let job = copy.find(before.job, &impasto_jobs::Sight::All).await.unwrap().expect("it is in the copy");
        assert_eq!(job, test.find(before.job).await);
        copy.record_progress(&before, &entry(1, 20)).await.expect("the copy is a store of its own");
        assert_eq!(test.find(before.job).await.losses, [entry(1, 10)]);
    }
    stop.send(()).unwrap();
    work.await.unwrap();
}

#[tokio::test]
async fn nothing_is_written_over() {
    let test = TestStore::new().await;
    for content in ["somebody's", ""] {
        let to = test.folder.path().join("there");
        std::fs::write(&to, content).unwrap();
        let refused = test.store.back_up(&to).await.unwrap_err();
        assert!(matches!(refused, BackUpError::File { .. }), "{refused}");
        assert!(refused.to_string().contains("there"), "{refused}");
        assert_eq!(std::fs::read_to_string(&to).unwrap(), content);
    }
    let itself = test.store.back_up(&test.folder.path().join("jobs.db")).await;
    assert!(matches!(itself, Err(BackUpError::File { .. })), "{itself:?}");
    let nowhere = test.store.back_up(&test.folder.path().join("nowhere/copy.db")).await.unwrap_err().to_string();
    assert!(nowhere.contains("nowhere"), "{nowhere}");
}
