//! What is seen of jobs, by whoever sees it.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

use crate::{
    Metrics,
    families::{
        BLOB_BYTES_READ, BLOB_BYTES_WRITTEN, CHECKPOINT_BYTES, CHECKPOINT_SECONDS, EPOCH_SECONDS, EPOCHS, JOBS,
        QUEUE_AGE, QUEUE_DEPTH, QUEUE_WAIT, RUN,
    },
};

impl Metrics {
    /// There are `count` jobs of a status now.
    pub fn jobs(&self, status: &'static str, count: u64) {
        self.record(|| gauge!(JOBS, "status" => status).set(count as f64));
    }

    /// `waiting` jobs wait now, the oldest of them for so long.
    pub fn queue(&self, waiting: u64, oldest: Duration) {
        self.record(|| {
            gauge!(QUEUE_DEPTH).set(waiting as f64);
            gauge!(QUEUE_AGE).set(oldest.as_secs_f64());
        });
    }

    /// A job was claimed for the first time, so long after it was submitted.
    pub fn first_claim(&self, waited: Duration) {
        self.record(|| histogram!(QUEUE_WAIT).record(waited.as_secs_f64()));
    }

    /// A job came to its end, so long after it was first claimed.
    pub fn job_ended(&self, status: &'static str, ran: Duration) {
        self.record(|| histogram!(RUN, "status" => status).record(ran.as_secs_f64()));
    }

    /// Epochs were computed, which took so many seconds each.
    pub fn epochs(&self, device: &str, precision: &str, seconds: &[f64]) {
        let labels = [("device", device.to_owned()), ("precision", precision.to_owned())];
        self.record(|| {
            counter!(EPOCHS, &labels).increment(seconds.len() as u64);
            let lengths = histogram!(EPOCH_SECONDS, &labels);
            seconds.iter().for_each(|&each| lengths.record(each));
        });
    }

    /// A checkpoint was written to the stores.
    pub fn checkpoint(&self, bytes: u64, took: Duration) {
        self.record(|| {
            histogram!(CHECKPOINT_BYTES).record(bytes as f64);
            histogram!(CHECKPOINT_SECONDS).record(took.as_secs_f64());
        });
    }

    /// So many bytes of a kind of blob were read and written.
    pub fn blobs(&self, kind: &'static str, read: u64, written: u64) {
        self.record(|| {
            counter!(BLOB_BYTES_READ, "kind" => kind).increment(read);
            counter!(BLOB_BYTES_WRITTEN, "kind" => kind).increment(written);
        });
    }
}
