//! Signs of life, and the end of a worker that shows none.

use std::{
    process,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tracing::Span;

use crate::measured::{Measured, Samples};

/// What a worker shows of its life to whoever watches it.
#[derive(Debug, Default)]
pub struct Pulse {
    ready: AtomicBool,
    working: AtomicBool,
    /// The span of the job that it works on.
    job: Mutex<Option<Span>>,
    beats: AtomicU64,
    epoch_microseconds: AtomicU64,
    samples: Samples,
}

impl Pulse {
    /// Something has come forward.
    pub(crate) fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// An epoch has come to its end after so long.
    pub(crate) fn epoch(&self, took: Duration) {
        self.epoch_microseconds.store(took.as_micros() as u64, Ordering::Relaxed);
        self.beat();
    }

    /// The worker is ready for jobs.
    pub(crate) fn is_up(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    /// There is a claim to work on, in the span `job`. Without one, stillness is no bad sign.
    pub(crate) fn works_on(&self, job: Option<Span>) {
        self.working.store(job.is_some(), Ordering::Relaxed);
        *self.job.lock().unwrap_or_else(PoisonError::into_inner) = job;
        self.beat();
    }

    /// The span of the job at hand.
    fn job(&self) -> Span {
        self.job.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_else(Span::none)
    }

    /// What is measured is left here.
    pub(crate) fn samples(&self) -> &Samples {
        &self.samples
    }

    /// What was measured since somebody last took it.
    pub fn take_measured(&self) -> Vec<Measured> {
        self.samples.take()
    }

    /// Whether it takes jobs.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// How long the last epoch took.
    pub fn epoch_length(&self) -> Duration {
        Duration::from_micros(self.epoch_microseconds.load(Ordering::Relaxed))
    }
}

/// What a worker says before it is ended.
pub type LastWords = Arc<dyn Fn(&str) + Send + Sync>;

const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Ends the process, by `abort` and on a thread of its own, once it has been at work without a beat for `patience`: a hung
/// device may keep every other way of ending waiting. The thread ends when the pulse is dropped.
pub(crate) fn end_if_still(pulse: &Arc<Pulse>, patience: Duration, last_words: LastWords) -> std::io::Result<()> {
    let pulse = Arc::downgrade(pulse);
    let watching = move || {
        let (mut beats, mut since) = (0, Instant::now());
        while let Some(pulse) = pulse.upgrade() {
            thread::sleep(LOOK_EVERY);
            let now = pulse.beats.load(Ordering::Relaxed);
            if now != beats || !pulse.working.load(Ordering::Relaxed) {
                (beats, since) = (now, Instant::now());
            } else if since.elapsed() > patience {
                let why = format!("the device hangs: no epoch in {} seconds", patience.as_secs());
                let job = pulse.job();
                // Beside this thread, which is to abort even where nobody takes the words.
                thread::spawn(move || job.in_scope(|| last_words(&why)));
                thread::sleep(LOOK_EVERY);
                process::abort();
            }
        }
    };
    thread::Builder::new().name("watchdog".to_owned()).spawn(watching).map(drop)
}
