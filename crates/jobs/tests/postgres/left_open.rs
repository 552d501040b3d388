//! Transactions whose client fell silent in the middle.

use impasto_jobs::JobPlace;
use tokio::time::timeout;

use crate::{
    common::{NO_LIMIT, TestStore, new_job},
    database::{PATIENCE, server},
    line::{Line, Manners},
};

#[tokio::test(flavor = "multi_thread")]
async fn one_does_not_hold_up_the_others_for_ever() {
    let test = TestStore::new().await;
    let mut line = Line::to(server().port(), Manners::DiesAt("INSERT INTO jobs")).await;
    let JobPlace::Server { database, .. } = test.place() else { unreachable!("it is on the server") };
    let by_the_line = server()
        .tcp_url(crate::server::name_of(&database))
        .replace(&format!(":{}/", server().port()), &format!(":{}/", line.port));
    let far = JobPlace::Server { database: by_the_line, listen: Some(database) }.open().await.unwrap();
    let stuck = tokio::spawn(async move { far.submit(new_job(), NO_LIMIT).await.map(drop) });
    timeout(PATIENCE, line.has_died()).await.expect("a submission puts a job in");
    let submitted = timeout(PATIENCE, test.store.submit(new_job(), NO_LIMIT)).await.expect("it waits for a while only");
    submitted.unwrap();
    stuck.abort();
}
