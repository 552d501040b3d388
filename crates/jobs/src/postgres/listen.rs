//! Hears what other processes have changed.
//!
//! Word of a change is sent in the transaction that makes it. It is a help and no more: whoever needs to know looks now and then.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgNotification, PgPoolOptions};
use tokio::time::{sleep, timeout};

use super::{CHANNEL, open::place, pooling::Pooling};
use crate::store::{Change, Newsroom};

/// What is told of the queue; what is told of a job is its id.
pub(super) const OF_QUEUE: &str = "queue";

/// After so much silence the connection is asked whether it still lives: nothing else would tell that it was cut off.
const SILENCE: Duration = Duration::from_secs(10);
/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// From one try to connect to the next.
const PAUSE: Duration = Duration::from_secs(1);

/// Hands on what is told at `options`, for ever.
pub(super) async fn listen(options: PgConnectOptions, newsroom: Newsroom) {
    let mut told_why = false;
    loop {
        let Err(error) = hear(&options, &newsroom, &mut told_why).await;
        newsroom.is_told(false);
        if !told_why {
            let place = place(&options);
            tracing::warn!(%error, "no word of changes comes from {place}: jobs are looked for every so often");
            told_why = true;
        }
        sleep(PAUSE).await;
    }
}

async fn hear(
    options: &PgConnectOptions,
    newsroom: &Newsroom,
    told_why: &mut bool,
) -> Result<std::convert::Infallible, sqlx::Error> {
    if Pooling::of(options).await? != Pooling::None {
        let why = "a pooler stands between, which swallows them: name the database's own address (store.listen)";
        return Err(sqlx::Error::Configuration(why.into()));
    }
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(CHANNEL).await?;
    newsroom.is_told(true);
    // What was told before this one listened, it has not heard.
    newsroom.tell(Change::Anything);
    *told_why = false;
    loop {
        match timeout(SILENCE, listener.try_recv()).await {
            Ok(heard) => match heard? {
                Some(notification) => newsroom.tell(read(&notification)),
                None => return Err(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into())),
            },
            Err(_) => {
                let lives = timeout(PATIENCE, sqlx::raw_sql("SELECT 1").execute(&mut listener)).await;
                lives.map_err(|_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))??;
            }
        }
    }
}

fn read(notification: &PgNotification) -> Change {
    match notification.payload() {
        OF_QUEUE => Change::Queue,
        // What another version says may be anything.
        id => id.parse().map_or(Change::Anything, Change::Job),
    }
}
