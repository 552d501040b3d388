//! A real PostgreSQL server, started for the tests of one process and gone with it.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::{
    ffi::OsStr,
    fs,
    io::Write,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};

/// What TCP is asked for. On the Unix socket nobody is.
pub const PASSWORD: &str = "s3cret-of-the-tests";

/// The oldest version that will do.
const OLDEST: u32 = 15;

/// Waits until whoever started it is gone, however that came, and then stops the server and removes its folder.
const KEEPER: &str = r#"cat >/dev/null; folder=$1; shift; "$@" >/dev/null 2>&1; rm -rf "$folder""#;

/// A server in a temporary folder, on a Unix socket and a port of its own. It ends when this is dropped, or its process is gone.
#[derive(Debug)]
pub struct PostgresServer {
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
    durable: bool,
    databases: AtomicU32,
    keeper: Child,
}

impl PostgresServer {
    /// Starts a server that forgets what it has when the machine stops, which makes it quick. Says loudly that there is none where
    /// PostgreSQL is not installed.
    ///
    /// # Panics
    /// Without PostgreSQL where `CI` is set.
    pub fn start() -> Option<Self> {
        Self::start_on(false)
    }

    /// Starts a server that writes to the disk what it has promised.
    ///
    /// # Panics
    /// Without PostgreSQL where `CI` is set.
    pub fn start_durable() -> Option<Self> {
        Self::start_on(true)
    }

    fn start_on(durable: bool) -> Option<Self> {
        let Some(programs) = find_programs() else {
            assert!(std::env::var_os("CI").is_none(), "PostgreSQL {OLDEST} or later is not installed");
            // Past the test runner, which shows what a test that passes has printed to nobody.
            _ = writeln!(
                std::io::stderr(),
                "!!! SKIPPED: what needs a PostgreSQL server. Install PostgreSQL {OLDEST} or later (Debian: postgresql)."
            );
            return None;
        };
        let folder = tempfile::Builder::new().prefix("impasto-pg-").tempdir().expect("a folder can be made").keep();
        give_to_server(&folder);
        let mut stop = unprivileged(programs.join("pg_ctl"));
        stop.args(["stop", "--mode", "immediate", "--pgdata"]).arg(folder.join("data"));
        let mut server =
            Self { keeper: keep(&folder, &stop), folder, programs, port: 0, durable, databases: AtomicU32::new(0) };
        server.make_cluster();
        server.begin_on_a_free_port();
        Some(server)
    }

    fn make_cluster(&self) {
        let secret = self.folder.join("password");
        fs::write(&secret, PASSWORD).expect("a file can be written");
        let mut initdb = self.program("initdb");
        initdb.args(["--username=postgres", "--auth-local=trust", "--auth-host=scram-sha-256"]);
        initdb.args(["--encoding=UTF8", "--locale=C", "--no-sync"]);
        succeed(initdb.arg("--pgdata").arg(self.data()).arg("--pwfile").arg(secret));
    }

    /// Between the choice of the port and its use, another process may take it.
    fn begin_on_a_free_port(&mut self) {
        for _ in 0..10 {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
            self.port = free.local_addr().expect("it has an address").port();
            drop(free);
            if self.begin().is_ok() {
                return;
            }
        }
        panic!("PostgreSQL does not start: {}", self.log());
    }

    /// Starts the server, and returns when it answers.
    fn begin(&self) -> Result<(), String> {
        let mut options = format!(
            "-c listen_addresses=127.0.0.1 -p {} -k {} -c max_connections=400 -c fsync={}",
            self.port,
            self.folder.display(),
            if self.durable { "on" } else { "off" },
        );
        if !self.durable {
            options.push_str(" -c full_page_writes=off -c synchronous_commit=off");
        }
        let mut start = self.program("pg_ctl");
        start.args(["start", "--wait", "--timeout=120", "--options", &options, "--log"]).arg(self.folder.join("log"));
        run(start.arg("--pgdata").arg(self.data()))
    }

    /// Stops the server on the spot, as when its machine dies.
    pub fn stop(&self) {
        let stop = ["stop", "--wait", "--mode=immediate", "--pgdata"];
        succeed(self.program("pg_ctl").args(stop).arg(self.data()));
    }

    /// Starts the server again that was stopped, where it was.
    pub fn start_again(&self) {
        self.begin().unwrap_or_else(|why| panic!("PostgreSQL does not start again: {why}\n{}", self.log()));
    }

    /// Stops the server on the spot and starts it again where it was.
    pub fn restart(&self) {
        self.stop();
        self.start_again();
    }

    /// Makes an empty database, and returns its address.
    pub async fn fresh_database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.administer(format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        self.url(&name)
    }

    /// Drops the database at `url`, whoever is connected.
    pub async fn drop_database(&self, url: &str) {
        let name = name_of(url);
        self.administer(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
    }

    /// Runs a statement as the server's owner.
    pub async fn administer(&self, statement: String) {
        let options: PgConnectOptions = self.url("postgres").parse().expect("it is an address");
        let mut connection: PgConnection = options.connect().await.expect("the server answers");
        let done = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await;
        done.expect("the server does as it is told");
    }

    /// The address of a database by the Unix socket.
    pub fn url(&self, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@localhost:{}/{database}?host={folder}", self.port)
    }

    /// The address of a database by TCP, which takes the password.
    pub fn tcp_url(&self, database: &str) -> String {
        format!("postgres://postgres:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// The folder of its Unix socket.
    pub fn socket_folder(&self) -> &Path {
        &self.folder
    }

    /// The port that it listens on, on loopback and by the Unix socket's name.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn program(&self, name: &str) -> Command {
        unprivileged(self.programs.join(name))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        end(&mut self.keeper);
    }
}

/// The name of the database at `url`.
pub fn name_of(url: &str) -> &str {
    let path = url.split('?').next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default()
}

/// Starts what removes `folder` after `stop`, once this process is gone or the keeper is told to [`end`].
pub fn keep(folder: &Path, stop: &Command) -> Child {
    let mut keeper = Command::new("sh");
    keeper.args(["-c", KEEPER, "keeper"]).arg(folder).arg(stop.get_program()).args(stop.get_args());
    // Of a group of its own, so that an interrupt at the terminal leaves it its work.
    std::os::unix::process::CommandExt::process_group(&mut keeper, 0);
    keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("there is a shell")
}

/// Lets a keeper do its work, and waits until it is done.
pub fn end(keeper: &mut Child) {
    drop(keeper.stdin.take());
    _ = keeper.wait();
}

/// A command that is run as somebody who may do little: neither PostgreSQL nor PgBouncer runs as root.
pub fn unprivileged(program: impl AsRef<OsStr>) -> Command {
    let Some(user) = unprivileged_user() else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={user}"), &format!("--regid={}", group_of(user)), "--clear-groups", "--"]);
    command.arg(program);
    command
}

/// Lets the processes of [`unprivileged`] write to the folder.
pub fn give_to_server(folder: &Path) {
    if let Some(user) = unprivileged_user() {
        succeed(Command::new("chown").arg(user).arg(folder));
    }
}

/// Whose the server is where the tests run as root.
fn unprivileged_user() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let exists = |user: &&str| Command::new("id").args(["-u", user]).output().is_ok_and(|id| id.status.success());
    Some(["postgres", "nobody"].into_iter().find(exists).expect("there is a user 'nobody'"))
}

fn group_of(user: &str) -> String {
    let id = Command::new("id").args(["-g", user]).output().expect("there is `id`");
    String::from_utf8(id.stdout).expect("a number is text").trim().to_owned()
}

/// The folder of the newest server that will do, as Debian puts it or on PATH.
fn find_programs() -> Option<PathBuf> {
    let debian =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = debian.chain(std::env::split_paths(&path)).filter(|folder| folder.join("initdb").exists());
    let known = folders.filter_map(|folder| Some((version_of(&folder.join("postgres"))?, folder)));
    known.filter(|(version, _)| *version >= OLDEST).max_by_key(|(version, _)| *version).map(|(_, folder)| folder)
}

/// The version that `postgres (PostgreSQL) 15.8 (Debian …)` tells.
fn version_of(postgres: &Path) -> Option<u32> {
    let told = Command::new(postgres).arg("--version").output().ok()?;
    let text = String::from_utf8(told.stdout).ok()?;
    text.split_whitespace().nth(2)?.split('.').next()?.parse().ok()
}

fn succeed(command: &mut Command) {
    run(command).unwrap_or_else(|why| panic!("{why}"));
}

/// Runs a command to its end. The server that it starts may live on: nothing of this process is left open in it.
fn run(command: &mut Command) -> Result<(), String> {
    // A file and no pipe: a server that lives on would hold a pipe open.
    let said = tempfile::NamedTempFile::new().expect("a file can be made");
    let to_file = said.reopen().expect("it is there");
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(to_file);
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {status}: {}", fs::read_to_string(said.path()).unwrap_or_default()))
}
