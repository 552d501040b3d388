//! `impasto serve`: the API, and a supervised worker process for each device.

use std::{io::Write, sync::Arc, time::Duration};

use anyhow::Context;
use impasto_jobs::{BlobStore, FirstLook, JobStore, LeaseWatch, StoreError, Sweeper, Swept, no_longer_a_copy};
use impasto_metrics::Metrics;
use impasto_recipe::Precision;
use impasto_server::{Exposition, Service, run_metrics};
use tokio::{net::TcpListener, runtime::Runtime, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    cli::{Role, ServeArguments},
    configuration::{self, Configuration},
    exposure, logging, open_files,
    orphans::Own,
    signals::Signals,
    supervisor::Supervisor,
    weights,
};

/// What a request may take from the last byte of its upload to its job's row, what it waits for its turn not counted.
const FROM_UPLOAD_TO_JOB: u64 = 600;
/// From one fold of what was measured to the next.
const FOLD_EVERY: Duration = Duration::from_secs(5);
/// What a store elsewhere may take to answer before the service starts without.
const FIRST_LOOK: Duration = Duration::from_secs(10);
/// From one try to reach the job database to the next; it doubles up to the second.
const AWAY: Duration = Duration::from_secs(1);
const LONGEST_AWAY: Duration = Duration::from_secs(15);
/// From one sweep to the next.
const SWEEP_EVERY: Duration = Duration::from_secs(300);

pub fn run(arguments: &ServeArguments) -> anyhow::Result<()> {
    let configuration = configuration::load(&arguments.configuration, &[("server.addr", arguments.addr.clone())])?;
    logging::start(&configuration.log)?;
    let runtime = Runtime::new().context("the runtime cannot be started")?;
    let served = runtime.block_on(serve(arguments, configuration));
    // Whoever was asked to end at once does not wait for what is still read or written.
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

async fn serve(arguments: &ServeArguments, configuration: Configuration) -> anyhow::Result<()> {
    let Signals { shutdown, at_once } = Signals::listen()?;
    let own = Own::default();
    own.reap_others();
    let Some(opened) = shutdown.run_until_cancelled(open_stores(&configuration)).await else { return Ok(()) };
    let (jobs, blobs) = opened?;
    look_at(&blobs, &configuration).await?;
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"))?;
    let supervisor = match arguments.role {
        Role::Api => None,
        _ => {
            let arguments = arguments.configuration.clone();
            Some(Supervisor::new(arguments, &configuration, jobs.clone(), metrics.clone(), own)?)
        }
    };
    let mut parts = JoinSet::new();
    if let Some(listener) = listen_for_metrics(&configuration).await? {
        let exposition = match arguments.role {
            Role::Worker => Exposition::of_workers(metrics.clone()),
            Role::All | Role::Api => Exposition::of_service(metrics.clone(), jobs.clone(), blobs.clone()),
        };
        let until = shutdown.clone();
        parts.spawn(async move {
            run_metrics(listener, exposition, until).await;
            Ok(())
        });
    }
    parts.spawn(folding(metrics.clone(), shutdown.clone()));
    if arguments.role != Role::Worker {
        let listener = listen(&configuration.server.addr).await?;
        let address = listener.local_addr().context("the listener has no address")?;
        exposure::check(&configuration.server, address.ip(), jobs.as_ref()).await?;
        let settings = open_files::leave_room(configuration.server.clone());
        announce(&format!("listening on http://{address}"));
        let service = Service {
            jobs: jobs.clone(),
            blobs: blobs.clone(),
            redirect_results: configuration.store.redirect_results,
            backbones: weights::backbones(&configuration, arguments.role),
            precisions: precisions_of(&configuration, arguments.role),
            webhooks: configuration.webhooks.clone(),
            settings,
            limits: configuration.limits,
            metrics,
        };
        let until = shutdown.clone();
        parts.spawn(async move { impasto_server::run(listener, service, until).await.context("the API failed") });
        parts.spawn(sweep_now_and_then(sweeper(&configuration, jobs.clone(), blobs), shutdown.clone()));
    }
    // Of a fleet, the replicas of the API do: a thousand machines that each look at the leases of all would be a load.
    if arguments.role != Role::Worker || !configuration.store.job_place().is_shared() {
        let watch = LeaseWatch::new(jobs, configuration.store.worker_locks(), configuration.workers.most_crashes);
        parts.spawn(watching(watch, shutdown.clone()));
    }
    if let Some(supervisor) = supervisor {
        parts.spawn(supervisor.run(shutdown.clone()));
    }
    tokio::select! {
        ended = all_ended(&mut parts, &shutdown) => ended,
        () = at_once.cancelled() => {
            // The workers are killed with the watches over them.
            parts.shutdown().await;
            anyhow::bail!("ended at once by a second signal")
        }
    }
}

/// Waits for every part. Whichever ends first takes the others along, in good order.
async fn all_ended(parts: &mut JoinSet<anyhow::Result<()>>, shutdown: &CancellationToken) -> anyhow::Result<()> {
    let mut outcome = Ok(());
    while let Some(part) = parts.join_next().await {
        shutdown.cancel();
        let ended = part.context("a part of the service panicked").and_then(|ended| ended);
        outcome = outcome.and(ended);
    }
    outcome
}

/// Opens the job store and the blob store, making their folder; waits for a job store that is away.
pub async fn open_stores(configuration: &Configuration) -> anyhow::Result<(Arc<dyn JobStore>, BlobStore)> {
    let jobs = wait_for_jobs(configuration).await?;
    if !configuration.store.job_place().is_shared() {
        no_longer_a_copy(&configuration.store.data)?;
    }
    let environment =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let blobs = BlobStore::open(&configuration.store.blobs()?, environment)?;
    Ok((jobs, blobs))
}

/// Ends at once where a bucket cannot be used, whoever waits; one that is away for a moment is waited for by those who need it.
async fn look_at(blobs: &BlobStore, configuration: &Configuration) -> anyhow::Result<()> {
    let place = &configuration.store.blobs;
    match timeout(FIRST_LOOK, blobs.first_look()).await {
        Ok(looked) => match looked.with_context(|| format!("{place} cannot be used (store.blobs)"))? {
            FirstLook::Works => {}
            FirstLook::IgnoresConditions => tracing::warn!(
                "{place} writes over what is there although it is told not to. Nothing depends on it; AWS_CONDITIONAL_PUT=disabled \
                 has every name looked at before it is written"
            ),
            FirstLook::Failed(error) => tracing::warn!(
                "{place} does not work yet: {error}. A store that knows no conditional writes needs AWS_CONDITIONAL_PUT=disabled"
            ),
        },
        Err(_) => tracing::warn!("{place} has not answered within {} seconds", FIRST_LOOK.as_secs()),
    }
    Ok(())
}

/// Opens the job store, for which a process of a fleet waits: all of them start anew after the whole site was without power, and in
/// no order.
async fn wait_for_jobs(configuration: &Configuration) -> anyhow::Result<Arc<dyn JobStore>> {
    let mut pause = AWAY;
    loop {
        let opened = open_jobs(configuration).await;
        let away = opened.as_ref().err().and_then(|error| error.downcast_ref::<StoreError>());
        let Some(error @ StoreError::Away { .. }) = away else { return opened };
        tracing::warn!("{error}; trying again in {} s", pause.as_secs());
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(LONGEST_AWAY);
    }
}

/// Opens the job store, making its folder.
pub async fn open_jobs(configuration: &Configuration) -> anyhow::Result<Arc<dyn JobStore>> {
    let store = &configuration.store;
    std::fs::create_dir_all(&store.data)
        .with_context(|| format!("the data folder {} cannot be made", store.data.display()))?;
    Ok(store.job_place().open().await?)
}

async fn listen(address: &str) -> anyhow::Result<TcpListener> {
    let listening = TcpListener::bind(address).await;
    listening.with_context(|| format!("cannot listen on {address}: is it in use? (--addr, server.addr)"))
}

/// Listens where the metrics are served by themselves, if they are.
pub async fn listen_for_metrics(configuration: &Configuration) -> anyhow::Result<Option<TcpListener>> {
    let address = &configuration.metrics.addr;
    if address.is_empty() {
        return Ok(None);
    }
    let listening = TcpListener::bind(address).await;
    let listener = listening.with_context(|| format!("cannot listen on {address}: is it in use? (metrics.addr)"))?;
    let address = listener.local_addr().context("the listener has no address")?;
    tracing::info!("metrics at http://{address}/metrics");
    Ok(Some(listener))
}

/// Samples are kept until they are folded, which nobody does while nobody asks for them.
async fn folding(metrics: Metrics, shutdown: CancellationToken) -> anyhow::Result<()> {
    while shutdown.run_until_cancelled(tokio::time::sleep(FOLD_EVERY)).await.is_some() {
        metrics.upkeep();
    }
    Ok(())
}

/// Prints one line on standard output at once; nobody there to read it is no reason to end.
fn announce(line: &str) {
    let mut out = std::io::stdout();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
    tracing::info!("{line}");
}

async fn watching(watch: LeaseWatch, shutdown: CancellationToken) -> anyhow::Result<()> {
    watch.run(shutdown).await;
    Ok(())
}

/// What the workers' devices compute in, as far as it is known: those of another process may be any, unless they are named.
fn precisions_of(configuration: &Configuration, role: Role) -> Vec<Precision> {
    let devices = &configuration.workers.devices;
    let devices = if role == Role::Api && devices.is_automatic() { Vec::new() } else { devices.names() };
    let mut known: Vec<Precision> = devices.into_iter().flat_map(impasto_engine::precisions).copied().collect();
    known.sort_unstable_by_key(|precision| precision.name());
    known.dedup();
    known
}

/// A blob that nobody names is litter once it is older than the longest upload.
fn sweeper(configuration: &Configuration, jobs: Arc<dyn JobStore>, blobs: BlobStore) -> Sweeper {
    let server = &configuration.server;
    // The photograph and the picture to start from, and for each style its picture and two masks.
    let pictures = 2 + 3 * server.max_styles.get() as u64;
    let seconds = server.upload_seconds.saturating_add(server.busy_seconds.saturating_mul(pictures));
    let litter_age = Duration::from_secs(seconds.saturating_add(FROM_UPLOAD_TO_JOB));
    Sweeper::new(jobs, blobs, configuration.store.retention(), litter_age)
}

async fn sweep_now_and_then(mut sweeper: Sweeper, shutdown: CancellationToken) -> anyhow::Result<()> {
    loop {
        let Some(swept) = shutdown.run_until_cancelled(sweeper.sweep()).await else { return Ok(()) };
        match swept {
            Ok(Swept { jobs: 0, litter: 0 }) => {}
            Ok(Swept { jobs, litter }) => tracing::info!(jobs, litter, "deleted old jobs, and blobs that no job names"),
            Err(error) => tracing::warn!(%error, "could not sweep the stores"),
        }
        if shutdown.run_until_cancelled(tokio::time::sleep(SWEEP_EVERY)).await.is_none() {
            return Ok(());
        }
    }
}
