//! A server on a port of its own, a client, and a worker played by hand.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use impasto_jobs::{BlobKey, BlobStore, Claim, JobId, JobPlace, JobStore, WorkerName};
use impasto_metrics::Metrics;
use impasto_picture::{Format, Picture};
use impasto_recipe::{Fingerprint, Precision, ProgressEntry, Size};
use impasto_server::{BackboneInfo, LimitSettings, Service, Settings, WebhookSettings, run};
use reqwest::{
    Client, Response, StatusCode,
    header::HeaderMap,
    multipart::{Form, Part},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{faults::FaultyBlobs, faulty_jobs::FaultyJobs};

/// What the operator has messages signed with: 24 bytes, in Base64.
pub const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What an operator decides.
struct Rules {
    settings: Settings,
    limits: LimitSettings,
    webhooks: WebhookSettings,
    redirect_results: bool,
}

/// A service that runs for the length of a test.
pub struct Server {
    pub addr: SocketAddr,
    pub jobs: Arc<dyn JobStore>,
    pub blobs: BlobStore,
    pub shutdown: CancellationToken,
    pub running: JoinHandle<std::io::Result<()>>,
    folder: TempDir,
    client: Client,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_by(|rules| change(&mut rules.settings)).await
    }

    /// With other limits of its clients.
    pub async fn start_limited(limits: LimitSettings, change: impl FnOnce(&mut Settings)) -> Self {
        let limited = |rules: &mut Rules| {
            rules.limits = limits;
            change(&mut rules.settings);
        };
        Self::start_by(limited).await
    }

    /// With other rules for webhooks than that they may be anywhere.
    pub async fn start_with_webhooks(change: impl FnOnce(&mut WebhookSettings)) -> Self {
        Self::start_by(|rules| change(&mut rules.webhooks)).await
    }

    async fn start_by(change: impl FnOnce(&mut Rules)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobStore::local(&folder.path().join("blobs")).unwrap();
        Self::start_on(folder, blobs, change).await
    }

    /// With blobs that fail on demand.
    pub async fn start_on_faulty(change: impl FnOnce(&mut Settings)) -> (Self, Arc<FaultyBlobs>) {
        let faulty = FaultyBlobs::new();
        let (folder, blobs) = (tempfile::tempdir().unwrap(), BlobStore::on(faulty.clone()));
        let server = Self::start_on(folder, blobs, |rules| change(&mut rules.settings)).await;
        (server, faulty)
    }

    /// With a job store that fails on demand.
    pub async fn start_on_faulty_jobs(limits: LimitSettings) -> (Self, Arc<FaultyJobs>) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobStore::local(&folder.path().join("blobs")).unwrap();
        let faulty = FaultyJobs::on(JobPlace::File(folder.path().join("jobs.db")).open().await.unwrap());
        let server = Self::start_over(folder, faulty.clone(), blobs, |rules| rules.limits = limits).await;
        (server, faulty)
    }

    /// On `blobs`, which are fetched where they are, if they can be.
    pub async fn start_redirecting_to(blobs: BlobStore) -> Self {
        Self::start_on(tempfile::tempdir().unwrap(), blobs, |rules| rules.redirect_results = true).await
    }

    async fn start_on(folder: TempDir, blobs: BlobStore, change: impl FnOnce(&mut Rules)) -> Self {
        let jobs = JobPlace::File(folder.path().join("jobs.db")).open().await.unwrap();
        Self::start_over(folder, jobs, blobs, change).await
    }

    async fn start_over(
        folder: TempDir,
        jobs: Arc<dyn JobStore>,
        blobs: BlobStore,
        change: impl FnOnce(&mut Rules),
    ) -> Self {
        let mut rules = Rules {
            settings: Settings::default(),
            limits: LimitSettings::default(),
            webhooks: WebhookSettings { allow_http: true, allow_private: true, secret: WEBHOOK_SECRET.to_owned() },
            redirect_results: false,
        };
        change(&mut rules);
        let backbone = |name: &str, available| BackboneInfo {
            name: name.to_owned(),
            default: available,
            available,
            source: available.then(|| "built in".to_owned()),
            weights: None,
        };
        let backbones = vec![backbone("vgg16", true), backbone("vgg19", false)];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let precisions = vec![Precision::F32, Precision::Bf16];
        let metrics = Metrics::new("tested").unwrap();
        let Rules { settings, limits, webhooks, redirect_results } = rules;
        let (store, pictures) = (jobs.clone(), blobs.clone());
        let service = Service {
            jobs: store,
            blobs: pictures,
            redirect_results,
            backbones,
            precisions,
            settings,
            limits,
            webhooks,
            metrics,
        };
        let running = tokio::spawn(run(listener, service, shutdown.clone()));
        Self { addr, jobs, blobs, shutdown, running, folder, client: Client::new() }
    }

    /// A second service on the same stores.
    pub async fn beside(&self) -> Self {
        self.beside_limited(LimitSettings::default()).await.0
    }

    /// The same with limits, and a job store that fails on demand.
    pub async fn beside_limited(&self, limits: LimitSettings) -> (Self, Arc<FaultyJobs>) {
        // The first one's folder is that of both, and outlives them.
        let faulty = FaultyJobs::on(JobPlace::File(self.database()).open().await.unwrap());
        let (folder, blobs) = (tempfile::tempdir().unwrap(), self.blobs.clone());
        (Self::start_over(folder, faulty.clone(), blobs, |rules| rules.limits = limits).await, faulty)
    }

    /// The service once more, after it was stopped: on the same stores.
    pub async fn restarted(self) -> Self {
        self.restarted_with_webhooks(|_| {}).await
    }

    /// The same, with other rules for webhooks than that they may be anywhere.
    pub async fn restarted_with_webhooks(self, change: impl FnOnce(&mut WebhookSettings)) -> Self {
        let Self { shutdown, running, folder, blobs, .. } = self;
        shutdown.cancel();
        running.await.unwrap().unwrap();
        Self::start_on(folder, blobs, |rules| change(&mut rules.webhooks)).await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub async fn get(&self, path: &str) -> Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    pub async fn get_with(&self, path: &str, header: &str, value: &str) -> Response {
        self.client.get(self.url(path)).header(header, value).send().await.unwrap()
    }

    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub async fn post(&self, path: &str) -> Response {
        self.client.post(self.url(path)).send().await.unwrap()
    }

    pub async fn delete(&self, path: &str) -> Response {
        self.client.delete(self.url(path)).send().await.unwrap()
    }

    pub async fn submit(&self, form: Form) -> Response {
        self.client.post(self.url("/v1/jobs")).multipart(form).send().await.unwrap()
    }

    /// Submits a small job that is taken.
    pub async fn submitted(&self) -> Value {
        let response = self.submit(small_form()).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        response.json().await.unwrap()
    }

    /// Every file in the blob store, finished or not.
    pub fn stored_files(&self) -> Vec<PathBuf> {
        files_under(&self.blobs_folder())
    }

    pub fn blobs_folder(&self) -> PathBuf {
        self.folder.path().join("blobs")
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("jobs.db")
    }

    /// Claims the job that is next and says what computes it.
    pub async fn claim(&self) -> Claim {
        let claim = self.jobs.claim(&WorkerName("tester".to_owned()), Duration::from_secs(600)).await.unwrap().unwrap();
        self.jobs.begin(&claim.key, &fingerprint()).await.unwrap();
        claim
    }

    /// Saves the `number`th preview of `claim`.
    pub async fn save(&self, claim: &Claim, number: u64, picture: &Picture) {
        let (checkpoint, preview) = (BlobKey::checkpoint(&claim.key, number), BlobKey::preview(&claim.key, number));
        self.blobs.put(&checkpoint, "a checkpoint".into()).await.unwrap();
        self.blobs.put(&preview, picture.encode(Format::Png).unwrap().into()).await.unwrap();
        self.jobs.save_checkpoint(&claim.key, &checkpoint, &preview).await.unwrap();
    }

    /// Finishes the job of `claim` with `picture`.
    pub async fn finish(&self, claim: &Claim, picture: &Picture) {
        let (key, key_16) = (BlobKey::result(&claim.key), BlobKey::result_16(&claim.key));
        self.blobs.put(&key, picture.encode(Format::Png).unwrap().into()).await.unwrap();
        self.blobs.put(&key_16, picture.encode(Format::Png16).unwrap().into()).await.unwrap();
        self.jobs.succeed(&claim.key, &key, &key_16).await.unwrap();
    }

    /// A job that has a result.
    pub async fn finished(&self, picture: &Picture) -> Value {
        let job = self.submitted().await;
        let claim = self.claim().await;
        assert_eq!(claim.key.job, id_of(&job));
        self.finish(&claim, picture).await;
        job
    }
}

pub fn fingerprint() -> Fingerprint {
    Fingerprint {
        backbone: "vgg16".to_owned(),
        weights: "00".to_owned(),
        device: "cpu".to_owned(),
        precision: "f32".to_owned(),
        kernels: "tester".to_owned(),
    }
}

pub fn entry(stage: u32, epoch: u32) -> ProgressEntry {
    ProgressEntry {
        stage,
        epoch,
        content: 1.0,
        style: 2.0,
        tv: 0.5,
        total: 3.5,
        learning_rate: 0.08,
        seconds_per_epoch: 0.25,
    }
}

/// A picture whose pixels differ.
pub fn picture(width: u32, height: u32) -> Picture {
    let size = Size::new(width, height);
    let values = (0..size.pixels() * 3).map(|n| (n * 7 % 256) as f32 / 255.0);
    Picture::new(size, values.collect()).unwrap()
}

pub fn png(width: u32, height: u32) -> Vec<u8> {
    picture(width, height).encode(Format::Png).unwrap()
}

pub fn file(bytes: Vec<u8>) -> Part {
    Part::bytes(bytes).file_name("picture.png")
}

/// The least that makes a job.
pub fn small_form() -> Form {
    Form::new().part("content", file(png(48, 32))).part("style", file(png(24, 40)))
}

pub fn path_of(job: &Value) -> String {
    job["links"]["self"].as_str().unwrap().to_owned()
}

pub fn id_of(job: &Value) -> JobId {
    job["id"].as_str().unwrap().parse().unwrap()
}

pub fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).unwrap_or_else(|| panic!("no header {name} in {headers:?}")).to_str().unwrap()
}

/// The problem in `response`, which has to be one of this status and type.
pub async fn problem(response: Response, status: u16, kind: &str) -> Value {
    let actual = response.status().as_u16();
    let content_type = response.headers().get("content-type").cloned();
    let text = response.text().await.unwrap();
    assert_eq!(actual, status, "{text}");
    assert_eq!(content_type.unwrap(), "application/problem+json");
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["type"], format!("/problems/{kind}"), "{problem}");
    assert_eq!(problem["status"], status);
    assert!(!problem["title"].as_str().unwrap().is_empty());
    assert!(!problem["detail"].as_str().unwrap().is_empty());
    problem
}

/// Waits until `done`, of which nobody sends word.
pub async fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .flat_map(|entry| if entry.path().is_dir() { files_under(&entry.path()) } else { vec![entry.path()] })
        .collect()
}
