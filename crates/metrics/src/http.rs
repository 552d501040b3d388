//! What the API sees.

use std::time::Duration;

use metrics::{counter, histogram};

use crate::{
    Metrics,
    families::{REQUEST_SECONDS, REQUESTS, UPLOADS_REFUSED, WEBHOOK_TRIES},
};

/// What came of a try to tell a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookTry {
    /// It was heard.
    Delivered,
    /// It will be tried again.
    Failed,
    /// It will not.
    GivenUp,
}

impl WebhookTry {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Delivered, Self::Failed, Self::GivenUp];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::GivenUp => "given_up",
        }
    }
}

impl Metrics {
    /// The API is served here. A counter that first appears with its first rise shows none: this one begins with 0.
    pub fn expect_webhooks(&self) {
        self.record(|| {
            for outcome in WebhookTry::ALL {
                counter!(WEBHOOK_TRIES, "outcome" => outcome.name()).increment(0);
            }
        });
    }

    /// A webhook was told, or not.
    pub fn webhook_tried(&self, outcome: WebhookTry) {
        self.record(|| counter!(WEBHOOK_TRIES, "outcome" => outcome.name()).increment(1));
    }

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
}
