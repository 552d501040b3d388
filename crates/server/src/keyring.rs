//! The keys that requests come with. What the job store says of a key counts for a second, so that requests hardly cost it
//! anything and a key that is revoked is refused within that.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use impasto_jobs::{ApiKey, Client, JobStore, KeyId, KeyText, SessionCookie, StoreError};
use quick_cache::sync::Cache;
use tokio::time::{Instant, timeout};
use tracing::Instrument;

use crate::{
    app::Shared,
    credential::Credential,
    peer::Peer,
    problem::{Kind, Problem},
    rates::Rates,
    turns::PATIENCE,
};

/// For how long an answer of the job store counts.
const FRESH: Duration = Duration::from_secs(1);
/// From one note that a key was used to the next.
const NOTE_EVERY: Duration = Duration::from_secs(60);
/// Keys and sessions that are remembered, those that nobody has among them.
const MOST: usize = 1 << 14;
/// Wrong keys from one address in a minute; more are refused unseen. Nobody guesses a key: it is for the job store's sake.
const WRONG_KEYS_A_MINUTE: u32 = 60;

/// What is known of keys.
#[derive(Debug)]
pub(crate) struct Keyring {
    /// Whether there are keys, and when that was asked. Where there are, there always will be.
    in_use: Mutex<Option<(bool, Instant)>>,
    found: Cache<Shown, (Option<Arc<ApiKey>>, Instant)>,
    noted: Cache<KeyId, Instant>,
    wrong: Rates,
}

/// What a key is looked up by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Shown {
    Key(KeyId),
    /// The hash of a session's cookie.
    Session(String),
}

impl Default for Keyring {
    fn default() -> Self {
        Self {
            in_use: Mutex::default(),
            found: Cache::new(MOST),
            noted: Cache::new(MOST),
            wrong: Rates::of(WRONG_KEYS_A_MINUTE),
        }
    }
}

impl Keyring {
    /// Whether a key is needed: one was made once, be it a second ago.
    pub async fn is_in_use(&self, jobs: &dyn JobStore) -> Result<bool, StoreError> {
        let known = *self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        match known {
            Some((true, _)) => Ok(true),
            Some((false, asked)) if asked.elapsed() < FRESH => Ok(false),
            _ => {
                let asked = Instant::now();
                let in_use = in_time(jobs.has_keys()).await?;
                self.note_in_use(in_use, asked);
                Ok(in_use)
            }
        }
    }

    /// A key was made just now.
    pub fn has_one_more(&self) {
        self.note_in_use(true, Instant::now());
    }

    fn note_in_use(&self, in_use: bool, asked: Instant) {
        let mut known = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        let had = matches!(*known, Some((true, _)));
        *known = Some((in_use || had, asked));
    }

    /// The key `id` was revoked just now: it and its sessions are asked for again. What is known of others stays, which lets them
    /// in past wrong keys from their address.
    pub fn forget_key(&self, id: &KeyId) {
        self.found.retain(|_, (key, _)| key.as_ref().is_none_or(|key| key.id != *id));
    }

    /// This session was ended just now.
    pub fn forget_session(&self, hash: String) {
        self.found.remove(&Shown::Session(hash));
    }

    /// The key with this id as it was a while ago.
    fn known(&self, id: &KeyId) -> Option<Arc<ApiKey>> {
        self.found.get(&Shown::Key(id.clone()))?.0
    }

    async fn find(&self, jobs: &dyn JobStore, shown: Shown) -> Result<Option<Arc<ApiKey>>, StoreError> {
        if let Some((key, asked)) = self.found.get(&shown)
            && asked.elapsed() < FRESH
        {
            return Ok(key);
        }
        let asked = Instant::now();
        let key = match &shown {
            Shown::Key(id) => in_time(jobs.find_key(id)).await?,
            Shown::Session(hash) => in_time(jobs.session_key(hash)).await?,
        };
        let key = key.map(Arc::new);
        self.found.insert(shown, (key.clone(), asked));
        Ok(key)
    }
}

/// Gives up to wait for the job store: what is asked for comes after this, and waits for it as well.
async fn in_time<T>(asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| {
        let why = format!("it did not say within {} seconds who sends a request", PATIENCE.as_secs());
        Err(StoreError::Failed(why.into()))
    })
}

/// The key that `credential` shows, which has to be one that opens.
pub(crate) async fn open(app: &Shared, credential: &Credential, peer: &Peer) -> Result<Arc<ApiKey>, Problem> {
    let key = match credential {
        Credential::Key(text) => open_with_key(app, text, peer).await?,
        Credential::Session(cookie) => open_with_session(app, cookie).await?,
    };
    note_use(app, &key.id);
    Ok(key)
}

async fn open_with_key(app: &Shared, text: &KeyText, peer: &Peer) -> Result<Arc<ApiKey>, Problem> {
    let stranger = Client::at(peer.address);
    // Who has opened before is let in, whatever else comes from the same address.
    let is_known = app.keyring.known(text.id()).is_some_and(|key| key.opens_to(text));
    if let Some(wait) = app.keyring.wrong.spent(&stranger).filter(|_| !is_known) {
        return Err(too_many(wait));
    }
    let found = app.keyring.find(app.jobs.as_ref(), Shown::Key(text.id().clone())).await?;
    found.filter(|key| key.opens_to(text)).ok_or_else(|| {
        let wait = app.keyring.wrong.take(&stranger).and_then(|rate| rate.wait);
        wait.map_or_else(|| Problem::new(Kind::UnknownKey, "there is no such key, or it was revoked"), too_many)
    })
}

/// A cookie that opens nothing is no wrong key: every page that was left open longer than its session sends one.
async fn open_with_session(app: &Shared, cookie: &SessionCookie) -> Result<Arc<ApiKey>, Problem> {
    // The hash of all of the cookie is its name: whoever is found by it opens.
    let found = app.keyring.find(app.jobs.as_ref(), Shown::Session(cookie.hash())).await?;
    found
        .filter(|key| key.revoked_at.is_none())
        .ok_or_else(|| Problem::new(Kind::UnknownKey, "the session is over, or its key was revoked: log in again"))
}

fn too_many(wait: Duration) -> Problem {
    let why = "too many wrong keys came from this address; try again later";
    Problem::new(Kind::TooManyRequests, why).retry_after(wait.as_secs() + 1)
}

/// Writes down that the key was used, now and then, and lets no request wait for it.
fn note_use(app: &Shared, id: &KeyId) {
    let noted = &app.keyring.noted;
    if noted.get(id).is_some_and(|at| at.elapsed() < NOTE_EVERY) {
        return;
    }
    noted.insert(id.clone(), Instant::now());
    let (app, id, background) = (app.clone(), id.clone(), &app.background);
    let noting = async move {
        if let Err(error) = app.jobs.touch_key(&id).await {
            tracing::warn!(key = %id, "could not write down that the key was used: {error}");
        }
    };
    background.spawn(noting.in_current_span());
}
