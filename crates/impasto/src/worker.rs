//! `impasto worker`: one worker, in a process of its own.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context;
use impasto_engine::DeviceName;
use impasto_jobs::{LeaseWatch, WorkerName};
use impasto_metrics::Metrics;
use impasto_server::{Exposition, run_metrics};
use impasto_weights::Store;
use impasto_worker::{Pulse, Worker, WorkerError};
use tokio::runtime::Runtime;

use crate::{
    cli::WorkerArguments,
    configuration::{self, Configuration},
    exit::STORAGE_FAILED,
    lifeline::{self, Cause},
    logging, measuring,
    orphans::Own,
    serve::{listen_for_metrics, open_stores},
    signals::Signals,
};

pub fn run(arguments: &WorkerArguments) -> anyhow::Result<ExitCode> {
    let configuration = configuration::load(&arguments.configuration, &[])?;
    logging::start(&configuration.log)?;
    let device = arguments.device.resolve();
    if device == DeviceName::Cpu {
        // Threads inherit it, so it comes before there are any.
        if let Err(error) = rustix::process::setpriority_process(None, configuration.workers.niceness) {
            tracing::warn!(%error, niceness = configuration.workers.niceness, "the niceness could not be set");
        }
    }
    let runtime = runtime()?;
    let worked = runtime.block_on(async {
        let signals = Signals::listen()?;
        Own::default().reap_others();
        tokio::select! {
            worked = work(arguments, &configuration, device, &signals) => worked,
            // A terminal or an init system signals the whole group, and then the supervisor does: that is one wish, not two.
            () = signals.at_once.cancelled(), if !arguments.supervised => anyhow::bail!("ended at once by a second signal"),
        }
    });
    // A thread that hangs on a device, or on a terminal, must not keep the process.
    runtime.shutdown_background();
    let Err(error) = worked else { return Ok(ExitCode::SUCCESS) };
    if arguments.supervised {
        lifeline::say_last_words(&format!("{error:#}"), cause_of(&error));
    }
    match error.downcast_ref() {
        Some(WorkerError::Storage(_)) => {
            eprintln!("impasto: {error:#}");
            Ok(ExitCode::from(STORAGE_FAILED))
        }
        _ => Err(error),
    }
}

fn cause_of(error: &anyhow::Error) -> Cause {
    match error.downcast_ref() {
        Some(WorkerError::Storage(_)) => Cause::Storage,
        Some(WorkerError::DeviceLost(_)) => Cause::DeviceLost,
        Some(WorkerError::EngineDied | WorkerError::Thread(_)) | None => Cause::Other,
    }
}

fn runtime() -> anyhow::Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.context("the runtime cannot be started")
}

async fn work(
    arguments: &WorkerArguments,
    configuration: &Configuration,
    device: DeviceName,
    signals: &Signals,
) -> anyhow::Result<()> {
    let (settings, pulse) = (configuration.workers.clone(), Arc::<Pulse>::default());
    let supervised = arguments.supervised;
    if supervised {
        tokio::spawn(lifeline::end_with_supervisor(signals.shutdown.clone()));
        tokio::spawn(lifeline::keep_saying_alive(pulse.clone(), settings.lease() / 4));
    } else {
        // A supervisor tells what its workers measure; one without tells it itself.
        let metrics = Metrics::new(env!("CARGO_PKG_VERSION"))?;
        tokio::spawn(measuring::keep_recording(pulse.clone(), metrics.clone()));
        if let Some(listener) = listen_for_metrics(configuration).await? {
            tokio::spawn(run_metrics(listener, Exposition::of_workers(metrics), signals.shutdown.clone()));
        }
    }
    let Some(opened) = signals.shutdown.run_until_cancelled(open_stores(configuration)).await else { return Ok(()) };
    let (jobs, blobs) = opened?;
    let name = arguments.name.clone().map_or_else(|| WorkerName::unique(&device.to_string()), WorkerName);
    let locks = configuration.store.worker_locks();
    let _lock = locks.hold(&name).inspect_err(|error| tracing::warn!(%error, "the worker's lock cannot be held"));
    if !supervised && !configuration.store.job_place().is_shared() {
        let watch = LeaseWatch::new(jobs.clone(), locks, settings.most_crashes);
        tokio::spawn(watch.run(signals.shutdown.clone()));
    }
    let worker = Worker {
        name,
        jobs,
        blobs,
        weights: Store::new(configuration.weights.clone()),
        device,
        settings,
        pulse: pulse.clone(),
        last_words: Arc::new(move |why| {
            tracing::error!("{why}");
            if supervised {
                lifeline::say_last_words(why, Cause::Stalled);
            }
        }),
    };
    let worked = worker.run(signals.shutdown.clone()).await;
    if supervised {
        lifeline::say_alive(&pulse);
    }
    Ok(worked?)
}
