//! The picture to start from, where it is the result of another job.

use impasto_jobs::{BlobError, BlobKey, JobId, Scope};
use impasto_recipe::OptionError;

use crate::{
    app::App,
    caller::Caller,
    problem::{Kind, Problem},
    quota::Tally,
};

/// The field that names the job to go on from.
pub(crate) const INITIAL_JOB: &str = "initial_job";

/// Copies the result of the job `from` for the job `to`, which loses nothing when the other is deleted. It counts as an upload does:
/// it takes as much of the disk.
pub(crate) async fn copy_result(
    app: &App,
    caller: &Caller,
    tally: &Tally,
    from: JobId,
    to: JobId,
) -> Result<BlobKey, Problem> {
    if !caller.may(Scope::Read) {
        let why = format!("to go on from a job takes a key with the scope {} as well: leave it out", Scope::Read);
        return Err(Problem::new(Kind::NotAllowed, why).in_field(INITIAL_JOB));
    }
    let refuse = |why: String| Problem::from(OptionError::new(INITIAL_JOB, why));
    let gone = || refuse(format!("there is no job {from}: it never was, or it was deleted"));
    let job = app.jobs.find(from, &caller.sight()).await?.ok_or_else(gone)?;
    // Where there are 16 bits, nothing is lost by going on from them.
    let Some(result) = job.result_16.or(job.result) else {
        return Err(refuse(format!("the job {from} is {}: name one that has succeeded", job.status)));
    };
    let own = BlobKey::initial(to);
    let unreadable = |error| match error {
        BlobError::NotFound(_) => gone(),
        error => error.into(),
    };
    tally.count_at_once(app.blobs.size(&result).await.map_err(unreadable)?).await?;
    app.blobs.copy(&result, &own).await.map_err(unreadable)?;
    Ok(own)
}
