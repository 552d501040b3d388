//! What the operator of the service decides.

use std::num::{NonZeroU64, NonZeroUsize};

use impasto_jobs::QueueLimits;
use impasto_recipe::Limits;
use serde::Deserialize;

/// The settings of the API. A key that is none of these is refused by name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where to listen, as `HOST:PORT`; whoever calls [`run`](crate::run) binds it. Default: `127.0.0.1:8080`.
    pub addr: String,
    /// Whether everybody who gets to the service may use it, where no key was ever made, and more than this machine gets to it.
    /// Whoever calls [`run`](crate::run) sees to it. Default: no.
    pub open: bool,
    /// What the service is known as, such as `pictures.example.com`; under another name it answers nobody. Default: none, and
    /// then any name will do, but on loopback without keys only those of this machine.
    pub hosts: Vec<String>,
    /// Addresses and networks of the proxies whose word counts on where a request comes from (`X-Forwarded-For` and the like,
    /// `Forwarded`). Default: none.
    pub trusted_proxies: Vec<String>,
    /// The path that the service is seen under from outside, such as `/impasto`, where a proxy serves it beside other things: links
    /// and cookies have it, and requests are answered with it and without. A trusted proxy's `X-Forwarded-Prefix` goes before it.
    /// Default: none.
    pub public_path: String,
    /// Connections that may be open, of which one address has half at the most; above that a client is told to come again.
    /// Default: 4096.
    pub max_connections: NonZeroUsize,
    /// Requests that may wait for news at once, and streams of them; one client has half of that at the most. Default: 2048.
    pub max_waiting: usize,
    /// Seconds that the head of a request may take, from its first byte to its last. Default: 10.
    pub header_seconds: u64,
    /// Seconds that a connection may be open with no request. Default: 75, which is longer than load balancers keep theirs: who
    /// closes first is never in the middle of the other's request.
    pub idle_seconds: u64,
    /// Seconds that a client may take nothing of its answer. Default: 30.
    pub write_seconds: u64,
    /// Bytes of one uploaded picture at the most. Default: 32 MiB.
    pub max_file_bytes: u64,
    /// Pixels of one uploaded picture at the most. Default: 64 million.
    pub max_pixels: u64,
    /// Style pictures of one job at the most. Default: 8.
    pub max_styles: NonZeroUsize,
    /// Jobs that may wait in the queue; further ones are refused until there is room. Default: 1000.
    pub max_queued: u64,
    /// Pixels of a stage, its margin's included, at the most. Default: 16 million.
    pub max_stage_pixels: u64,
    /// Epochs of a job at the most, over all of its stages. Default: 20000.
    pub max_epochs: u32,
    /// Uploads that are received and looked at, at once; further ones wait. Default: 16.
    pub max_uploads: NonZeroUsize,
    /// Bytes of memory that pictures may take while they are decoded, all of them together; further ones wait, and one that
    /// takes more is decoded alone. Default: 64 MiB.
    pub decode_bytes: NonZeroU64,
    /// Seconds that a request waits for its turn to be uploaded or decoded, before it is refused. Default: 60.
    pub busy_seconds: u64,
    /// Seconds without a byte after which an upload is given up. Default: 30.
    pub upload_stall_seconds: u64,
    /// Seconds that a whole upload may take. Default: 900.
    pub upload_seconds: u64,
    /// Seconds from being told to stop to closing: `/readyz` answers 503 and everything else is served, until whoever balances the
    /// load has seen it and sends nothing more. Default: 0, for one machine.
    pub drain_seconds: u64,
    /// Seconds that open requests have to come to their end once the service has closed. Default: 10.
    pub shutdown_seconds: u64,
    /// Seconds that an answer is held back until its job has ended, at the most: `POST /v1/paint`, and `Prefer: wait=…`.
    /// Default: 60.
    pub sync_seconds: u64,
    /// Origins, such as `https://example.com`, whose pages may use the API from a browser; `*` stands for all of them.
    /// Default: none, which leaves it to the pages of the service itself.
    pub cors_origins: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            addr: "127.0.0.1:8080".to_owned(),
            open: false,
            hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            public_path: String::new(),
            max_connections: const { NonZeroUsize::new(4096).unwrap() },
            max_waiting: 2048,
            header_seconds: 10,
            idle_seconds: 75,
            write_seconds: 30,
            max_file_bytes: 32 << 20,
            max_pixels: 64_000_000,
            max_styles: const { NonZeroUsize::new(8).unwrap() },
            max_queued: 1000,
            max_stage_pixels: limits.stage_pixels,
            max_epochs: limits.epochs,
            max_uploads: const { NonZeroUsize::new(16).unwrap() },
            decode_bytes: const { NonZeroU64::new(64 << 20).unwrap() },
            busy_seconds: 60,
            upload_stall_seconds: 30,
            upload_seconds: 900,
            drain_seconds: 0,
            shutdown_seconds: 10,
            sync_seconds: 60,
            cors_origins: Vec::new(),
        }
    }
}

impl Settings {
    /// What a recipe may ask for.
    pub(crate) fn recipe_limits(&self) -> Limits {
        Limits { stage_pixels: self.max_stage_pixels, epochs: self.max_epochs, ..Limits::default() }
    }
}

/// What one client may have: the holder of a key or, without keys, whoever comes from an address. 0 sets no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    /// Requests in a minute. Default: 600, ten a second: far more than a client needs that waits for its jobs, and hardly anything
    /// to the service.
    pub requests_a_minute: u32,
    /// Jobs that may wait in the queue. Default: 100, a tenth of all that may.
    pub most_queued: u64,
    /// Bytes that may be uploaded in a day. Default: 10 GiB.
    pub bytes_a_day: u64,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self { requests_a_minute: 600, most_queued: 100, bytes_a_day: 10 << 30 }
    }
}

impl LimitSettings {
    /// What a client may have in the queue, of which `all` may have so many.
    pub(crate) fn in_queue(&self, all: u64) -> QueueLimits {
        QueueLimits { all, own: if self.most_queued == 0 { u64::MAX } else { self.most_queued } }
    }
}
