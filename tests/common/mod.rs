//! The real service, started for one test and gone with it, and what a client does with it over HTTP.
#![allow(dead_code, reason = "every test binary uses a part of it")]

pub mod jobs;
pub mod pictures;
pub mod processes;
pub mod proxy;

use std::{
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::multipart::{Form, Part};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::Child,
    time::timeout,
};

/// What a test waits for anything at the most: far longer than it takes, so that only what hangs gets there.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What the service prints first, before its address.
const ANNOUNCEMENT: &str = "listening on ";

/// `impasto serve` on a port of its own. It and its workers are killed when this is dropped.
pub struct Service {
    /// Where it listens: `http://127.0.0.1:PORT`.
    pub base_url: String,
    /// The process that supervises the others.
    pub pid: u32,
    /// For requests to it.
    pub http: reqwest::Client,
    process: Child,
    log: Log,
}

impl Service {
    /// Starts the service on the data folder `data`.
    pub async fn start(data: &Path) -> Self {
        Self::start_with(data, |_| {}).await
    }

    /// Starts the service on the data folder `data`, with the arguments and the environment that `adjust` adds.
    pub async fn start_with(data: &Path, adjust: impl FnOnce(&mut Command)) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_impasto")), data, adjust).await
    }

    /// Starts the service as `start_with` does, with `data` on a disk of its own of `megabytes`, which no other process sees.
    /// `None` where this machine lets nobody make one.
    pub async fn start_on_small_disk(data: &Path, megabytes: u32, adjust: impl FnOnce(&mut Command)) -> Option<Self> {
        let own_mounts = ["--map-root-user", "--mount"];
        let allowed = Command::new("unshare").args(own_mounts).args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
        if !allowed.is_ok_and(|tried| tried.status.success()) {
            return None;
        }
        let mut command = Command::new("unshare");
        let script = format!("mount -t tmpfs -o size={megabytes}m tmpfs \"$0\" && exec \"$@\"");
        command.args(own_mounts).args(["sh", "-c", &script]).arg(data).arg(env!("CARGO_BIN_EXE_impasto"));
        Some(Self::start_by(command, data, adjust).await)
    }

    async fn start_by(mut command: Command, data: &Path, adjust: impl FnOnce(&mut Command)) -> Self {
        command.args(["serve", "--addr", "127.0.0.1:0", "--data"]).arg(data);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("IMPASTO__")) {
            command.env_remove(name);
        }
        // Of its own, so that the workers are killed with it, and no configuration of the developer's is found.
        command.process_group(0).current_dir(data);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        adjust(&mut command);

        let mut process = tokio::process::Command::from(command).spawn().expect("the service starts");
        let pid = process.id().expect("a process that was not waited for has an id");
        let log = Log::default();
        log.follow(process.stderr.take().expect("standard error is a pipe"));
        let mut service = Self { base_url: String::new(), pid, http: client(PATIENCE), process, log };
        service.base_url = service.wait_for_address().await;
        service
    }

    async fn wait_for_address(&mut self) -> String {
        let mut lines = BufReader::new(self.process.stdout.take().expect("standard output is a pipe")).lines();
        let first = timeout(PATIENCE, lines.next_line()).await.expect("the service says where it listens");
        let first = first.expect("standard output can be read").expect("the service does not end at once");
        self.log.follow(lines.into_inner());
        let address = first.strip_prefix(ANNOUNCEMENT);
        address.unwrap_or_else(|| panic!("the first line tells the address, but it was: {first}")).to_owned()
    }

    /// Asks the service to end (SIGTERM), and waits until it has.
    pub async fn stop_gently(self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// Kills the service and its workers on the spot (SIGKILL), as a power cut would.
    pub async fn kill(mut self) {
        self.kill_group();
        self.process.wait().await.expect("it can be waited for");
    }

    fn kill_group(&self) {
        // There is none when all of them have ended already.
        _ = kill_process_group(self.process_id(), Signal::KILL);
    }

    /// The data folder as the service itself sees it.
    pub fn own_view_of(&self, data: &Path) -> PathBuf {
        let inside = data.strip_prefix("/").expect("a temporary folder has an absolute path");
        Path::new(&format!("/proc/{}/root", self.pid)).join(inside)
    }

    /// Sends a signal to the process that supervises the others, and to no other.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.process_id(), signal).expect("the service is there");
    }

    /// Sends a signal to all of its processes, as a terminal does.
    pub fn signal_all(&self, signal: Signal) {
        kill_process_group(self.process_id(), signal).expect("the service is there");
    }

    /// Waits until the service has ended by itself.
    pub async fn ended(mut self) -> ExitStatus {
        let ended = timeout(PATIENCE, self.process.wait()).await.expect("the service ends");
        ended.expect("it can be waited for")
    }

    fn process_id(&self) -> Pid {
        Pid::from_raw(self.pid.cast_signed()).expect("no process is called 0")
    }

    /// Waits until it has logged `words`.
    pub async fn wait_until_logged(&self, words: &str) {
        let logged = async {
            while !self.log().contains(words) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, logged).await.unwrap_or_else(|_| panic!("never logged: {words}"));
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.text()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill_group();
        if std::thread::panicking() {
            eprintln!("---- the service's log ----\n{}", self.log());
        }
    }
}

/// The lines that a process has written.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Log {
    /// Reads `pipe` to its end beside the test: a full pipe would hold up the process that writes to it.
    fn follow(&self, pipe: impl AsyncRead + Unpin + Send + 'static) {
        let log = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(pipe).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let mut text = log.0.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(&line);
                text.push('\n');
            }
        });
    }

    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Does `arguments` of `impasto keys` for the service on `data`, and returns what it prints.
pub fn keys(data: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_impasto"));
    command.args(["keys", "--data"]).arg(data).args(arguments).current_dir(data).stdin(Stdio::null());
    let done = command.output().expect("it starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("a key is text").trim_end().to_owned()
}

/// A client that goes straight to its server, whatever proxy the environment names.
pub fn client(timeout: Duration) -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(timeout).build().expect("a plain client can be made")
}

impl Service {
    /// The address of what stands at `path`, such as a link of a job.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    /// Where it listens, for a proxy before it.
    pub fn address(&self) -> SocketAddr {
        let address = self.base_url.strip_prefix("http://").and_then(|address| address.parse().ok());
        address.expect("it listens on an address with a port")
    }

    /// Fetches `path`.
    pub async fn get(&self, path: &str) -> reqwest::Response {
        self.http.get(self.url(path)).send().await.expect("the service answers")
    }

    /// Posts to `path` without a body.
    pub async fn post(&self, path: &str) -> reqwest::Response {
        self.http.post(self.url(path)).send().await.expect("the service answers")
    }

    /// Posts an order, whatever comes of it.
    pub async fn order(&self, content: &[u8], styles: &[Vec<u8>], options: &[(&str, &str)]) -> reqwest::Response {
        let file = |bytes: &[u8]| Part::bytes(bytes.to_vec()).file_name("picture");
        let mut form = Form::new().part("content", file(content));
        for style in styles {
            form = form.part("style", file(style));
        }
        for &(name, value) in options {
            form = form.text(name.to_owned(), value.to_owned());
        }
        self.http.post(self.url("/v1/jobs")).multipart(form).send().await.expect("the service answers")
    }

    /// Submits a job of a small photograph and a small painting, and returns it as it was accepted.
    pub async fn submit(&self, options: &[(&str, &str)]) -> Value {
        let response = self.order(&pictures::photograph(96, 72), &[pictures::painting(80, 80)], options).await;
        let (status, text) = (response.status(), response.text().await.expect("the answer is text"));
        assert_eq!(status, 202, "{text}");
        serde_json::from_str(&text).expect("a job is JSON")
    }

    /// The job as it is now.
    pub async fn job(&self, id: &str) -> Value {
        json_of(self.get(&format!("/v1/jobs/{id}")).await).await
    }

    /// Follows the job by long polls until `holds`, and returns it as it was then.
    ///
    /// # Panics
    /// When the job ends before that, or [`PATIENCE`] does.
    pub async fn wait_until(&self, id: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let following = async {
            let mut job = self.job(id).await;
            while !holds(&job) {
                assert!(!is_finished(&job), "the job ended without it: {job:#}");
                let tag = format!("W/\"{}\"", job["revision"]);
                let held = self.http.get(self.url(&format!("/v1/jobs/{id}?wait=30"))).header("If-None-Match", tag);
                let response = held.send().await.expect("the service answers");
                if response.status() != 304 {
                    job = json_of(response).await;
                }
            }
            job
        };
        let followed = timeout(PATIENCE, following).await;
        followed.unwrap_or_else(|_| panic!("it never came to pass; the service's log:\n{}", self.log()))
    }

    /// Follows the job to its end.
    pub async fn wait_until_finished(&self, id: &str) -> Value {
        self.wait_until(id, is_finished).await
    }
}

/// The identifier of a job.
pub fn id_of(job: &Value) -> &str {
    job["id"].as_str().expect("a job has an id")
}

/// Whether a job has come to its end, whichever it is.
pub fn is_finished(job: &Value) -> bool {
    matches!(job["status"].as_str(), Some("succeeded" | "failed" | "canceled"))
}

async fn json_of(response: reqwest::Response) -> Value {
    let (status, text) = (response.status(), response.text().await.expect("the answer is text"));
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).expect("the answer is JSON")
}
