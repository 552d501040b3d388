//! Behind PgBouncer.

use std::{
    fs,
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command},
};

use impasto_jobs::{Change, JobPlace};
use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};
use tokio::time::{Duration, sleep, timeout};

use crate::{
    common::{LONG, NO_LIMIT, entry, new_job, succeed, worker},
    database::{PATIENCE, server},
    news::listening,
    server::{end, give_to_server, keep, name_of, unprivileged},
};

/// PgBouncer before the server of all tests. It ends when this is dropped.
struct PgBouncer {
    port: u16,
    keeper: Child,
}

impl PgBouncer {
    /// Starts it in a pool mode. Says loudly that there is none where it is not installed; with CI it fails then.
    async fn start(pool_mode: &str) -> Option<Self> {
        server();
        let Some(program) = find_pgbouncer() else {
            assert!(std::env::var_os("CI").is_none(), "PgBouncer is not installed");
            // Past the test runner, which shows what a test that passes has printed to nobody.
            _ = writeln!(std::io::stderr(), "!!! SKIPPED: what needs PgBouncer. Install it (Debian: pgbouncer).");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("impasto-pgb-").tempdir().unwrap().keep();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let configuration = format!(
            "[databases]\n* = host={} port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
            unix_socket_dir =\nauth_type = any\npool_mode = {pool_mode}\nignore_startup_parameters = extra_float_digits\n\
            default_pool_size = 20\nlogfile = {2}/log\npidfile = {2}/pid\n",
            server().socket_folder().display(),
            server().port(),
            folder.display(),
        );
        fs::write(folder.join("pgbouncer.ini"), configuration).unwrap();
        give_to_server(&folder);
        let mut stop = Command::new("sh");
        stop.args(["-c", "kill -9 $(cat \"$0\")"]).arg(folder.join("pid"));
        let bouncer = Self { port, keeper: keep(&folder, &stop) };
        let started = unprivileged(program).arg("--daemon").arg(folder.join("pgbouncer.ini")).current_dir("/").status();
        assert!(started.unwrap().success());
        bouncer.wait_until_it_answers(&folder).await;
        Some(bouncer)
    }

    async fn wait_until_it_answers(&self, folder: &Path) {
        let options: PgConnectOptions = self.url("postgres").parse().unwrap();
        let answers = async {
            while options.connect().await.map(|connection: PgConnection| drop(connection)).is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let answered = timeout(PATIENCE, answers).await;
        answered.unwrap_or_else(|_| panic!("{}", fs::read_to_string(folder.join("log")).unwrap_or_default()));
    }

    /// The address of a database of the server by PgBouncer.
    fn url(&self, database: &str) -> String {
        format!("postgres://postgres:hunter2@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        end(&mut self.keeper);
    }
}

fn find_pgbouncer() -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    // Debian puts it where only root's PATH goes.
    let folders = std::env::split_paths(&on_path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| program.exists())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_each_transaction_has_another_connection_the_store_is_refused() {
    let Some(bouncer) = PgBouncer::start("transaction").await else { return };
    let direct = server().fresh_database().await;
    for listen in [None, Some(direct.clone())] {
        let place = JobPlace::Server { database: bouncer.url(name_of(&direct)), listen };
        let refused = place.open().await.expect_err("it is refused").to_string();
        println!("{refused}");
        assert!(!refused.contains("hunter2"), "{refused}");
        for word in ["127.0.0.1", "session", "max_prepared_statements"] {
            assert!(refused.contains(word), "'{word}' is missing: {refused}");
        }
    }
    server().drop_database(&direct).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_each_client_has_a_connection_of_its_own_all_is_as_without() {
    let Some(bouncer) = PgBouncer::start("session").await else { return };
    let direct = server().fresh_database().await;
    for listen in [None, Some(direct.clone())] {
        let place = JobPlace::Server { database: bouncer.url(name_of(&direct)), listen };
        let (store, there) = (place.open().await.unwrap(), place.open().await.unwrap());
        let options: PgConnectOptions = direct.parse().unwrap();
        let mut news = listening(&*there, options.connect().await.unwrap()).await;
        store.probe().await.unwrap();
        let id = store.submit(new_job(), NO_LIMIT).await.unwrap().into_job().id;
        let told = async { while news.next().await != Change::Queue {} };
        timeout(PATIENCE, told).await.expect("word comes");
        let claim = there.claim(&worker("there"), LONG).await.unwrap().expect("it waits").key;
        there.record_progress(&claim, &entry(1, 10)).await.unwrap();
        succeed(&there, &claim).await.unwrap();
        let told = async { while news.next().await != Change::Job(id) {} };
        timeout(PATIENCE, told).await.expect("word comes");
    }
    server().drop_database(&direct).await;
}
