//! Long polls.

use std::time::Duration;

use impasto_jobs::JobId;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use crate::{app::App, problem::Problem};

/// Seconds that a request may wait at the most; a longer wait is cut to this.
pub(crate) const MAX_WAIT: u32 = 30;

/// How often a waiting request asks the store. Workers are other processes: there is nobody to be told by.
const POLL: Duration = Duration::from_millis(200);

/// Returns when the job is no longer at `revision`, is gone, when `wait` is over, or when the service shuts down.
pub(crate) async fn for_change(app: &App, id: JobId, revision: u64, wait: Duration) -> Result<(), Problem> {
    let mut ticks = interval(POLL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let change = async {
        loop {
            ticks.tick().await;
            if app.jobs.revision(id).await? != Some(revision) {
                return Ok(());
            }
        }
    };
    let in_time = timeout_at(Instant::now() + wait, app.shutdown.run_until_cancelled(change));
    match in_time.await {
        Ok(Some(outcome)) => outcome,
        Ok(None) | Err(_) => Ok(()),
    }
}
