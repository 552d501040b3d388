//! What ties a supervisor to a worker process of its own. The worker's standard input is held open by the supervisor, so its
//! end tells the worker of the supervisor's; on its standard output the worker says that it lives, a line of JSON a word.

use std::{
    io::Write,
    sync::Arc,
    time::{Duration, Instant},
};

use impasto_worker::Pulse;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    process::ChildStdout,
    time::interval,
};
use tokio_util::sync::CancellationToken;

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    /// It lives, and its last epoch took so long.
    Alive { epoch_seconds: f64 },
    /// Why it is about to end.
    LastWords { why: String },
}

/// Says `why` the process is about to end.
pub fn say_last_words(why: &str) {
    say(&Word::LastWords { why: why.to_owned() });
}

/// Says again and again that the process lives, until it ends.
pub async fn keep_saying_alive(pulse: Arc<Pulse>, every: Duration) {
    let mut ticks = interval(every);
    loop {
        ticks.tick().await;
        say(&Word::Alive { epoch_seconds: pulse.epoch_length().as_secs_f64() });
    }
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
    heard: Instant,
    epoch_length: Duration,
    last_words: Option<String>,
}

impl Listener {
    pub fn new(out: Option<ChildStdout>) -> Self {
        let lines = out.map(|out| BufReader::new(out).lines());
        Self { lines, heard: Instant::now(), epoch_length: Duration::ZERO, last_words: None }
    }

    /// Takes in the next word. Waits for ever once the worker has closed its side.
    pub async fn listen(&mut self) {
        let Some(lines) = &mut self.lines else { return std::future::pending().await };
        let line = lines.next_line().await.ok().flatten();
        match line.map(|line| serde_json::from_str(&line)) {
            Some(Ok(Word::Alive { epoch_seconds })) => {
                self.heard = Instant::now();
                self.epoch_length = Duration::try_from_secs_f64(epoch_seconds).unwrap_or_default();
            }
            Some(Ok(Word::LastWords { why })) => self.last_words = Some(why),
            // Whatever a library prints is not for this ear.
            Some(Err(_)) => {}
            None => self.lines = None,
        }
    }

    /// When the worker last said that it lives.
    pub fn heard(&self) -> Instant {
        self.heard
    }

    /// How long its last epoch took.
    pub fn epoch_length(&self) -> Duration {
        self.epoch_length
    }

    /// Why it ended, in its own words; reads what it said last.
    pub async fn last_words(mut self) -> Option<String> {
        while self.lines.is_some() && self.last_words.is_none() {
            self.listen().await;
        }
        self.last_words
    }
}
