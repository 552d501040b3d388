//! `impasto worker`: one worker, in a process of its own.

use anyhow::Context;
use impasto_engine::DeviceName;
use impasto_jobs::WorkerName;
use impasto_weights::Store;
use impasto_worker::Worker;
use tokio::io::AsyncReadExt;
use tokio_util::sync::CancellationToken;

use crate::{cli::WorkerArguments, configuration, logging, serve::open_stores, signals};

pub fn run(arguments: &WorkerArguments) -> anyhow::Result<()> {
    let configuration = configuration::load(&arguments.configuration, &[])?;
    logging::start(&configuration.log)?;
    let device = arguments.device.resolve();
    if device == DeviceName::Cpu {
        // Threads inherit it, so it comes before there are any.
        if let Err(error) = rustix::process::setpriority_process(None, configuration.workers.niceness) {
            tracing::warn!(%error, niceness = configuration.workers.niceness, "the niceness could not be set");
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let outcome: anyhow::Result<()> = runtime.block_on(async {
        let shutdown = signals::shutdown_token()?;
        if arguments.supervised {
            end_with_standard_input(shutdown.clone());
        }
        let (jobs, blobs) = open_stores(&configuration).await?;
        let worker = Worker {
            name: arguments.name.clone().map_or_else(|| worker_name(&device.to_string()), WorkerName),
            jobs,
            blobs,
            weights: Store::new(configuration.weights.clone()),
            device,
            settings: configuration.workers.clone(),
        };
        Ok(worker.run(shutdown).await?)
    });
    // A thread that hangs on a device, or on a terminal, must not keep the process.
    runtime.shutdown_background();
    outcome
}

/// The supervisor's end is a reason to end in good order.
fn end_with_standard_input(shutdown: CancellationToken) {
    tokio::spawn(async move {
        let mut rest = Vec::new();
        drop(tokio::io::stdin().read_to_end(&mut rest).await);
        tracing::info!("the supervisor is gone");
        shutdown.cancel();
    });
}

/// A name that no other worker has, on this machine or another, at this time.
pub fn worker_name(what: &str) -> WorkerName {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    WorkerName(format!("{host}/{}/{what}", std::process::id()))
}
