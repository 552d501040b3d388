//! Word of changes from one store to another.

use std::time::Duration;

use impasto_jobs::{Blame, BlobKey, Change, JobError, JobId, JobStore, NewJob, News, Sight, Terms};
use tokio::time::timeout;

use crate::{
    common::{LONG, NO_LIMIT, TestStore, entry, fingerprint, new_job, succeed, worker},
    database::{Connection, PATIENCE},
};

async fn next(news: &mut News) -> Change {
    timeout(PATIENCE, news.next()).await.expect("word comes")
}

/// Reads on until `expected` comes.
async fn hear(news: &mut News, expected: Change) {
    while next(news).await != expected {}
}

/// What `store` hears from now on, once it listens: until then, word is lost.
pub async fn listening(store: &dyn JobStore, mut connection: Connection) -> News {
    let mut news = store.news();
    let heard = async {
        loop {
            let nobody = JobId::new();
            let tell = sqlx::query("SELECT pg_notify('impasto', $1)").bind(nobody.to_string());
            tell.execute(&mut connection).await.unwrap();
            let own_word = async { while news.next().await != Change::Job(nobody) {} };
            if timeout(Duration::from_millis(100), own_word).await.is_ok() {
                return;
            }
        }
    };
    timeout(PATIENCE, heard).await.expect("it listens");
    news
}

/// Ends every connection that listens.
async fn cut_the_line(test: &TestStore) {
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND query ILIKE 'LISTEN%'";
    let ended: i64 = sqlx::query_scalar(cut).fetch_one(&mut test.connection().await).await.unwrap();
    assert!(ended > 0, "somebody listens");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_others_wait_for_is_told_and_progress_is_not() {
    let test = TestStore::new().await;
    let there = test.opened_again().await;
    let mut news = listening(&*there, test.connection().await).await;
    let store = &test.store;

    let stopped = test.submit().await;
    assert_eq!(next(&mut news).await, Change::Queue, "submitted");
    let claim = test.claim().await.key;
    store.begin(&claim, &fingerprint("cpu")).await.unwrap();
    store.record_progress(&claim, &entry(1, 10)).await.unwrap();
    store.save_checkpoint(&claim, &BlobKey::checkpoint(&claim, 1), &BlobKey::preview(&claim, 1)).await.unwrap();
    store.renew(&claim).await.unwrap();
    store.request_cancel(stopped, &Sight::All).await.unwrap();
    assert_eq!(next(&mut news).await, Change::Job(stopped), "asked to stop");
    store.cancel(&claim).await.unwrap();
    assert_eq!(next(&mut news).await, Change::Job(stopped), "stopped");

    let done = test.submit().await;
    assert_eq!(next(&mut news).await, Change::Queue, "submitted");
    let claim = test.claim().await.key;
    store.hand_back(&claim, "enough").await.unwrap();
    assert_eq!(next(&mut news).await, Change::Queue, "handed back");
    test.claim().await;
    store.take_back_from(&worker("one"), "it died", Blame::Nobody).await.unwrap();
    assert_eq!(next(&mut news).await, Change::Queue, "taken back from the dead");
    test.claim().await;
    let lease = store.leases().await.unwrap().pop().unwrap();
    assert!(store.take_back(&lease, "it is silent", Blame::Nobody).await.unwrap());
    assert_eq!(next(&mut news).await, Change::Queue, "taken back from the silent");
    let claim = test.claim().await.key;
    succeed(store, &claim).await.unwrap();
    assert_eq!(next(&mut news).await, Change::Job(done), "succeeded");

    let failed = test.submit().await;
    assert_eq!(next(&mut news).await, Change::Queue);
    let claim = test.claim().await.key;
    store.fail(&claim, &JobError { kind: "input".to_owned(), message: "no picture".to_owned() }).await.unwrap();
    assert_eq!(next(&mut news).await, Change::Job(failed), "failed");

    let crashed = test.submit().await;
    assert_eq!(next(&mut news).await, Change::Queue);
    test.claim().await;
    store.take_back_from(&worker("one"), "it died", Blame::Job { most_crashes: 1 }).await.unwrap();
    assert_eq!(next(&mut news).await, Change::Job(crashed), "crashed once too often");

    let canceled = test.submit().await;
    assert_eq!(next(&mut news).await, Change::Queue);
    store.request_cancel(canceled, &Sight::All).await.unwrap();
    assert_eq!(next(&mut news).await, Change::Job(canceled), "canceled while it waited");

    for claims in [false, true] {
        let late = test.submit_under(Terms { start_within: Some(Duration::ZERO), ..Terms::default() }).await;
        assert_eq!(next(&mut news).await, Change::Queue);
        if claims {
            assert_eq!(store.claim(&worker("one"), LONG).await.unwrap(), None);
        } else {
            assert_eq!(store.fail_unstarted().await.unwrap(), 1);
        }
        assert_eq!(next(&mut news).await, Change::Job(late), "not begun in time");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_or_came_to_nothing_is_not_told() {
    let test = TestStore::new().await;
    let there = test.opened_again().await;
    let mut news = listening(&*there, test.connection().await).await;
    let claim = test.running().await;
    assert_eq!(next(&mut news).await, Change::Queue);
    let full = impasto_jobs::QueueLimits::of_all(0);
    assert!(test.store.submit(new_job(), &full).await.is_err());
    let twice = NewJob { id: claim.job, ..new_job() };
    assert!(test.store.submit(twice, NO_LIMIT).await.is_err());
    succeed(&test.store, &claim).await.unwrap();
    assert!(succeed(&test.store, &claim).await.is_err());
    assert!(test.store.request_cancel(claim.job, &Sight::All).await.is_err());
    test.submit().await;
    assert_eq!([next(&mut news).await, next(&mut news).await], [Change::Job(claim.job), Change::Queue]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_looks_when_word_comes_and_not_by_the_clock() {
    let test = TestStore::new().await;
    let there = test.opened_again().await;
    let mut news = listening(&*there, test.connection().await).await;
    let waiting = tokio::spawn(async move {
        loop {
            if let Some(claim) = there.claim(&worker("there"), LONG).await.unwrap() {
                return claim;
            }
            news.next_look(LONG, Change::is_of_queue).await;
        }
    });
    test.submit().await;
    let first = timeout(PATIENCE, waiting).await.expect("it waits").unwrap();
    let there = test.opened_again().await;
    let mut news = listening(&*test.store, test.connection().await).await;
    let waiting = tokio::spawn(async move {
        news.next_look(LONG, |change| change.is_of(first.key.job)).await;
    });
    succeed(&there, &first.key).await.unwrap();
    timeout(PATIENCE, waiting).await.expect("it hears of the end").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_was_cut_is_laid_again_and_anything_may_have_changed() {
    let test = TestStore::new().await;
    let there = test.opened_again().await;
    let mut news = listening(&*there, test.connection().await).await;
    for _ in 0..3 {
        test.submit().await;
        hear(&mut news, Change::Queue).await;
        cut_the_line(&test).await;
        hear(&mut news, Change::Anything).await;
    }
    let id = test.submit().await;
    hear(&mut news, Change::Queue).await;
    test.store.request_cancel(id, &Sight::All).await.unwrap();
    hear(&mut news, Change::Job(id)).await;
}
