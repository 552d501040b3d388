//! Requests that clients may make in a minute, counted over all who serve them.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use impasto_jobs::{JobStore, Turn};

use crate::common::{TestStore, client};

/// So few that none comes back while the test runs.
const A_MINUTE: NonZeroU32 = NonZeroU32::new(3).unwrap();
const ONE_COMES_BACK_IN: Duration = Duration::from_secs(20);

async fn take(store: &Arc<dyn JobStore>, name: &str) -> Turn {
    store.take_turn(&client(name), A_MINUTE).await.unwrap().expect("a shared store counts")
}

/// Lets so much time pass for every client.
async fn let_pass(test: &TestStore, time: Duration) {
    let past = format!("UPDATE turns SET full_at = full_at - {}", time.as_millis());
    sqlx::query(sqlx::AssertSqlSafe(past)).execute(&mut test.connection().await).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_together_allow_so_many_at_once() {
    let test = TestStore::new().await;
    let stores = [test.store.clone(), test.opened_again().await];
    let mut asking = Vec::new();
    for number in 0..20 {
        let store = stores[number % 2].clone();
        asking.push(tokio::spawn(async move { take(&store, "alice").await }));
    }
    let mut turns = Vec::new();
    for one in asking {
        turns.push(one.await.unwrap());
    }
    let (allowed, refused): (Vec<Turn>, Vec<Turn>) = turns.into_iter().partition(|turn| turn.wait.is_none());
    let mut left: Vec<_> = allowed.iter().map(|turn| turn.left).collect();
    left.sort();
    assert_eq!(left, [0, 1, 2]);
    for turn in refused {
        let wait = turn.wait.unwrap();
        assert!(turn.left == 0 && wait > Duration::ZERO && wait <= ONE_COMES_BACK_IN, "{turn:?}");
        assert!(turn.full_in > 2 * ONE_COMES_BACK_IN && turn.full_in <= 3 * ONE_COMES_BACK_IN, "{turn:?}");
    }
}

#[tokio::test]
async fn they_come_back_bit_by_bit_and_never_more_than_all() {
    let test = TestStore::new().await;
    let store = &test.store;
    for left in [2, 1, 0] {
        let turn = take(store, "alice").await;
        assert_eq!((turn.left, turn.wait), (left, None));
    }
    assert!(take(store, "alice").await.wait.is_some());
    let_pass(&test, ONE_COMES_BACK_IN).await;
    assert_eq!(take(store, "alice").await.wait, None, "one came back");
    assert!(take(store, "alice").await.wait.is_some(), "and no other");
    let_pass(&test, 100 * ONE_COMES_BACK_IN).await;
    for left in [2, 1, 0] {
        let turn = take(store, "alice").await;
        assert_eq!((turn.left, turn.wait), (left, None));
    }
    assert!(take(store, "alice").await.wait.is_some());
}

#[tokio::test]
async fn what_one_client_takes_is_no_others_loss() {
    let test = TestStore::new().await;
    while take(&test.store, "alice").await.wait.is_none() {}
    assert_eq!(take(&test.store, "bob").await.left, 2);
}

#[tokio::test]
async fn a_refusal_costs_nothing() {
    let test = TestStore::new().await;
    while take(&test.store, "alice").await.wait.is_none() {}
    for _ in 0..10 {
        take(&test.store, "alice").await;
    }
    let_pass(&test, ONE_COMES_BACK_IN).await;
    assert_eq!(take(&test.store, "alice").await.wait, None);
}
