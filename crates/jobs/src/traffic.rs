//! How many bytes of blobs a process has read and written.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::BlobKey;

/// What a blob is to its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlobKind {
    /// A picture that was sent: a content, a style, a mask, or one to start from.
    Input,
    /// All that is needed to go on from an epoch.
    Checkpoint,
    /// The composite image as last saved.
    Preview,
    /// The finished picture, of 8 or 16 bits.
    Result,
}

impl BlobKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Input, Self::Checkpoint, Self::Preview, Self::Result];

    /// Its name, for those who count.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Checkpoint => "checkpoint",
            Self::Preview => "preview",
            Self::Result => "result",
        }
    }

    fn of(key: &BlobKey) -> Self {
        let name = key.as_str().rsplit('/').next().unwrap_or_default();
        match name.split('-').next() {
            Some("checkpoint") => Self::Checkpoint,
            Some("preview") => Self::Preview,
            Some("result" | "result16") => Self::Result,
            _ => Self::Input,
        }
    }
}

/// Bytes that went to and fro.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// From the store.
    pub read: u64,
    /// To the store.
    pub written: u64,
}

/// What has moved since somebody last asked.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    read: [AtomicU64; BlobKind::ALL.len()],
    written: [AtomicU64; BlobKind::ALL.len()],
}

impl Traffic {
    pub fn count_read(&self, key: &BlobKey, bytes: u64) {
        self.read[BlobKind::of(key) as usize].fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn count_written(&self, key: &BlobKey, bytes: u64) {
        self.written[BlobKind::of(key) as usize].fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn take(&self) -> [(BlobKind, Moved); BlobKind::ALL.len()] {
        let take = |counts: &[AtomicU64], kind: BlobKind| counts[kind as usize].swap(0, Ordering::Relaxed);
        BlobKind::ALL.map(|kind| (kind, Moved { read: take(&self.read, kind), written: take(&self.written, kind) }))
    }
}
