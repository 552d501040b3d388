//! Keeps a worker process alive on every device: starts it, takes its job back when it dies, starts it again.

use std::{
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context;
use impasto_engine::DeviceName;
use impasto_jobs::{JobStore, WorkerName};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{cli::ConfigurationArguments, configuration::Configuration, worker::worker_name};

/// The pause before a worker that died is started again; it doubles as long as they die young.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A worker that lived for so long did not die young.
const GROWN_UP: Duration = Duration::from_secs(60);
/// What a worker that was asked to end may take: an epoch, and writing its checkpoint.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts and watches one worker process per device.
pub struct Supervisor {
    program: PathBuf,
    arguments: ConfigurationArguments,
    devices: Vec<DeviceName>,
    jobs: JobStore,
    most_crashes: u32,
}

impl Supervisor {
    /// A supervisor of the workers that the configuration asks for.
    pub fn new(
        arguments: ConfigurationArguments,
        configuration: &Configuration,
        jobs: JobStore,
    ) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("the path of this program is unknown")?;
        let devices = configuration.workers.devices.names();
        anyhow::ensure!(!devices.is_empty(), "workers.devices names no device: name one, or run --role api");
        Ok(Self { program, arguments, devices, jobs, most_crashes: configuration.workers.most_crashes })
    }

    /// Keeps the workers alive until `shutdown`, and then waits for them to hand back their jobs.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let supervisor = std::sync::Arc::new(self);
        let mut watches = JoinSet::new();
        for (place, &device) in supervisor.devices.iter().enumerate() {
            let (supervisor, shutdown) = (supervisor.clone(), shutdown.clone());
            watches.spawn(async move { supervisor.watch(place, device, shutdown).await });
        }
        while let Some(watch) = watches.join_next().await {
            watch.context("the watch over a worker panicked")?;
        }
        Ok(())
    }

    async fn watch(&self, place: usize, device: DeviceName, shutdown: CancellationToken) {
        let mut pause = FIRST_PAUSE;
        for life in 1.. {
            let name = worker_name(&format!("{device}.{place}.{life}"));
            let born = Instant::now();
            let why = match self.start(&name, device) {
                Ok(child) => see_out(child, &shutdown).await,
                Err(error) => format!("its worker could not be started: {error:#}"),
            };
            self.take_back(&name, &why).await;
            if shutdown.is_cancelled() {
                return;
            }
            if born.elapsed() >= GROWN_UP {
                pause = FIRST_PAUSE;
            }
            tracing::error!(worker = %name, why, restart_in = ?pause, "a worker ended");
            tokio::select! {
                () = sleep(pause) => {}
                () = shutdown.cancelled() => return,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn start(&self, name: &WorkerName, device: DeviceName) -> anyhow::Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(["worker", "--supervised", "--device", &device.to_string(), "--name", &name.0]);
        if let Some(file) = &self.arguments.config {
            command.arg("--config").arg(file);
        }
        if let Some(data) = &self.arguments.data {
            command.arg("--data").arg(data);
        }
        // The pipe stays open as long as this process lives: the worker takes its end for the supervisor's.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("{} cannot be run", self.program.display()))?;
        tracing::info!(worker = %name, pid = child.id(), "started a worker");
        Ok(child)
    }

    async fn take_back(&self, name: &WorkerName, why: &str) {
        match self.jobs.take_back_from(name, why, self.most_crashes).await {
            Ok(0) => {}
            Ok(jobs) => tracing::warn!(worker = %name, jobs, why, "took back the job of a worker"),
            // The lease of its claim lapses.
            Err(error) => tracing::error!(worker = %name, %error, "could not take back the job of a worker"),
        }
    }
}

/// Waits for the worker to end, asking it to once `shutdown` comes. Says how it ended.
async fn see_out(mut child: Child, shutdown: &CancellationToken) -> String {
    // Waiting for a child would close its standard input, and with it the worker's hold on this process.
    let _lifeline = child.stdin.take();
    tokio::select! {
        ended = child.wait() => return describe(ended),
        () = shutdown.cancelled() => {}
    }
    if let Some(pid) = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()))
        && let Err(error) = kill_process(pid, Signal::TERM)
    {
        tracing::warn!(%error, "the worker could not be asked to end");
    }
    match timeout(PATIENCE, child.wait()).await {
        Ok(ended) => describe(ended),
        Err(_) => {
            drop(child.kill().await);
            format!("its worker did not end within {} seconds of being asked to", PATIENCE.as_secs())
        }
    }
}

fn describe(ended: std::io::Result<ExitStatus>) -> String {
    match ended {
        Ok(status) => format!("its worker ended with {status}"),
        Err(error) => format!("its worker was lost sight of: {error}"),
    }
}
