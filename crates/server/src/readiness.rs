//! Whether the service could take a job now: it writes where a submission would, and looks at a store elsewhere.

use std::time::Duration;

use bytes::Bytes;
use impasto_jobs::{BlobKey, JobId};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::{
    app::Shared,
    pending::PendingBlobs,
    problem::{Kind, Problem},
};

/// For how long an answer is told again: however many ask, the disk is written once a second.
const FRESH: Duration = Duration::from_secs(1);
/// How long the stores may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// A blob that takes some room, as a picture does.
const PROBE: [u8; 16 << 10] = [0; 16 << 10];

/// The latest answer, shared by all who ask.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Mutex<Option<(Instant, Result<(), Problem>)>>);

impl Readiness {
    /// Whether a job could be taken, as it was within the last second.
    pub async fn ask(&self, app: &Shared) -> Result<(), Problem> {
        let mut latest = self.0.lock().await;
        if let Some((asked, answer)) = &*latest
            && asked.elapsed() < FRESH
        {
            return answer.clone();
        }
        let answer = timeout(PATIENCE, write(app)).await.unwrap_or_else(|_| {
            let why = format!("the stores did not answer within {} seconds", PATIENCE.as_secs());
            Err(Problem::new(Kind::Unavailable, why).retry_after(PATIENCE.as_secs()))
        });
        *latest = Some((Instant::now(), answer.clone()));
        answer
    }
}

async fn write(app: &Shared) -> Result<(), Problem> {
    app.jobs.probe().await?;
    if app.blobs.is_elsewhere() {
        // What is written there is charged for, and is never full.
        return Ok(app.blobs.look().await?);
    }
    let probe = JobId::new();
    let written = PendingBlobs::new(app.clone(), probe);
    app.blobs.put(&BlobKey::content(probe), Bytes::from_static(&PROBE)).await?;
    written.discard().await;
    Ok(())
}
