//! What a stream of events tells of a job: how it stands, its losses, and that there is another preview.

use std::{convert::Infallible, fmt, str::FromStr, time::Duration};

use axum::response::sse::Event;
use futures::{Stream, StreamExt, stream};
use impasto_jobs::{Attempt, JobId, Sight, Stamp};
use impasto_recipe::{Fingerprint, Position};
use tokio::time::sleep;

use crate::{
    app::Shared,
    new_losses,
    problem::{Kind, Problem},
    public_path::PublicPath,
    rendered::{self, RenderedJob},
    view::preview_path,
    watcher::Follower,
};

/// From one try to look at a job to the next, where the stores fail.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// How much of a job somebody has heard: what the id of an event says, as `REVISION.STAGE.EPOCH.PREVIEWS.ATTEMPT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heard {
    revision: u64,
    losses: Position,
    previews: u64,
    /// Which claim the losses are of: another one may have started over, and have passed their place since.
    attempt: Attempt,
}

impl Heard {
    /// A job at revision 0 is queued, and how a queued job stands is told in any case.
    const NOTHING: Self = Self { revision: 0, losses: Position::START, previews: 0, attempt: Attempt(0) };
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { revision, losses: Position { stage, epoch }, previews, attempt: Attempt(attempt) } = self;
        write!(f, "{revision}.{stage}.{epoch}.{previews}.{attempt}")
    }
}

impl FromStr for Heard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let heard = || {
            let mut parts = text.split('.').map(|part| part.bytes().all(|byte| byte.is_ascii_digit()).then_some(part));
            let mut next = || parts.next().flatten();
            let (revision, stage, epoch, previews, attempt) = (next()?, next()?, next()?, next()?, next()?);
            let heard = Self {
                revision: revision.parse().ok()?,
                losses: Position { stage: stage.parse().ok()?, epoch: epoch.parse().ok()? },
                previews: previews.parse().ok()?,
                attempt: Attempt(attempt.parse().ok()?),
            };
            parts.next().is_none().then_some(heard)
        };
        heard().ok_or_else(|| format!("'{text}' is no id of an event of a job: give the last one that was heard"))
    }
}

/// Tells one client of one job.
#[derive(Debug)]
pub(crate) struct Teller {
    app: Shared,
    id: JobId,
    /// Where the client sees the service.
    under: PublicPath,
    heard: Heard,
    /// How the job stood when it was told last; `None` before it was.
    told: Option<Stamp>,
    /// What computed the job when it was told last.
    fingerprint: Option<Fingerprint>,
    follower: Follower,
    /// The job has come to its end, and that was told.
    is_done: bool,
}

impl Teller {
    /// For a client that has heard so much of the job `id`, or nothing.
    pub fn new(app: Shared, id: JobId, under: PublicPath, heard: Option<Heard>) -> Self {
        let follower = Follower::of(&app, id);
        let heard = heard.unwrap_or(Heard::NOTHING);
        Self { app, id, under, heard, told: None, fingerprint: None, follower, is_done: false }
    }

    /// Whether there will be no more to tell.
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// Looks at the job: what the client has not heard of it.
    ///
    /// # Errors
    /// When the job is gone, or a store fails. Nothing counts as told then.
    pub async fn look(&mut self) -> Result<Vec<Event>, Problem> {
        let job = rendered::job(&self.app, self.id, &Sight::All, &self.under).await?;
        if self.has_started_over(&job) {
            self.heard.losses = Position::START;
        }
        self.heard.attempt = job.attempt;
        let losses = match job.latest == self.heard.losses {
            true => None,
            false => Some(new_losses::after(&self.app, self.id, job.revision, self.heard.losses).await?),
        };
        let mut events = Vec::new();
        let state = self.has_changed(&job);
        // The state tells that a job has started over, before its new losses come; and that it has ended, after its last ones.
        if state && !job.is_finished {
            self.heard.revision = job.revision;
            events.push(self.event("state", &job.state));
        }
        if let Some((losses, last)) = losses.as_ref().and_then(|tail| Some((&tail.json, tail.last?))) {
            self.heard.losses = last;
            events.push(self.event("losses", losses));
        }
        if job.stamp.previews != self.heard.previews {
            self.heard.previews = job.stamp.previews;
            let path = preview_path(self.id, &self.under, self.heard.previews);
            events.push(self.event("preview", &serde_json::json!({ "preview": path }).to_string()));
        }
        if state && job.is_finished {
            self.heard.revision = job.revision;
            events.push(self.event("state", &job.state));
        }
        self.told = Some(job.stamp);
        self.fingerprint.clone_from(&job.fingerprint);
        self.is_done = job.is_finished;
        Ok(events)
    }

    fn event(&self, name: &str, data: &str) -> Event {
        Event::default().event(name).id(self.heard.to_string()).data(data)
    }

    /// Whether what the client has heard of losses may be of a run that was given up. Another device has begun anew then; and whoever
    /// was away while another worker took the job cannot know how far back that one went.
    fn has_started_over(&self, job: &RenderedJob) -> bool {
        let is_behind = job.latest < self.heard.losses;
        let has_other_hands = self.told.is_none() && self.heard.attempt != job.attempt;
        is_behind || has_other_hands || self.fingerprint.is_some() && self.fingerprint != job.fingerprint
    }

    /// Whether the job stands otherwise than the client knows. Previews are told by themselves.
    fn has_changed(&self, job: &RenderedJob) -> bool {
        match self.told {
            Some(told) => Stamp { previews: 0, ..told } != Stamp { previews: 0, ..job.stamp },
            // The place in the queue is no part of what it says that it has heard.
            None => self.heard.revision != job.revision || job.stamp.queue_position.is_some(),
        }
    }

    /// Waits until there is something to tell; `None` when the job is gone, or the service shuts down.
    async fn news(&mut self) -> Option<Vec<Event>> {
        let shutdown = self.app.shutdown.clone();
        let news = async {
            loop {
                self.follower.change().await?;
                let events = self.look_until_it_succeeds().await?;
                if !events.is_empty() {
                    return Some(events);
                }
            }
        };
        shutdown.run_until_cancelled(news).await.flatten()
    }

    /// A client is not to lose its stream because a store was away for a moment.
    async fn look_until_it_succeeds(&mut self) -> Option<Vec<Event>> {
        loop {
            match self.look().await {
                Ok(events) => return Some(events),
                Err(problem) if problem.kind() == Kind::NoSuchJob => return None,
                Err(_) => sleep(TRY_AGAIN).await,
            }
        }
    }

    /// Tells `first`, and then everything that comes.
    pub fn tell(self, first: Vec<Event>) -> impl Stream<Item = Result<Event, Infallible>> {
        let later = stream::unfold(self, |mut teller| async {
            if teller.is_done {
                return None;
            }
            let events = teller.news().await?;
            Some((events, teller))
        });
        stream::iter([first]).chain(later).flat_map(stream::iter).map(Ok)
    }
}
