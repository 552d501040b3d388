//! A server that is stopped and started between operations, or during them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use impasto_jobs::{Change, ClaimKey, JobId, JobPlace, JobQuery, JobStore, Sight, Status};
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};

use crate::{
    common::{LONG, NO_LIMIT, entry, new_job, succeed, worker},
    database::{PATIENCE, server},
    server::PostgresServer,
};

/// A server of the test's own, which keeps what it has promised, and a store there.
async fn durable() -> (Arc<PostgresServer>, Arc<dyn JobStore>) {
    // Where there is none, no test is run.
    server();
    let own = spawn_blocking(|| PostgresServer::start_durable().expect("there is one")).await.unwrap();
    let place = JobPlace::Server { database: own.fresh_database().await, listen: None };
    (Arc::new(own), place.open().await.unwrap())
}

async fn restart(server: &Arc<PostgresServer>) {
    let server = server.clone();
    spawn_blocking(move || server.restart()).await.unwrap();
}

/// The first try may meet the connection that broke.
macro_rules! at_the_second_try {
    ($operation:expr) => {
        match $operation.await {
            Ok(done) => done,
            Err(_) => $operation.await.unwrap(),
        }
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_works_again_after_a_restart() {
    let (server, store) = durable().await;
    let job = new_job();
    let id = job.id;
    at_the_second_try!(store.submit(job.clone(), NO_LIMIT));
    restart(&server).await;
    assert_eq!(at_the_second_try!(store.find(id, &Sight::All)).unwrap().status, Status::Queued);
    restart(&server).await;
    let claim = at_the_second_try!(store.claim(&worker("one"), LONG)).expect("it waits").key;
    restart(&server).await;
    at_the_second_try!(store.renew(&claim));
    restart(&server).await;
    at_the_second_try!(store.record_progress(&claim, &entry(1, 10)));
    restart(&server).await;
    at_the_second_try!(store.probe());
    restart(&server).await;
    assert_eq!(at_the_second_try!(store.leases()).len(), 1);
    restart(&server).await;
    at_the_second_try!(succeed(&store, &claim));
    restart(&server).await;
    let job = at_the_second_try!(store.find(id, &Sight::All)).unwrap();
    assert_eq!((job.status, job.losses), (Status::Succeeded, vec![entry(1, 10)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_there_after_any_number_of_sudden_stops() {
    let (server, store) = durable().await;
    let over = Arc::new(AtomicBool::new(false));
    let mut news = store.news();
    let mut busy = Vec::new();
    for number in 0..4 {
        let (store, over) = (store.clone(), over.clone());
        busy.push(tokio::spawn(async move {
            let (mut submitted, mut done): (Vec<JobId>, Vec<ClaimKey>) = (Vec::new(), Vec::new());
            while !over.load(Ordering::Relaxed) {
                let job = new_job();
                let id = job.id;
                if store.submit(job, NO_LIMIT).await.is_ok() {
                    submitted.push(id);
                }
                if let Ok(Some(claim)) = store.claim(&worker(&format!("worker {number}")), LONG).await
                    && succeed(&store, &claim.key).await.is_ok()
                {
                    done.push(claim.key);
                }
            }
            (submitted, done)
        }));
    }
    for _ in 0..3 {
        // Some are to be done before the next stop.
        let before = finished(&store).await;
        let some_are_done = async {
            while finished(&store).await <= before {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, some_are_done).await.expect("it works again");
        restart(&server).await;
    }
    over.store(true, Ordering::Relaxed);
    let mut accepted = 0;
    for one in busy {
        let (submitted, done) = timeout(PATIENCE, one).await.expect("nothing hangs").unwrap();
        accepted += submitted.len();
        for id in submitted {
            assert!(at_the_second_try!(store.find(id, &Sight::All)).is_some(), "an accepted job is lost");
        }
        for claim in done {
            let job = at_the_second_try!(store.find(claim.job, &Sight::All)).unwrap();
            assert_eq!((job.status, job.attempt), (Status::Succeeded, claim.attempt));
        }
    }
    assert!(accepted > 0);
    let query = JobQuery { status: None, limit: 1, cursor: None };
    at_the_second_try!(store.list(&query, &Sight::All));
    // Word comes again as well.
    let heard = async { while news.next().await != Change::Anything {} };
    timeout(PATIENCE, heard).await.expect("word comes again");
}

/// How many jobs have come to their end; as good as none while the server is away.
async fn finished(store: &Arc<dyn JobStore>) -> u64 {
    let counts = store.counts().await.unwrap_or_default();
    counts.iter().filter(|(status, _)| status.is_finished()).map(|(_, count)| count).sum()
}
