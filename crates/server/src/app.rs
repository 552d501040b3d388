//! The service as a whole: what it is made of, how it starts and how it stops.

use std::{io, sync::Arc, time::Duration};

use impasto_jobs::{BlobStore, Job, JobId, JobStore, Sight};
use impasto_metrics::Metrics;
use impasto_recipe::{Precision, vgg::Architecture};
use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use utoipa::ToSchema;

use crate::{
    LimitSettings, Settings, WebhookSettings,
    bounds::Bounds,
    exposition::Exposition,
    keyring::Keyring,
    layers,
    new_losses::NewLosses,
    pace::Patience,
    peer::TrustedProxies,
    problem::Problem,
    public_path::{self, PublicPath},
    quota::Quotas,
    readiness::Readiness,
    rendered::RenderedJobs,
    routes,
    serving::{self, Serving},
    turns::Turns,
    watcher::{self, Watcher},
    webhooks::{self, Webhooks},
};

/// A network that jobs may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Backbone)]
pub struct BackboneInfo {
    /// The name that the option `backbone` takes.
    pub name: String,
    /// Whether `auto` means this one.
    pub default: bool,
    /// Whether jobs may ask for it: its weights are at hand, or will be fetched when they are needed, or it is not known here
    /// what the workers have.
    pub available: bool,
    /// Where its weights are from, in words; null where they are not at hand.
    #[schema(required)]
    pub source: Option<String>,
    /// The SHA-256 of its weights, in hexadecimal; null where it is not known.
    #[schema(required)]
    pub weights: Option<String>,
}

/// What the API serves.
#[derive(Debug)]
pub struct Service {
    /// Where jobs are submitted and looked up.
    pub jobs: Arc<dyn JobStore>,
    /// Where their pictures are.
    pub blobs: BlobStore,
    /// Whether pictures that the store can hand out itself are fetched there.
    pub redirect_results: bool,
    /// What `/v1/backbones` says.
    pub backbones: Vec<BackboneInfo>,
    /// The number formats that its workers' devices compute in, besides `auto`; none where they are not known, and then any may
    /// be asked for.
    pub precisions: Vec<Precision>,
    /// What the operator decides.
    pub settings: Settings,
    /// What the operator decides of webhooks.
    pub webhooks: WebhookSettings,
    /// What one client may have.
    pub limits: LimitSettings,
    /// Where it counts what it does.
    pub metrics: Metrics,
}

/// All that the routes share.
#[derive(Debug)]
pub(crate) struct App {
    pub jobs: Arc<dyn JobStore>,
    pub blobs: BlobStore,
    pub redirect_results: bool,
    pub backbones: Vec<BackboneInfo>,
    pub precisions: Vec<Precision>,
    pub settings: Settings,
    pub webhooks: Webhooks,
    pub limits: LimitSettings,
    /// Nobody but those who sit at this machine can get to it.
    pub is_on_loopback: bool,
    pub trusted_proxies: TrustedProxies,
    pub keyring: Keyring,
    pub turns: Turns,
    pub quotas: Quotas,
    /// Where the service is seen from outside, as the operator says.
    pub public_path: PublicPath,
    pub bounds: Bounds,
    pub readiness: Readiness,
    pub watcher: Watcher,
    pub rendered: RenderedJobs,
    pub new_losses: NewLosses,
    pub exposition: Exposition,
    /// Done when the service was told to stop: it is not ready any more.
    pub draining: CancellationToken,
    /// Done when the service closes: long polls end then.
    pub shutdown: CancellationToken,
    /// Work that outlives its request, such as the deletion of what a vanished client had uploaded.
    pub background: TaskTracker,
}

pub(crate) type Shared = Arc<App>;

impl App {
    /// The job `id`, which has to be there, and seen.
    pub async fn find_job(&self, id: JobId, sight: &Sight) -> Result<Job, Problem> {
        self.jobs.find(id, sight).await?.ok_or_else(|| Problem::no_such_job(&id))
    }

    /// What `auto` means; the network that is always there, where nobody has said.
    pub fn default_backbone(&self) -> Architecture {
        let default = self.backbones.iter().find(|backbone| backbone.default);
        default.and_then(|backbone| backbone.name.parse().ok()).unwrap_or(Architecture::Vgg16)
    }
}

/// Serves `service` on `listener` until `shutdown`. From then on it says that it is not ready, and after `drain_seconds` it closes:
/// it takes no further connection, ends long polls at once, and leaves other requests `shutdown_seconds` to come to their end.
///
/// # Errors
/// When a setting cannot be.
pub async fn run(listener: TcpListener, service: Service, shutdown: CancellationToken) -> io::Result<()> {
    let Service { jobs, blobs, redirect_results, backbones, precisions, settings, limits, webhooks, metrics } = service;
    let grace = Duration::from_secs(settings.shutdown_seconds);
    let drain = Duration::from_secs(settings.drain_seconds);
    let closing = CancellationToken::new();
    let exposition = Exposition::of_service(metrics, jobs.clone(), blobs.clone());
    let app = Arc::new(App {
        jobs,
        blobs,
        redirect_results,
        backbones,
        precisions,
        webhooks: Webhooks::new(webhooks)?,
        is_on_loopback: listener.local_addr()?.ip().is_loopback(),
        public_path: PublicPath::read(&settings.public_path)?,
        trusted_proxies: TrustedProxies::read(&settings.trusted_proxies)?,
        keyring: Keyring::default(),
        turns: Turns::of(limits.requests_a_minute),
        quotas: Quotas::default(),
        limits,
        bounds: Bounds::new(&settings),
        readiness: Readiness::default(),
        watcher: Watcher::default(),
        rendered: RenderedJobs::default(),
        new_losses: NewLosses::default(),
        exposition,
        settings,
        draining: shutdown.clone(),
        shutdown: closing.clone(),
        background: TaskTracker::new(),
    });
    let router = layers::wrap(routes::router().split_for_parts().0, &app)?.with_state(app.clone());
    let router = public_path::also_under(app.public_path.clone(), router);
    app.background.spawn(watcher::watch(app.clone()));
    app.background.spawn(webhooks::deliver(app.clone()));

    let serving = Serving {
        router,
        when_full: layers::record(serving::when_full(), &app).with_state(app.clone()),
        most: app.settings.max_connections.get(),
        patience: Patience::of(&app.settings),
        trusted: app.trusted_proxies.clone(),
    };
    let serving = serving::serve(listener, serving, &app.shutdown);
    let out_of_time = async {
        shutdown.cancelled().await;
        tokio::time::sleep(drain).await;
        closing.cancel();
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        () = serving => {}
        () = out_of_time => tracing::warn!("leaving requests that were still open {grace:?} after the service closed"),
    }
    app.background.close();
    if timeout(grace, app.background.wait()).await.is_err() {
        tracing::warn!("leaving background work undone {grace:?} after the last request");
    }
    Ok(())
}
