//! What ties a supervisor to a worker process of its own. The worker's standard input is held open by the supervisor, so its
//! end tells the worker of the supervisor's; on its standard output the worker says that it lives, a line of JSON a word.

use std::{
    io::Write,
    sync::Arc,
    time::{Duration, Instant},
};

use impasto_metrics::Metrics;
use impasto_worker::{Measured, Pulse};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    process::ChildStdout,
    time::interval,
};
use tokio_util::sync::CancellationToken;

use crate::measuring;

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    /// It lives, and its last epoch took so long.
    Alive {
        epoch_seconds: f64,
        /// Whether it takes jobs.
        ready: bool,
        /// What it has measured since it last spoke.
        measured: Vec<Measured>,
    },
    /// Why it is about to end.
    LastWords { why: String, cause: Cause },
}

/// What brings a worker to end itself, as far as its supervisor counts it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// No epoch comes to its end.
    Stalled,
    /// The device can no longer be trusted.
    DeviceLost,
    /// The stores do not do what they are told.
    Storage,
    /// Anything else.
    Other,
}

/// What a worker says at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWords {
    pub why: String,
    pub cause: Cause,
}

/// Says `why` the process is about to end.
pub fn say_last_words(why: &str, cause: Cause) {
    say(&Word::LastWords { why: why.to_owned(), cause });
}

/// Says again and again that the process lives, and what it measures, until it ends.
pub async fn keep_saying_alive(pulse: Arc<Pulse>, every: Duration) {
    let mut ticks = interval(every.min(measuring::EVERY));
    loop {
        ticks.tick().await;
        say_alive(&pulse);
    }
}

/// Says that the process lives, and what it has measured.
pub fn say_alive(pulse: &Pulse) {
    let (epoch_seconds, ready) = (pulse.epoch_length().as_secs_f64(), pulse.is_ready());
    say(&Word::Alive { epoch_seconds, ready, measured: pulse.take_measured() });
}

/// Nobody there to hear it is no reason to end: the end of standard input is.
fn say(word: &Word) {
    if let Ok(line) = serde_json::to_string(word) {
        let mut out = std::io::stdout().lock();
        drop(writeln!(out, "{line}").and_then(|()| out.flush()));
    }
}

/// Asks for the end in good order when the supervisor is gone.
pub async fn end_with_supervisor(shutdown: CancellationToken) {
    let mut rest = Vec::new();
    drop(tokio::io::stdin().read_to_end(&mut rest).await);
    tracing::info!("the supervisor is gone");
    shutdown.cancel();
}

/// The supervisor's end: what the worker has said so far.
pub struct Listener {
    lines: Option<Lines<BufReader<ChildStdout>>>,
    metrics: Metrics,
    heard: Instant,
    epoch_length: Duration,
    ready: bool,
    last_words: Option<LastWords>,
}

impl Listener {
    /// Listens to `out`, and passes on to `metrics` what the worker has measured.
    pub fn new(out: Option<ChildStdout>, metrics: Metrics) -> Self {
        let lines = out.map(|out| BufReader::new(out).lines());
        let heard = Instant::now();
        Self { lines, metrics, heard, epoch_length: Duration::ZERO, ready: false, last_words: None }
    }

    /// Takes in the next word. Waits for ever once the worker has closed its side.
    pub async fn listen(&mut self) {
        let Some(lines) = &mut self.lines else { return std::future::pending().await };
        let line = lines.next_line().await.ok().flatten();
        match line.map(|line| serde_json::from_str(&line)) {
            Some(Ok(Word::Alive { epoch_seconds, ready, measured })) => {
                self.heard = Instant::now();
                self.epoch_length = Duration::try_from_secs_f64(epoch_seconds).unwrap_or_default();
                self.ready = ready;
                measured.iter().for_each(|each| measuring::record(&self.metrics, each));
            }
            Some(Ok(Word::LastWords { why, cause })) => self.last_words = Some(LastWords { why, cause }),
            // Whatever a library prints is not for this ear.
            Some(Err(_)) => {}
            None => self.lines = None,
        }
    }

    /// When the worker last said that it lives.
    pub fn heard(&self) -> Instant {
        self.heard
    }

    /// Whether it takes jobs.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// How long its last epoch took.
    pub fn epoch_length(&self) -> Duration {
        self.epoch_length
    }

    /// Why it ended, in its own words; reads all that it has said.
    pub async fn last_words(mut self) -> Option<LastWords> {
        while self.lines.is_some() {
            self.listen().await;
        }
        self.last_words
    }
}
