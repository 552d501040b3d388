//! `impasto serve`: the API, and a supervised worker process for each device.

use std::{io::Write, time::Duration};

use anyhow::Context;
use impasto_jobs::{BlobStore, JobStore, sweep};
use impasto_server::Service;
use tokio::{net::TcpListener, runtime::Runtime, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    cli::{Role, ServeArguments},
    configuration::{self, Configuration},
    logging, signals,
    supervisor::Supervisor,
    weights,
};

/// Blobs that nobody names are litter once they are older than the longest upload.
const LITTER_AGE: Duration = Duration::from_secs(3600);
/// From one sweep for litter to the next.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

pub fn run(arguments: &ServeArguments) -> anyhow::Result<()> {
    let configuration = configuration::load(&arguments.configuration, &[("server.addr", arguments.addr.clone())])?;
    logging::start(&configuration.log)?;
    Runtime::new().context("the runtime cannot be started")?.block_on(serve(arguments, configuration))
}

async fn serve(arguments: &ServeArguments, configuration: Configuration) -> anyhow::Result<()> {
    let shutdown = signals::shutdown_token()?;
    let (jobs, blobs) = open_stores(&configuration).await?;
    let mut parts = JoinSet::new();
    if arguments.role != Role::Worker {
        let listener = listen(&configuration.server.addr).await?;
        let address = listener.local_addr().context("the listener has no address")?;
        announce(&format!("listening on http://{address}"));
        let service = Service {
            jobs: jobs.clone(),
            blobs: blobs.clone(),
            backbones: weights::backbones(&configuration),
            settings: configuration.server.clone(),
        };
        let until = shutdown.clone();
        parts.spawn(async move { impasto_server::run(listener, service, until).await.context("the API failed") });
        parts.spawn(sweep_now_and_then(jobs.clone(), blobs, shutdown.clone()));
    }
    if arguments.role != Role::Api {
        let supervisor = Supervisor::new(arguments.configuration.clone(), &configuration, jobs)?;
        parts.spawn(supervisor.run(shutdown.clone()));
    }
    while let Some(part) = parts.join_next().await {
        let ended = part.context("a part of the service panicked").and_then(|ended| ended);
        // Whichever part ends first takes the others along, in good order.
        shutdown.cancel();
        ended?;
    }
    Ok(())
}

/// Opens the job store and the blob store, making their folder.
pub async fn open_stores(configuration: &Configuration) -> anyhow::Result<(JobStore, BlobStore)> {
    let store = &configuration.store;
    std::fs::create_dir_all(&store.data)
        .with_context(|| format!("the data folder {} cannot be made", store.data.display()))?;
    let jobs = JobStore::open(&store.database()).await?;
    let blobs = BlobStore::local(&store.blobs())?;
    Ok((jobs, blobs))
}

async fn listen(address: &str) -> anyhow::Result<TcpListener> {
    let listening = TcpListener::bind(address).await;
    listening.with_context(|| format!("cannot listen on {address}: is it in use? (--addr, server.addr)"))
}

/// Prints one line on standard output at once; nobody there to read it is no reason to end.
fn announce(line: &str) {
    let mut out = std::io::stdout();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
    tracing::info!("{line}");
}

async fn sweep_now_and_then(jobs: JobStore, blobs: BlobStore, shutdown: CancellationToken) -> anyhow::Result<()> {
    loop {
        match sweep(&jobs, &blobs, LITTER_AGE).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "deleted blobs that no job names"),
            Err(error) => tracing::warn!(%error, "could not look for blobs that no job names"),
        }
        tokio::select! {
            () = tokio::time::sleep(SWEEP_EVERY) => {}
            () = shutdown.cancelled() => return Ok(()),
        }
    }
}
