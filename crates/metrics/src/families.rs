//! Every number by its name. What is not here is not told; a test holds docs/operations.md against it.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// What sort of number it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// It only rises, from 0 at the start of the process.
    Counter,
    /// It rises and falls.
    Gauge,
    /// How many were up to each of these bounds.
    Histogram(&'static [f64]),
}

/// Numbers of one name, which differ by their labels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Family {
    /// Its name, with its unit at the end.
    pub name: &'static str,
    /// What sort of number it is.
    pub kind: Kind,
    /// What it says.
    pub help: &'static str,
}

pub(crate) const REQUESTS: &str = "impasto_http_requests_total";
pub(crate) const REQUEST_SECONDS: &str = "impasto_http_request_duration_seconds";
pub(crate) const UPLOADS_REFUSED: &str = "impasto_uploads_refused_total";
pub(crate) const WEBHOOK_TRIES: &str = "impasto_webhook_tries_total";
pub(crate) const JOBS: &str = "impasto_jobs";
pub(crate) const QUEUE_DEPTH: &str = "impasto_queue_depth";
pub(crate) const QUEUE_AGE: &str = "impasto_queue_oldest_age_seconds";
pub(crate) const QUEUE_WAIT: &str = "impasto_job_queue_wait_seconds";
pub(crate) const RUN: &str = "impasto_job_run_seconds";
pub(crate) const WORKERS: &str = "impasto_workers";
pub(crate) const RESTARTS: &str = "impasto_worker_restarts_total";
pub(crate) const EPOCHS: &str = "impasto_epochs_total";
pub(crate) const EPOCH_SECONDS: &str = "impasto_epoch_seconds";
pub(crate) const CHECKPOINT_BYTES: &str = "impasto_checkpoint_bytes";
pub(crate) const CHECKPOINT_SECONDS: &str = "impasto_checkpoint_seconds";
pub(crate) const BLOB_BYTES_READ: &str = "impasto_blob_read_bytes_total";
pub(crate) const BLOB_BYTES_WRITTEN: &str = "impasto_blob_written_bytes_total";
pub(crate) const BUILD: &str = "impasto_build_info";

/// Seconds. A long poll takes up to 30, an upload may take longer.
const OF_REQUESTS: &[f64] = &[0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 15.0, 35.0, 120.0];
/// Seconds of a job: from a sketch on a GPU to a large picture on an old CPU, and a queue overnight.
const OF_JOBS: &[f64] = &[1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 10_800.0, 43_200.0];
/// Seconds of an epoch: from 300x200 on a GPU to 16 million pixels on a CPU.
const OF_EPOCHS: &[f64] = &[0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];
/// Seconds of a write: from a disk at hand to one that hangs.
const OF_WRITES: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0];
/// From 64 KiB to 4 GiB.
const OF_CHECKPOINTS: &[f64] = &[
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
    1_073_741_824.0,
    4_294_967_296.0,
];

/// Every family of impasto's own. What the process takes (`process_…`) comes on top, under the names that all programs have.
pub const FAMILIES: &[Family] = &[
    counter(REQUESTS, "HTTP requests by method, route and status"),
    histogram(REQUEST_SECONDS, OF_REQUESTS, "Time to the head of the response, by method and route"),
    counter(UPLOADS_REFUSED, "Uploads that were refused, by the type of the problem"),
    counter(WEBHOOK_TRIES, "Tries to tell webhooks of their jobs' ends, by outcome"),
    gauge(JOBS, "Jobs by status, as the job store counts them"),
    gauge(QUEUE_DEPTH, "Jobs that wait for a worker"),
    gauge(QUEUE_AGE, "Time since the submission of the waiting job that was submitted first; 0 where none waits"),
    histogram(QUEUE_WAIT, OF_JOBS, "Time from a job's submission to its first claim"),
    histogram(RUN, OF_JOBS, "Time from a job's first claim to its end, by the status that it ended in"),
    gauge(WORKERS, "Worker processes by device and state: up, starting, or down until they are started again"),
    counter(RESTARTS, "Ends of worker processes that were not asked for, by device and reason"),
    counter(EPOCHS, "Epochs that were computed, by device and precision"),
    histogram(EPOCH_SECONDS, OF_EPOCHS, "Time of an epoch, by device and precision"),
    histogram(CHECKPOINT_BYTES, OF_CHECKPOINTS, "Size of a checkpoint"),
    histogram(CHECKPOINT_SECONDS, OF_WRITES, "Time to write a checkpoint and its preview to the stores"),
    counter(BLOB_BYTES_READ, "Bytes read from the blob store, by kind of blob"),
    counter(BLOB_BYTES_WRITTEN, "Bytes written to the blob store, by kind of blob"),
    gauge(BUILD, "1, by the version of the program"),
];

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family { name, kind: Kind::Counter, help }
}

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family { name, kind: Kind::Gauge, help }
}

const fn histogram(name: &'static str, bounds: &'static [f64], help: &'static str) -> Family {
    Family { name, kind: Kind::Histogram(bounds), help }
}

impl Family {
    /// Tells the recorder at hand of it.
    pub(crate) fn describe(self) {
        let Self { name, kind, help } = self;
        match kind {
            Kind::Counter => describe_counter!(name, help),
            Kind::Gauge => describe_gauge!(name, help),
            Kind::Histogram(_) if name.ends_with("_bytes") => describe_histogram!(name, Unit::Bytes, help),
            Kind::Histogram(_) => describe_histogram!(name, Unit::Seconds, help),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What stands in the first column of the page's tables, by its name alone.
    fn documented() -> BTreeSet<String> {
        let page = include_str!("../../../docs/operations.md");
        let names = page.lines().filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next());
        names.filter(|name| name.starts_with("impasto_")).map(str::to_owned).collect()
    }

    #[test]
    fn the_page_for_operators_has_every_family_and_no_other() {
        let told: BTreeSet<String> = FAMILIES.iter().map(|family| family.name.to_owned()).collect();
        assert_eq!(documented(), told);
    }

    #[test]
    fn names_say_what_they_count_in() {
        for Family { name, kind, .. } in FAMILIES {
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            if let Kind::Histogram(bounds) = kind {
                assert!(name.ends_with("_seconds") || name.ends_with("_bytes"), "{name}");
                assert!(bounds.is_sorted_by(|a, b| a < b), "{name}");
            }
        }
    }
}
