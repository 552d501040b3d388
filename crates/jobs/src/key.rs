//! The names of blobs.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ClaimKey, JobId};

/// The name of a blob: `jobs/<job>/…`. The names of what a worker writes hold its attempt number, so that a worker that
/// lost its claim and writes late overwrites nobody's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlobKey(String);

impl BlobKey {
    /// A job's content image.
    pub fn content(job: JobId) -> Self {
        Self(format!("{}/content", folder(job)))
    }

    /// A job's style image number `number`.
    pub fn style(job: JobId, number: usize) -> Self {
        Self(format!("{}/style-{number}", folder(job)))
    }

    /// The mask of a job's result for its style number `number`.
    pub fn mask(job: JobId, number: usize) -> Self {
        Self(format!("{}/mask-{number}", folder(job)))
    }

    /// The mask of a job's style image number `number`.
    pub fn style_mask(job: JobId, number: usize) -> Self {
        Self(format!("{}/style-mask-{number}", folder(job)))
    }

    /// The picture that a job starts from.
    pub fn initial(job: JobId) -> Self {
        Self(format!("{}/initial", folder(job)))
    }

    /// The composite image that `claim` saves as its `number`th.
    pub fn preview(claim: &ClaimKey, number: u64) -> Self {
        Self(format!("{}/preview-{}-{number}", folder(claim.job), claim.attempt))
    }

    /// The checkpoint that `claim` saves as its `number`th.
    pub fn checkpoint(claim: &ClaimKey, number: u64) -> Self {
        Self(format!("{}/checkpoint-{}-{number}", folder(claim.job), claim.attempt))
    }

    /// The finished picture of `claim`.
    pub fn result(claim: &ClaimKey) -> Self {
        Self(format!("{}/result-{}", folder(claim.job), claim.attempt))
    }

    /// The finished picture of `claim` with 16 bits a channel.
    pub fn result_16(claim: &ClaimKey) -> Self {
        Self(format!("{}/result16-{}", folder(claim.job), claim.attempt))
    }

    /// The blob of this name.
    pub(crate) fn named(name: String) -> Self {
        Self(name)
    }

    /// The job whose blob it is, if it is named like one.
    pub(crate) fn job(&self) -> Option<JobId> {
        let (job, _) = self.0.strip_prefix(JOBS)?.strip_prefix('/')?.split_once('/')?;
        job.parse().ok()
    }

    /// The media type of what has this name, where all that has it is of one.
    pub(crate) fn content_type(&self) -> Option<&'static str> {
        let (_, name) = self.0.rsplit_once('/')?;
        let kind = name.split('-').next()?;
        matches!(kind, "result" | "result16" | "preview").then_some("image/png")
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the names of all blobs of all jobs start with.
pub(crate) const JOBS: &str = "jobs";

/// What the names of all blobs of a job start with.
pub(crate) fn folder(job: JobId) -> String {
    format!("{JOBS}/{job}")
}
