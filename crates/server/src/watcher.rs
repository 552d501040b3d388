//! One question for all who ask how jobs stand: a thousand polls, or streams of events, cost the job store hardly more than one.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use impasto_jobs::{Change, JobId, Stamp};
use tokio::{
    sync::{Notify, oneshot, watch},
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout_at},
};

use crate::{
    app::{App, Shared},
    problem::Problem,
};

/// Seconds that a request may wait at the most; a longer wait is cut to this.
pub(crate) const MAX_WAIT: u32 = 30;

/// From one look for all who wait for a change to the next. Workers are other processes: where the job store tells of changes, it
/// tells of the end of jobs, but not of their progress.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// From one look for those who ask now to the next: whoever comes meanwhile shares it.
const GATHER: Duration = Duration::from_millis(10);

/// How a job stood; `None` if there was no such job.
type Answer = Result<Option<Stamp>, Problem>;

/// Who asks.
#[derive(Debug, Default)]
pub(crate) struct Watcher {
    asked: Mutex<Questions>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Questions {
    /// Those who want to know now. A look answers them that began after they asked.
    now: HashMap<JobId, Vec<oneshot::Sender<Answer>>>,
    /// What those hear who wait for a change.
    changes: HashMap<JobId, watch::Sender<Option<Answer>>>,
    /// Nobody looks any more.
    closed: bool,
}

impl Watcher {
    fn asked(&self) -> MutexGuard<'_, Questions> {
        // No code that holds the lock panics between two writes that belong together.
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the question how `id` stands; `None` when nobody looks any more.
    fn ask(&self, id: JobId) -> Option<oneshot::Receiver<Answer>> {
        let (tell, told) = oneshot::channel();
        let mut asked = self.asked();
        if asked.closed {
            return None;
        }
        asked.now.entry(id).or_default().push(tell);
        self.wake.notify_one();
        Some(told)
    }
}

/// How the job `id` stands now.
pub(crate) async fn stamp(app: &App, id: JobId) -> Result<Stamp, Problem> {
    let answer = match app.watcher.ask(id) {
        Some(told) => told.await.ok(),
        None => None,
    };
    let found = match answer {
        Some(answer) => answer?,
        // The service shuts down.
        None => app.jobs.stamps(&[id]).await?.remove(&id),
    };
    found.ok_or_else(|| Problem::no_such_job(&id))
}

/// Returns when the job is beyond `revision`, is gone, when `wait` is over, or when the service shuts down.
pub(crate) async fn for_change(app: &App, id: JobId, revision: u64, wait: Duration) -> Result<(), Problem> {
    let mut changes = app.watcher.asked().changes.entry(id).or_default().subscribe();
    // What was heard before this one came may be older than what it knows.
    let is_news = |answer: &Option<Answer>| match answer {
        Some(Ok(Some(stamp))) => stamp.revision > revision,
        Some(Ok(None) | Err(_)) => true,
        None => false,
    };
    let change = async { changes.wait_for(is_news).await.ok().and_then(|answer| answer.clone()) };
    match timeout_at(Instant::now() + wait, app.shutdown.run_until_cancelled(change)).await {
        Ok(Some(Some(Err(problem)))) => Err(problem),
        _ => Ok(()),
    }
}

/// Hears of the changes of a job for as long as it is there, those that raise no revision included.
#[derive(Debug)]
pub(crate) struct Follower(watch::Receiver<Option<Answer>>);

impl Follower {
    /// Hears of the changes of the job `id` from now on.
    pub fn of(app: &App, id: JobId) -> Self {
        Self(app.watcher.asked().changes.entry(id).or_default().subscribe())
    }

    /// Returns when the job may look another than it did at the last return; `None` once nobody looks any more.
    pub async fn change(&mut self) -> Option<()> {
        self.0.changed().await.ok()
    }
}

/// Looks for all who ask, until the service shuts down.
pub(crate) async fn watch(app: Shared) {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut news = app.jobs.news();
    let mut earliest = Instant::now();
    let _closes = Closing(&app.watcher);
    loop {
        let mut changed = Changed::default();
        tokio::select! {
            () = app.watcher.wake.notified() => {}
            _ = looks.tick() => changed.add(Change::Anything),
            change = news.next() => changed.add(change),
            () = app.shutdown.cancelled() => break,
        }
        sleep_until(earliest).await;
        earliest = Instant::now() + GATHER;
        while let Some(change) = news.missed() {
            changed.add(change);
        }
        look(&app, &changed).await;
    }
}

/// The jobs that may look another than at the last look.
#[derive(Debug, Default)]
struct Changed {
    all: bool,
    jobs: HashSet<JobId>,
}

impl Changed {
    fn add(&mut self, change: Change) {
        match change {
            Change::Anything => self.all = true,
            Change::Job(id) => drop(self.jobs.insert(id)),
            // Places in the queue are told with the next look at all.
            Change::Queue => {}
        }
    }

    fn has(&self, id: &JobId) -> bool {
        self.all || self.jobs.contains(id)
    }
}

/// Lets nobody wait for a look that will not come, however the looks ended.
struct Closing<'a>(&'a Watcher);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        *self.0.asked() = Questions { closed: true, ..Questions::default() };
    }
}

/// Puts `answer` in the place of what was told before; whether that is worth waking those who wait.
fn replace(told: &mut Option<Answer>, answer: Answer) -> bool {
    let same = matches!((&*told, &answer), (Some(Ok(before)), Ok(now)) if before == now);
    *told = Some(answer);
    !same
}

/// Looks once: for all who ask now, and for those who wait for a change of a job that may have changed.
async fn look(app: &App, changed: &Changed) {
    let (now, mut ids) = {
        let mut asked = app.watcher.asked();
        asked.changes.retain(|_, tell| tell.receiver_count() > 0);
        let ids: Vec<JobId> = asked.changes.keys().filter(|id| changed.has(id)).copied().collect();
        (mem::take(&mut asked.now), ids)
    };
    let waiting = ids.len();
    ids.extend(now.keys());
    if ids.is_empty() {
        return;
    }
    let looked = app.jobs.stamps(&ids).await.map_err(Problem::from);
    let answer = |id: &JobId| looked.as_ref().map(|stamps| stamps.get(id).copied()).map_err(Problem::clone);
    for id in &ids[..waiting] {
        if let Some(tell) = app.watcher.asked().changes.get(id) {
            tell.send_if_modified(|told| replace(told, answer(id)));
        }
    }
    for (id, tells) in now {
        for tell in tells {
            // Whoever asked may have gone.
            drop(tell.send(answer(&id)));
        }
    }
}
