//! Blobs that no job names yet.

use impasto_jobs::JobId;

use crate::app::Shared;

/// The blobs of a job that is not submitted yet. Dropped, as by a client that goes away, it deletes them in the
/// background.
#[derive(Debug)]
pub(crate) struct PendingBlobs {
    app: Shared,
    job: JobId,
    settled: bool,
}

impl PendingBlobs {
    pub fn new(app: Shared, job: JobId) -> Self {
        Self { app, job, settled: false }
    }

    /// A job names them now, or may.
    pub fn keep(mut self) {
        self.settled = true;
    }

    /// Deletes them.
    pub async fn discard(mut self) {
        delete(&self.app, self.job).await;
        self.settled = true;
    }
}

impl Drop for PendingBlobs {
    fn drop(&mut self) {
        if !self.settled {
            let (app, job) = (self.app.clone(), self.job);
            self.app.background.spawn(async move { delete(&app, job).await });
        }
    }
}

/// A failure is no problem of the client's, and the sweep finds what is left.
async fn delete(app: &Shared, job: JobId) {
    if let Err(error) = app.blobs.delete_job(job).await {
        tracing::warn!(%job, "the uploads of a refused job stay for now: {error}");
    }
}
