//! What asks a process to end.

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How the process is asked to end.
#[derive(Debug, Clone)]
pub struct Signals {
    /// Cancelled by the first SIGTERM or SIGINT, or by a part of the process that cannot go on: in good order.
    pub shutdown: CancellationToken,
    /// Cancelled by the second signal: at once.
    pub at_once: CancellationToken,
}

impl Signals {
    /// Listens for signals. Must be called on the runtime.
    pub fn listen() -> anyhow::Result<Self> {
        let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be listened for")?;
        let signals = Self { shutdown: CancellationToken::new(), at_once: CancellationToken::new() };
        let told = signals.clone();
        tokio::spawn(async move {
            either(&mut terminate, &mut interrupt).await;
            told.shutdown.cancel();
            either(&mut terminate, &mut interrupt).await;
            told.at_once.cancel();
        });
        Ok(signals)
    }
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => tracing::info!("asked to end by SIGTERM"),
        _ = interrupt.recv() => tracing::info!("asked to end by SIGINT"),
    }
}
