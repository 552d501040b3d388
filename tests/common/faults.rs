//! Stores that fail on demand.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::{
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{TryStreamExt, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, memory::InMemory, path::Path as Location,
};
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::sync::{Mutex, watch};

/// Lets every write to a job database fail as on a full disk: SQLite ends the transaction by itself.
pub struct FullDatabase(Mutex<SqliteConnection>);

const WRITES: [(&str, &str); 5] =
    [("jobs", "INSERT"), ("jobs", "UPDATE"), ("jobs", "DELETE"), ("progress", "INSERT"), ("probe", "INSERT")];

impl FullDatabase {
    /// On a connection of its own, as another process has it.
    pub async fn at(file: &Path) -> Self {
        Self(Mutex::new(SqliteConnectOptions::new().filename(file).connect().await.expect("it opens")))
    }

    /// From now on there is no room.
    pub async fn begin(&self) {
        for (table, write) in WRITES {
            // A trigger that rolls back does what SQLite does by itself when the disk is full.
            self.run(format!(
                "CREATE TRIGGER full_{table}_{write} BEFORE {write} ON {table}
                 BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END"
            ))
            .await;
        }
    }

    /// From now on there is room again.
    pub async fn end(&self) {
        for (table, write) in WRITES {
            self.run(format!("DROP TRIGGER full_{table}_{write}")).await;
        }
    }

    async fn run(&self, statement: String) {
        let mut connection = self.0.lock().await;
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *connection).await.expect("it runs");
    }
}

/// Blobs in memory whose store fails, or takes its time, for names that hold a word.
#[derive(Debug)]
pub struct FaultyBlobs {
    blobs: InMemory,
    writes: Faults,
    reads: Faults,
    written: AtomicU64,
    bytes_read: AtomicU64,
}

/// What happens to one kind of operation.
#[derive(Debug, Default)]
pub struct Faults {
    rule: watch::Sender<Option<Rule>>,
}

#[derive(Debug, Clone)]
struct Rule {
    word: &'static str,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Fail { times: Arc<AtomicU64> },
    Hold,
    Slow(Duration),
}

impl Faults {
    /// The next `times` operations on names that hold `word` fail.
    pub fn fail(&self, word: &'static str, times: u64) {
        self.rule.send_replace(Some(Rule { word, what: What::Fail { times: Arc::new(times.into()) } }));
    }

    /// Operations on names that hold `word` wait until there is another rule.
    pub fn hold(&self, word: &'static str) {
        self.rule.send_replace(Some(Rule { word, what: What::Hold }));
    }

    /// Operations on names that hold `word` take so long.
    pub fn slow(&self, word: &'static str, delay: Duration) {
        self.rule.send_replace(Some(Rule { word, what: What::Slow(delay) }));
    }

    /// All is well again.
    pub fn end(&self) {
        self.rule.send_replace(None);
    }

    async fn strike(&self, location: &Location) -> Result<()> {
        let mut rules = self.rule.subscribe();
        let struck = |rule: &Option<Rule>| rule.clone().filter(|rule| location.as_ref().contains(rule.word));
        let Some(rule) = struck(&rules.borrow_and_update()) else { return Ok(()) };
        match rule.what {
            What::Fail { times } => {
                let fails = times.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
                if fails.is_ok() { Err(no_room()) } else { Ok(()) }
            }
            What::Hold => {
                drop(rules.changed().await);
                Ok(())
            }
            What::Slow(delay) => {
                tokio::time::sleep(delay).await;
                Ok(())
            }
        }
    }
}

fn no_room() -> Error {
    Error::Generic { store: "faulty", source: "no space left on device".into() }
}

impl FaultyBlobs {
    /// An empty store that works.
    pub fn new() -> Arc<Self> {
        let [writes, reads] = [Faults::default(), Faults::default()];
        Arc::new(Self {
            blobs: InMemory::new(),
            writes,
            reads,
            written: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
        })
    }

    /// What happens to writes.
    pub fn writes(&self) -> &Faults {
        &self.writes
    }

    /// What happens to reads.
    pub fn reads(&self) -> &Faults {
        &self.reads
    }

    /// The names of all blobs that hold `word`.
    pub async fn blobs_named(&self, word: &str) -> Vec<String> {
        let all: Vec<ObjectMeta> = self.blobs.list(None).try_collect().await.expect("memory can be listed");
        all.into_iter().map(|blob| blob.location.to_string()).filter(|name| name.contains(word)).collect()
    }

    /// Loses a blob.
    pub async fn forget(&self, name: &str) {
        self.blobs.delete(&Location::from(name)).await.expect("memory forgets");
    }

    /// How many blobs were written.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// How many bytes of blobs were asked for to be read.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }
}

impl fmt::Display for FaultyBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty blobs")
    }
}

#[async_trait::async_trait]
impl ObjectStore for FaultyBlobs {
    async fn put_opts(&self, location: &Location, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.writes.strike(location).await?;
        self.written.fetch_add(1, Ordering::Relaxed);
        self.blobs.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Location,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.writes.strike(location).await?;
        self.blobs.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Location, options: GetOptions) -> Result<GetResult> {
        self.reads.strike(location).await?;
        let is_look = options.head;
        let found = self.blobs.get_opts(location, options).await?;
        if !is_look {
            self.bytes_read.fetch_add(found.range.end - found.range.start, Ordering::Relaxed);
        }
        Ok(found)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Location>>) -> BoxStream<'static, Result<Location>> {
        self.blobs.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.blobs.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Location>) -> Result<ListResult> {
        self.blobs.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Location, to: &Location, options: CopyOptions) -> Result<()> {
        self.blobs.copy_opts(from, to, options).await
    }
}
