//! What is told to webhooks.

use std::time::Duration;

use jiff::Timestamp;

use crate::{Client, JobId};

/// A message to a webhook, as its job shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The message's name, the same at every try.
    pub id: String,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried next; `None` once it is delivered or given up.
    pub next_try_at: Option<Timestamp>,
    /// When it was taken.
    pub delivered_at: Option<Timestamp>,
    /// The status that the last try was answered with, if it was answered.
    pub last_status: Option<u16>,
    /// Why the last try failed, in a sentence for people.
    pub last_error: Option<String>,
}

/// A message that is to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueDelivery {
    /// The message's name.
    pub id: String,
    /// The job that it tells of.
    pub job: JobId,
    /// Whose job it is.
    pub client: Client,
    /// Where it goes.
    pub url: String,
    /// What it says: JSON.
    pub body: String,
    /// How often it was tried before.
    pub tries: u32,
    /// When its job ended.
    pub created_at: Timestamp,
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TryOutcome {
    /// The webhook has taken it, with this status.
    Delivered {
        /// Of HTTP.
        status: u16,
    },
    /// It has not.
    Failed {
        /// Of HTTP, if it answered.
        status: Option<u16>,
        /// In a sentence for people.
        error: String,
        /// After how long to try again; `None` gives it up.
        retry_in: Option<Duration>,
    },
}
