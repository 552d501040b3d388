//! Webhooks: whoever has asked for it is told that a job has ended. The messages are written down with the end of the job; here
//! they are sent, until they are taken or given up.

mod address;
mod delivery;
mod post;
mod reach;
mod settings;
mod signature;

use std::io;

use impasto_jobs::{Client, JobStore, StoreError};

pub(crate) use delivery::deliver;
pub use settings::WebhookSettings;

use address::Address;
use post::Post;
use signature::Secret;

/// What is needed to send messages.
#[derive(Debug)]
pub(crate) struct Webhooks {
    settings: WebhookSettings,
    /// What messages of jobs are signed with that nobody with a key has submitted.
    secret: Option<Secret>,
    post: Post,
}

impl Webhooks {
    /// # Errors
    /// When a setting cannot be.
    pub fn new(settings: WebhookSettings) -> io::Result<Self> {
        let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidInput, format!("webhooks.secret: {why}"));
        let secret = match settings.secret.as_str() {
            "" => None,
            text => Some(text.parse().map_err(invalid)?),
        };
        Ok(Self { secret, post: Post::new(settings.allow_private).map_err(io::Error::other)?, settings })
    }

    /// Whether a job of `client` may have the webhook `url`; else why not, and what would be right.
    pub fn admit(&self, url: &str, client: &Client) -> Result<(), String> {
        Address::read(url, &self.settings)?;
        if self.secret.is_none() && client.key().is_none() {
            return Err("cannot be told anything that is signed: the operator has to set webhooks.secret".to_owned());
        }
        Ok(())
    }

    /// What messages of jobs of `client` are signed with.
    async fn secret_of(&self, jobs: &dyn JobStore, client: &Client) -> Result<Option<Secret>, StoreError> {
        let Some(id) = client.key() else { return Ok(self.secret.clone()) };
        let key = jobs.find_key(&id).await?;
        Ok(key.and_then(|key| key.webhook_secret.parse().ok()).or_else(|| self.secret.clone()))
    }
}
