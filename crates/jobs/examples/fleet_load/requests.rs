//! What is asked, made of nothing.

use std::time::Duration;

use impasto_jobs::{BlobKey, Claim, ClaimKey, JobId, NewJob, QueueLimits, Terms, WorkerName};
use impasto_recipe::{Fingerprint, Inputs, Limits, Options, ProgressEntry, Size};

use crate::Store;

pub const LEASE: Duration = Duration::from_secs(15);
const NO_LIMIT: QueueLimits = QueueLimits { all: u64::MAX, own: u64::MAX };

pub async fn submit(store: &Store) -> JobId {
    let id = JobId::new();
    let options = Options::default().resolve(&Inputs::new(Size::new(300, 200), 1), &Limits::default());
    let job = NewJob {
        id,
        recipe: options.expect("it is a recipe"),
        content: BlobKey::content(id),
        styles: vec![BlobKey::style(id, 1)],
        masks: Vec::new(),
        style_masks: Vec::new(),
        initial: None,
        notices: Vec::new(),
        terms: Terms::default(),
    };
    store.submit(job, &NO_LIMIT).await.expect("it is taken in").into_job().id
}

pub async fn claim(store: &Store) -> Option<Claim> {
    store.claim(&WorkerName::unique("load"), LEASE).await.expect("it looks")
}

/// So many jobs in the hands of workers.
pub async fn running(store: &Store, count: usize) -> Vec<ClaimKey> {
    let mut claims = Vec::new();
    while claims.len() < count {
        match claim(store).await {
            Some(claim) => claims.push(claim.key),
            None => drop(submit(store).await),
        }
    }
    claims
}

pub fn entry(epoch: u32) -> ProgressEntry {
    let loss = 1.0 / f64::from(epoch + 1);
    ProgressEntry {
        stage: 1,
        epoch,
        content: loss,
        style: loss,
        tv: loss,
        total: 3.0 * loss,
        learning_rate: 0.01,
        seconds_per_epoch: 0.1,
    }
}

pub fn fingerprint() -> Fingerprint {
    let text = str::to_owned;
    Fingerprint {
        backbone: text("vgg16"),
        weights: text("c0ffee"),
        device: text("cpu"),
        precision: text("f32"),
        kernels: text("none"),
    }
}
