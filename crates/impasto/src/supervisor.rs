//! Keeps a worker process alive on every device: starts it, watches it, takes its job back when it ends, starts it again.

use std::{
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use impasto_engine::DeviceName;
use impasto_jobs::{Blame, JobStore, WorkerLocks, WorkerName};
use impasto_metrics::{Metrics, Restart, Seat, WorkerState};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    cli::ConfigurationArguments,
    configuration::Configuration,
    exit::STORAGE_FAILED,
    lifeline::{Cause, LastWords, Listener},
    orphans::{Claimed, Own},
};

/// The pause before a worker that ended is started again; it doubles as long as they die young.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A worker that lived for so long did not die young.
const GROWN_UP: Duration = Duration::from_secs(60);
/// What a worker that was asked to end may take at the least, to write its checkpoint; the epoch under way comes on top.
const PATIENCE: Duration = Duration::from_secs(60);
/// From one look whether the worker is still heard of to the next.
const LISTEN_EVERY: Duration = Duration::from_millis(250);

/// Starts and watches one worker process per device.
pub struct Supervisor {
    program: PathBuf,
    arguments: ConfigurationArguments,
    devices: Vec<DeviceName>,
    jobs: Arc<dyn JobStore>,
    locks: WorkerLocks,
    lease: Duration,
    most_crashes: u32,
    metrics: Metrics,
    own: Own,
}

/// How a worker ended.
struct Ended {
    why: String,
    blame: Blame,
    /// What it counts as.
    reason: Restart,
}

impl Supervisor {
    /// A supervisor of the workers that the configuration asks for.
    pub fn new(
        arguments: ConfigurationArguments,
        configuration: &Configuration,
        jobs: Arc<dyn JobStore>,
        metrics: Metrics,
        own: Own,
    ) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("the path of this program is unknown")?;
        let workers = &configuration.workers;
        let devices = workers.devices.names();
        anyhow::ensure!(!devices.is_empty(), "workers.devices names no device: name one, or run --role api");
        let (locks, lease) = (configuration.store.worker_locks(), workers.lease());
        Ok(Self { program, arguments, devices, jobs, locks, lease, most_crashes: workers.most_crashes, metrics, own })
    }

    /// Keeps the workers alive until `shutdown`, and then waits for all of them to hand back their jobs.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let supervisor = Arc::new(self);
        let mut watches = JoinSet::new();
        for (place, &device) in supervisor.devices.iter().enumerate() {
            let (supervisor, shutdown) = (supervisor.clone(), shutdown.clone());
            watches.spawn(async move { supervisor.watch(place, device, shutdown).await });
        }
        let mut outcome = Ok(());
        while let Some(watch) = watches.join_next().await {
            if watch.is_err() {
                // The other workers are asked to end, and waited for, all the same.
                shutdown.cancel();
                outcome = watch.context("the watch over a worker panicked");
            }
        }
        outcome
    }

    async fn watch(&self, place: usize, device: DeviceName, shutdown: CancellationToken) {
        let mut pause = FIRST_PAUSE;
        let mut seat = Seat::on(device.to_string(), self.metrics.clone());
        loop {
            seat.set(WorkerState::Starting);
            let name = WorkerName::unique(&format!("{device}.{place}"));
            // Held until its job is taken back for the reason that is known here alone.
            let lock = self.locks.hold(&name);
            if let Err(error) = &lock {
                tracing::warn!(%error, "the worker's lock cannot be held: its lease alone will tell of its death");
            }
            let born = Instant::now();
            let ended = match self.start(&name, device) {
                Ok((child, _claimed)) => self.see_out(child, &mut seat, &shutdown).await,
                Err(error) => Ended {
                    why: format!("its worker could not be started: {error:#}"),
                    blame: Blame::Nobody,
                    reason: Restart::NotStarted,
                },
            };
            self.take_back(&name, &ended, &shutdown).await;
            if shutdown.is_cancelled() {
                return;
            }
            seat.vacate(ended.reason);
            if born.elapsed() >= GROWN_UP {
                pause = FIRST_PAUSE;
            }
            tracing::error!(worker = %name, why = ended.why, restart_in = ?pause, "a worker ended");
            drop(lock);
            if shutdown.run_until_cancelled(sleep(pause)).await.is_none() {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn start(&self, name: &WorkerName, device: DeviceName) -> anyhow::Result<(Child, Claimed)> {
        let mut command = Command::new(&self.program);
        command.args(["worker", "--supervised", "--device", &device.to_string(), "--name", &name.0]);
        if let Some(file) = &self.arguments.config {
            command.arg("--config").arg(file);
        }
        if let Some(data) = &self.arguments.data {
            command.arg("--data").arg(data);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let started = self.own.start(&mut command);
        let (child, claimed) = started.with_context(|| format!("{} cannot be run", self.program.display()))?;
        tracing::info!(worker = %name, pid = child.id(), "started a worker");
        Ok((child, claimed))
    }

    /// Waits for the worker to end. Asks it to once `shutdown` comes, and kills it when it falls silent.
    async fn see_out(&self, mut child: Child, seat: &mut Seat, shutdown: &CancellationToken) -> Ended {
        // Waiting for a child would close its standard input, and with it the worker's hold on this process.
        let _lifeline = child.stdin.take();
        let mut listener = Listener::new(child.stdout.take(), self.metrics.clone());
        let mut silence = Silence::new(self.lease);
        let mut looks = interval(LISTEN_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                ended = child.wait() => return self.describe(ended, listener).await,
                () = listener.listen() => if listener.is_ready() {
                    seat.set(WorkerState::Up);
                },
                _ = looks.tick() => if silence.is_too_long(listener.heard()) {
                    drop(child.kill().await);
                    let why = format!("its worker hung: it was not heard of for {:?}, and was killed", silence.limit());
                    return Ended { why, blame: self.blame_job(), reason: Restart::Hung };
                },
                () = shutdown.cancelled() => break,
            }
        }
        self.ask_to_end(child, listener).await
    }

    async fn ask_to_end(&self, mut child: Child, listener: Listener) -> Ended {
        if let Some(pid) = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()))
            && let Err(error) = kill_process(pid, Signal::TERM)
        {
            tracing::warn!(%error, "the worker could not be asked to end");
        }
        let patience = PATIENCE + 2 * listener.epoch_length();
        match timeout(patience, child.wait()).await {
            Ok(ended) => self.describe(ended, listener).await,
            Err(_) => {
                drop(child.kill().await);
                let why = format!("its worker did not end within {} seconds of being asked to", patience.as_secs());
                Ended { why, blame: Blame::Nobody, reason: Restart::Hung }
            }
        }
    }

    async fn describe(&self, ended: std::io::Result<ExitStatus>, listener: Listener) -> Ended {
        let status = match ended {
            Ok(status) => status,
            Err(error) => {
                let why = format!("its worker was lost sight of: {error}");
                return Ended { why, blame: Blame::Nobody, reason: Restart::LostSight };
            }
        };
        let last_words = listener.last_words().await;
        let reason = reason_of(status, last_words.as_ref());
        let why = match last_words {
            Some(LastWords { why, .. }) => format!("its worker ended with {status}: {why}"),
            None => format!("its worker ended with {status}"),
        };
        let blame = if status.code() == Some(STORAGE_FAILED.into()) { Blame::Nobody } else { self.blame_job() };
        Ended { why, blame, reason }
    }

    fn blame_job(&self) -> Blame {
        Blame::Job { most_crashes: self.most_crashes }
    }

    /// Takes the worker's job back, however long the store fails; a service that is to end leaves it to the next start.
    async fn take_back(&self, name: &WorkerName, ended: &Ended, shutdown: &CancellationToken) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.jobs.take_back_from(name, &ended.why, ended.blame).await {
                Ok(0) => return,
                Ok(jobs) => {
                    return tracing::warn!(worker = %name, jobs, why = ended.why, "took back the job of a worker");
                }
                Err(error) => tracing::error!(worker = %name, %error, "could not take back the job of a worker"),
            }
            if shutdown.run_until_cancelled(sleep(pause)).await.is_none() {
                return;
            }
            // Sooner than anybody takes the worker for silent, and the job for the cause.
            pause = (pause * 2).min(self.lease / 4);
        }
    }
}

/// What the end counts as: what the worker said goes before what the system knows.
fn reason_of(status: ExitStatus, last_words: Option<&LastWords>) -> Restart {
    match last_words.map(|words| words.cause) {
        Some(Cause::Stalled) => return Restart::Stalled,
        Some(Cause::DeviceLost) => return Restart::DeviceLost,
        Some(Cause::Storage) => return Restart::Storage,
        Some(Cause::Other) | None => {}
    }
    match status.signal().and_then(Signal::from_named_raw) {
        Some(Signal::KILL) => Restart::Sigkill,
        Some(Signal::SEGV) => Restart::Sigsegv,
        Some(Signal::ABORT) => Restart::Sigabrt,
        Some(_) => Restart::Signal,
        None if status.signal().is_some() => Restart::Signal,
        None if status.success() => Restart::Ended,
        None => Restart::Crashed,
    }
}

/// For how long a worker was not heard of. Only the looks at it count: a pause of the whole machine stops both.
struct Silence {
    looks: u32,
    most_looks: u32,
    heard: Option<Instant>,
}

impl Silence {
    /// It is too long after two leases: by then the worker has surely lost its job.
    fn new(lease: Duration) -> Self {
        let most_looks = (2 * lease).div_duration_f64(LISTEN_EVERY).ceil() as u32;
        Self { looks: 0, most_looks, heard: None }
    }

    fn limit(&self) -> Duration {
        LISTEN_EVERY * self.most_looks
    }

    fn is_too_long(&mut self, heard: Instant) -> bool {
        self.looks = if self.heard.replace(heard) == Some(heard) { self.looks + 1 } else { 0 };
        self.looks > self.most_looks
    }
}
