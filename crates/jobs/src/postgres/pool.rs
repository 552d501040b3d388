//! Connections that are used again.
//!
//! sqlx has a pool of its own, which asks every connection that comes back whether it lives: a round trip for each operation, and
//! without a limit of time, so that those that the network cut off hold their places for a quarter of an hour. Here a connection
//! comes back only when its last answer has come, and is asked before it is lent if it has lain about.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

/// Connections of one process at the most. They are made as they are needed: a worker has one or two.
const MOST: usize = 10;
/// How long an operation waits for one of them, and how long it may take to make one.
const PATIENCE: Duration = Duration::from_secs(5);
/// A connection that nobody has used for so long is asked whether it still lives, and how long that may take.
const FRESH: Duration = Duration::from_secs(1);
const PING: Duration = Duration::from_secs(2);
/// One that is older, or has not been used for so long, is not used again.
const OLD: Duration = Duration::from_secs(1800);
const IDLE: Duration = Duration::from_secs(300);

/// All connections of one process to one database; a clone shares them.
#[derive(Debug, Clone)]
pub(super) struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: PgConnectOptions,
    places: Arc<Semaphore>,
    /// Those that nobody uses, the latest used last.
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    connection: PgConnection,
    made: Instant,
    used: Instant,
}

/// A connection in use. It is closed when this is dropped, unless it is given back.
#[derive(Debug)]
pub(super) struct Lent {
    connection: PgConnection,
    made: Instant,
    pool: Pool,
    _place: OwnedSemaphorePermit,
}

impl Pool {
    pub fn of(options: PgConnectOptions) -> Self {
        Self(Arc::new(Inner { options, places: Arc::new(Semaphore::new(MOST)), idle: Mutex::default() }))
    }

    pub async fn lend(&self) -> Result<Lent, sqlx::Error> {
        let place = timeout(PATIENCE, self.0.places.clone().acquire_owned()).await;
        // Nobody closes the semaphore.
        let place = place.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?;
        while let Some(Idle { mut connection, made, used }) = self.take_idle() {
            let is_fresh = used.elapsed() < FRESH;
            if is_fresh || timeout(PING, connection.ping()).await.is_ok_and(|lives| lives.is_ok()) {
                return Ok(Lent { connection, made, pool: self.clone(), _place: place });
            }
        }
        let connection = connect(&self.0.options).await?;
        Ok(Lent { connection, made: Instant::now(), pool: self.clone(), _place: place })
    }

    fn take_idle(&self) -> Option<Idle> {
        let mut idle = self.idle();
        idle.retain(|idle| idle.made.elapsed() < OLD && idle.used.elapsed() < IDLE);
        idle.pop()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        // No code that holds the lock panics.
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lent {
    /// Lets others use it: its last statement has been answered, and no transaction is open.
    pub fn give_back(self) {
        let idle = Idle { connection: self.connection, made: self.made, used: Instant::now() };
        self.pool.idle().push(idle);
    }

    pub fn connection(&self) -> &PgConnection {
        &self.connection
    }

    pub fn connection_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

/// Makes a connection, which sqlx itself would try without end.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let too_long = |_| sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "it does not answer"));
    timeout(PATIENCE, options.connect()).await.map_err(too_long)?
}
