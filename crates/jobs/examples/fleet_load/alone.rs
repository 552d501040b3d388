//! Each operation by itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use impasto_jobs::{ClaimKey, Client, JobId, Sight};
use tokio::task::JoinSet;

use crate::{
    Store,
    requests::{claim, entry, running, submit},
    server::Server,
};

/// How long each operation is done by itself, by so many at once.
const ALONE_FOR: Duration = Duration::from_secs(5);
const AT_ONCE: usize = 16;

/// Each operation as often as it can be done.
pub async fn each_alone(stores: &[Store], server: &Server) {
    println!("{:<22} {:>9} {:>16}", "alone, 16 at once", "a second", "core a thousand");
    measure("submit", stores, server, |store, _| async move { _ = submit(&store).await }).await;
    measure("claim", stores, server, |store, _| async move { drop(claim(&store).await) }).await;
    let claims: Arc<Vec<ClaimKey>> = Arc::new(running(&stores[0], 1000).await);
    let (all, entries) = (claims.clone(), Arc::new(AtomicU64::new(0)));
    measure("progress entry", stores, server, move |store, number| {
        let (claims, entries) = (all.clone(), entries.clone());
        async move {
            let epoch = entries.fetch_add(1, Ordering::Relaxed) as u32;
            store.record_progress(&claims[number % claims.len()], &entry(epoch)).await.expect("it is taken");
        }
    })
    .await;
    let all = claims.clone();
    measure("renewal", stores, server, move |store, number| {
        let claims = all.clone();
        async move { _ = store.renew(&claims[number % claims.len()]).await.expect("it stands") }
    })
    .await;
    let all = claims.clone();
    measure("look at a claim", stores, server, move |store, number| {
        let claims = all.clone();
        async move { _ = store.standing(&claims[number % claims.len()]).await.expect("it stands") }
    })
    .await;
    let all = claims.clone();
    measure("job, as polled", stores, server, move |store, number| {
        let claims = all.clone();
        async move { drop(store.find(claims[number % claims.len()].job, &Sight::All).await.expect("it is found")) }
    })
    .await;
    let ids: Arc<Vec<JobId>> = Arc::new(claims.iter().map(|claim| claim.job).collect());
    measure("stamps of 1000 jobs", stores, server, move |store, _| {
        let ids = ids.clone();
        async move { drop(store.stamps(&ids).await.expect("they are told")) }
    })
    .await;
    measure("request counted", stores, server, |store, number| async move {
        let client = Client::at(std::net::Ipv4Addr::from(number as u32 % 200).into());
        _ = store.take_turn(&client, std::num::NonZeroU32::MAX).await.expect("it is counted");
    })
    .await;
}

async fn measure<F, D>(name: &str, stores: &[Store], server: &Server, operation: F)
where
    F: Fn(Store, usize) -> D + Clone + Send + Sync + 'static,
    D: Future<Output = ()> + Send + 'static,
{
    let (began, used) = (Instant::now(), server.seconds());
    let mut tasks = JoinSet::new();
    for first in 0..AT_ONCE {
        let (store, operation) = (stores[first % stores.len()].clone(), operation.clone());
        tasks.spawn(async move {
            let mut done = 0;
            while began.elapsed() < ALONE_FOR {
                operation(store.clone(), first + done * AT_ONCE).await;
                done += 1;
            }
            done
        });
    }
    let done: usize = tasks.join_all().await.into_iter().sum();
    let (elapsed, used) = (began.elapsed().as_secs_f64(), server.seconds() - used);
    println!("{name:<22} {:>9.0} {:>16.2}", done as f64 / elapsed, 1000.0 * used / done as f64);
}
