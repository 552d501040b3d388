//! A worker, and stores that it shares with the test.

use std::{path::PathBuf, sync::Arc};

use impasto_engine::DeviceName;
use impasto_jobs::{BlobKey, BlobStore, Job, JobId, JobPlace, JobStore, NewJob, QueueLimits, Sight, Terms, WorkerName};
use impasto_recipe::{Inputs, Limits, Options, Size};
use impasto_worker::{Settings, Worker, WorkerError};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    faults::{FaultyBlobs, FullDatabase},
    faulty_jobs::FaultyJobs,
    pictures,
};

/// Stores, and how workers behave.
pub struct Test {
    folder: TempDir,
    pub jobs: Arc<dyn JobStore>,
    /// The same store as its workers have it.
    pub faulty_jobs: Arc<FaultyJobs>,
    pub faulty: Arc<FaultyBlobs>,
    pub blobs: BlobStore,
    pub settings: Settings,
}

/// What may come with a job besides its photograph and its painting, as files.
#[derive(Default)]
pub struct Extras {
    pub second_style: Option<Vec<u8>>,
    pub mask: Option<Vec<u8>>,
    pub style_mask: Option<Vec<u8>>,
    /// Of the photograph's size.
    pub initial: Option<Vec<u8>>,
}

/// A worker at work. It is asked to end when this is dropped.
pub struct Running {
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), WorkerError>>,
}

impl Test {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let jobs = JobPlace::File(folder.path().join("jobs.db")).open().await.unwrap();
        let faulty = FaultyBlobs::new();
        let settings = Settings {
            threads: 1,
            checkpoint_seconds: 0,
            poll_milliseconds: 10,
            storage_seconds: 1,
            most_crashes: 1,
            ..Settings::default()
        };
        Self {
            folder,
            faulty_jobs: FaultyJobs::on(jobs.clone()),
            jobs,
            blobs: BlobStore::on(faulty.clone()),
            faulty,
            settings,
        }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("jobs.db")
    }

    pub async fn full_disk(&self) -> FullDatabase {
        FullDatabase::at(&self.database()).await
    }

    /// Queues a job of these stages, which reports every epoch.
    pub async fn submit(&self, stages: &str) -> JobId {
        self.submit_with(stages, Extras::default()).await
    }

    /// The same with more pictures.
    pub async fn submit_with(&self, stages: &str, extras: Extras) -> JobId {
        let mut options = Options::default();
        options.set("stages", stages).unwrap();
        options.set("report_every", "1").unwrap();
        options.set("backbone", "vgg16").unwrap();
        let Extras { second_style, mask, style_mask, initial } = extras;
        let styles = 1 + usize::from(second_style.is_some());
        let inputs =
            Inputs { initial: initial.as_ref().map(|_| Size::new(48, 36)), ..Inputs::new(Size::new(48, 36), styles) };
        let recipe = options.resolve(&inputs, &Limits::default()).unwrap();
        let id = JobId::new();
        let put = async |key: BlobKey, file: Vec<u8>| {
            self.blobs.put(&key, file.into()).await.unwrap();
            key
        };
        let put_some = async |key: BlobKey, file: Option<Vec<u8>>| match file {
            Some(file) => Some(put(key, file).await),
            None => None,
        };
        let mut styles = vec![put(BlobKey::style(id, 0), pictures::painting(40, 40)).await];
        styles.extend(put_some(BlobKey::style(id, 1), second_style).await);
        let job = NewJob {
            id,
            recipe,
            content: put(BlobKey::content(id), pictures::photograph(48, 36)).await,
            styles,
            masks: Vec::from_iter(put_some(BlobKey::mask(id, 0), mask).await),
            style_masks: Vec::from_iter(put_some(BlobKey::style_mask(id, 0), style_mask).await),
            initial: put_some(BlobKey::initial(id), initial).await,
            notices: Vec::new(),
            terms: Terms::default(),
        };
        self.jobs.submit(job, &QueueLimits::of_all(100)).await.unwrap().into_job().id
    }

    pub fn start(&self) -> Running {
        let worker = Worker {
            name: WorkerName::unique("cpu"),
            jobs: self.faulty_jobs.clone(),
            blobs: self.blobs.clone(),
            weights: impasto_weights::Store::new(impasto_weights::Settings::default()),
            device: DeviceName::Cpu,
            settings: self.settings.clone(),
            pulse: Arc::default(),
            last_words: Arc::new(|_| {}),
        };
        let shutdown = CancellationToken::new();
        Running { task: tokio::spawn(worker.run(shutdown.clone())), shutdown }
    }

    pub async fn find(&self, id: JobId) -> Job {
        self.jobs.find(id, &Sight::All).await.unwrap().expect("the job is there")
    }

    /// The job, once `holds`.
    pub async fn wait_until(&self, id: JobId, holds: impl Fn(&Job) -> bool) -> Job {
        loop {
            let job = self.find(id).await;
            if holds(&job) {
                return job;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// The job at its end.
    pub async fn finished(&self, id: JobId) -> Job {
        self.wait_until(id, |job| job.status.is_finished()).await
    }

    pub async fn result(&self, job: &Job) -> Vec<u8> {
        self.blobs.get(job.result.as_ref().expect("a result")).await.unwrap().to_vec()
    }
}

impl Running {
    /// Waits for the worker to end by itself.
    pub async fn ended(mut self) -> Result<(), WorkerError> {
        (&mut self.task).await.unwrap()
    }

    /// Asks it to end in good order, and waits.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        (&mut self.task).await.unwrap().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
