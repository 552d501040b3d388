//! The losses that a job has told since some place in it, fetched once for all who have heard as much.

use std::sync::Arc;

use impasto_jobs::{JobId, Sight};
use impasto_recipe::{Position, ProgressEntry};
use quick_cache::{Weighter, sync::Cache};

use crate::{app::App, problem::Problem, view::LossesView};

/// Bytes of JSON that are kept.
const MOST_BYTES: u64 = 4 << 20;
/// Places in jobs that these are likely to be after.
const LIKELY_PLACES: usize = 1000;

/// Losses that somebody has not heard of.
#[derive(Debug)]
pub(crate) struct Tail {
    pub json: String,
    /// Where the last of them is; `None` if there are none.
    pub last: Option<Position>,
}

/// A job at a revision, and a place in it.
type Since = (JobId, u64, Position);

/// Those that were asked for last.
#[derive(Debug)]
pub(crate) struct NewLosses(Cache<Since, Arc<Tail>, Texts>);

#[derive(Debug, Clone)]
struct Texts;

impl Weighter<Since, Arc<Tail>> for Texts {
    fn weight(&self, _: &Since, tail: &Arc<Tail>) -> u64 {
        tail.json.len() as u64
    }
}

impl Default for NewLosses {
    fn default() -> Self {
        Self(Cache::with_weighter(LIKELY_PLACES, MOST_BYTES, Texts))
    }
}

/// The losses of the job `id`, which has got to `revision`, that come after `place`.
pub(crate) async fn after(app: &App, id: JobId, revision: u64, place: Position) -> Result<Arc<Tail>, Problem> {
    match app.new_losses.0.get_value_or_guard_async(&(id, revision, place)).await {
        Ok(tail) => Ok(tail),
        Err(guard) => {
            let found = app.jobs.losses(id, &Sight::All, place).await?.ok_or_else(|| Problem::no_such_job(&id))?;
            let last = found.entries.last().map(ProgressEntry::position);
            let json = serde_json::to_string(&LossesView { losses: found.entries });
            let tail = Arc::new(Tail { json: json.map_err(|error| Problem::internal(&error))?, last });
            // More may have come since the revision was told. Then it is not what the next one is to hear of it.
            if found.revision == revision {
                // Whoever holds the guard is alone; it refuses only what was removed meanwhile.
                drop(guard.insert(tail.clone()));
            }
            Ok(tail)
        }
    }
}
