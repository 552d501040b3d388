//! What the API sees.

use std::time::Duration;

use metrics::{counter, histogram};

use crate::{
    Metrics,
    families::{REQUEST_SECONDS, REQUESTS, UPLOADS_REFUSED, WEBHOOK_TRIES},
};

impl Metrics {
    /// A request to `route`, which is a template so that jobs do not each get a series of their own, was answered after so
    /// long.
    pub fn request(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let route = route.to_owned();
        self.record(|| {
            counter!(REQUESTS, "method" => method, "route" => route.clone(), "status" => status.to_string())
                .increment(1);
            histogram!(REQUEST_SECONDS, "method" => method, "route" => route).record(took.as_secs_f64());
        });
    }

    /// An upload was refused, for one of a few reasons.
    pub fn upload_refused(&self, reason: &'static str) {
        self.record(|| counter!(UPLOADS_REFUSED, "reason" => reason).increment(1));
    }

    /// A webhook was to be told of its job's end, and that came out as `outcome` says.
    pub fn webhook_try(&self, outcome: &'static str) {
        self.record(|| counter!(WEBHOOK_TRIES, "outcome" => outcome).increment(1));
    }
}
