//! What the API does with jobs that there are.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use impasto_recipe::Position;

use crate::{CancelError, Job, JobId, JobPage, JobQuery, Losses, Sight, Stamp, Status, StoreError};

/// What the API does with jobs that there are: look, cancel, delete.
#[async_trait]
pub trait Jobs {
    /// The job `id`, or `None` if there is none that `sight` sees.
    ///
    /// # Errors
    /// When the database fails.
    async fn find(&self, id: JobId, sight: &Sight) -> Result<Option<Job>, StoreError>;

    /// The stamps of those of the jobs `ids` that there are. It is cheap to ask, and for many at once hardly dearer.
    ///
    /// # Errors
    /// When the database fails.
    async fn stamps(&self, ids: &[JobId]) -> Result<HashMap<JobId, Stamp>, StoreError>;

    /// The losses of the job `id` that come strictly after `after`, or `None` if there is no such job that `sight`
    /// sees.
    ///
    /// # Errors
    /// When the database fails.
    async fn losses(&self, id: JobId, sight: &Sight, after: Position) -> Result<Option<Losses>, StoreError>;

    /// A page of the list of the jobs that `sight` sees.
    ///
    /// # Errors
    /// When the database fails.
    async fn list(&self, query: &JobQuery, sight: &Sight) -> Result<JobPage, StoreError>;

    /// Asks for the job `id` to stop: a queued one is canceled at once, a running one when its worker hears of it. To
    /// ask again changes nothing.
    ///
    /// # Errors
    /// [`CancelError::NotFound`], [`CancelError::Finished`], or when the database fails.
    async fn request_cancel(&self, id: JobId, sight: &Sight) -> Result<Job, CancelError>;

    /// Forgets the job `id`; returns whether there was one. The worker of a running one finds its claim lost at its next
    /// write. Its blobs are the caller's to delete, afterwards.
    ///
    /// # Errors
    /// When the database fails.
    async fn delete(&self, id: JobId, sight: &Sight) -> Result<bool, StoreError>;

    /// How many jobs are in each status; every status is named.
    ///
    /// # Errors
    /// When the database fails.
    async fn counts(&self) -> Result<Vec<(Status, u64)>, StoreError>;

    /// How long ago the job was submitted that has waited longest; `None` where none waits.
    ///
    /// # Errors
    /// When the database fails.
    async fn longest_wait(&self) -> Result<Option<Duration>, StoreError>;
}
