//! The picture to start from, where it is the result of another job.

use impasto_jobs::{BlobError, BlobKey, JobId};
use impasto_recipe::OptionError;

use crate::{app::App, caller::Caller, problem::Problem};

/// The field that names the job to go on from.
pub(crate) const INITIAL_JOB: &str = "initial_job";

/// Copies the result of the job `from` for the job `to`, which loses nothing when the other is deleted.
pub(crate) async fn copy_result(app: &App, caller: &Caller, from: JobId, to: JobId) -> Result<BlobKey, Problem> {
    let refuse = |why: String| Problem::from(OptionError::new(INITIAL_JOB, why));
    let gone = || refuse(format!("there is no job {from}: it never was, or it was deleted"));
    let job = app.jobs.find(from, &caller.sight()).await?.ok_or_else(gone)?;
    // Where there are 16 bits, nothing is lost by going on from them.
    let Some(result) = job.result_16.or(job.result) else {
        return Err(refuse(format!("the job {from} is {}: name one that has succeeded", job.status)));
    };
    let own = BlobKey::initial(to);
    match app.blobs.copy(&result, &own).await {
        Ok(()) => Ok(own),
        Err(BlobError::NotFound(_)) => Err(gone()),
        Err(error) => Err(error.into()),
    }
}
