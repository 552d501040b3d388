//! What a worker measures, for whoever watches it.

use std::{
    mem,
    sync::{Mutex, PoisonError},
};

use impasto_jobs::{BlobKind, Status};
use serde::{Deserialize, Serialize};

/// Something that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// A job was claimed for the first time.
    FirstClaim {
        /// So many seconds after it was submitted.
        waited: f64,
    },
    /// A job came to its end.
    JobEnded {
        /// How it ended.
        status: Status,
        /// So many seconds after it was first claimed.
        ran: f64,
    },
    /// Epochs were computed.
    Epochs {
        /// The kind of device.
        device: String,
        /// The format of its numbers.
        precision: String,
        /// What each took.
        seconds: Vec<f64>,
    },
    /// A checkpoint was written to the stores.
    Checkpoint {
        /// Its size.
        bytes: u64,
        /// What it took.
        seconds: f64,
    },
    /// Blobs were read and written.
    Blobs {
        /// What they are to their job.
        kind: BlobKind,
        /// Bytes that were read.
        read: u64,
        /// Bytes that were written.
        written: u64,
    },
}

/// Samples that are kept until somebody takes them: more than come within seconds.
const MOST: usize = 20_000;

/// What was measured and is not taken yet. Where nobody takes it, what comes later is lost: numbers hold nobody up.
#[derive(Debug, Default)]
pub(crate) struct Samples(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    measured: Vec<Measured>,
    samples: usize,
}

impl Samples {
    pub fn add(&self, measured: Measured) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.samples < MOST {
            kept.samples += 1;
            kept.measured.push(measured);
        }
    }

    /// An epoch joins those before it of the same device and precision.
    pub fn add_epoch(&self, device: &str, precision: &str, seconds: f64) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.samples >= MOST {
            return;
        }
        kept.samples += 1;
        match kept.measured.last_mut() {
            Some(Measured::Epochs { device: same, precision: alike, seconds: others })
                if same == device && alike == precision =>
            {
                others.push(seconds);
            }
            _ => kept.measured.push(Measured::Epochs {
                device: device.to_owned(),
                precision: precision.to_owned(),
                seconds: vec![seconds],
            }),
        }
    }

    pub fn take(&self) -> Vec<Measured> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).measured
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_of_one_kind_are_told_together_and_what_nobody_takes_does_not_grow_for_ever() {
        let samples = Samples::default();
        for _ in 0..2 * MOST {
            samples.add_epoch("cpu", "f32", 0.5);
        }
        let taken = samples.take();
        assert!(matches!(&taken[..], [Measured::Epochs { seconds, .. }] if seconds.len() == MOST), "{}", taken.len());
        assert_eq!(samples.take(), []);
        samples.add_epoch("cpu", "f32", 0.5);
        samples.add_epoch("cpu", "bf16", 0.5);
        assert_eq!(samples.take().len(), 2);
    }
}
