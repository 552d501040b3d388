//! Hears what other processes have changed.
//!
//! Word of a change is sent in the transaction that makes it. It is a help and no more: whoever needs to know looks now and then.

use std::{convert::Infallible, io, time::Duration};

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
/// How long it may take to begin.
const BEGIN: Duration = Duration::from_secs(30);
/// From one try to connect to the next; it doubles up to the second.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// To the next look whether a pooler still stands between: each look costs it a connection.
const PAUSE_FOR_POOLER: Duration = Duration::from_secs(600);

/// Hands on what is told at `options`, for ever.
pub(super) async fn listen(options: PgConnectOptions, newsroom: Newsroom) {
    let mut pause = PAUSE;
    loop {
        let begun = timeout(BEGIN, begin(&options)).await.unwrap_or_else(|_| Err(silent()));
        let ended = match begun {
            Ok(Some(listener)) => {
                if pause > PAUSE {
                    tracing::info!("word of changes comes from {} again", place(&options));
                }
                pause = PAUSE;
                newsroom.set_told(true);
                // What was told before this one listened, it has not heard.
                newsroom.tell(Change::Anything);
                let Err(error) = hear(listener, &newsroom).await;
                newsroom.set_told(false);
                error.to_string()
            }
            Ok(None) => {
                pause = PAUSE_FOR_POOLER;
                "a pooler stands between, which passes none on: name the database's own address (store.listen)"
                    .to_owned()
            }
            Err(error) => error.to_string(),
        };
        if pause == PAUSE || pause == PAUSE_FOR_POOLER {
            let place = place(&options);
            tracing::warn!("no word of changes comes from {place}, jobs are looked for every so often: {ended}");
        }
        sleep(pause).await;
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

/// Somebody who listens; `None` where a pooler stands between.
async fn begin(options: &PgConnectOptions) -> Result<Option<PgListener>, sqlx::Error> {
    if Pooling::of(options).await? != Pooling::None {
        return Ok(None);
    }
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(CHANNEL).await?;
    Ok(Some(listener))
}

async fn hear(mut listener: PgListener, newsroom: &Newsroom) -> Result<Infallible, sqlx::Error> {
    loop {
        match timeout(SILENCE, listener.try_recv()).await {
            Ok(heard) => match heard? {
                Some(notification) => newsroom.tell(read(&notification)),
                None => return Err(sqlx::Error::Io(io::ErrorKind::ConnectionReset.into())),
            },
            Err(_) => {
                let lives = timeout(PATIENCE, sqlx::raw_sql("SELECT 1").execute(&mut listener)).await;
                lives.map_err(|_| silent())??;
            }
        }
    }
}

fn silent() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "it does not answer"))
}

fn read(notification: &PgNotification) -> Change {
    match notification.payload() {
        OF_QUEUE => Change::Queue,
        // What another version says may be anything.
        id => id.parse().map_or(Change::Anything, Change::Job),
    }
}
