//! The job store: what can be asked of it and told to it. How a database does it is the business of the module of that
//! database, which implements each of these traits.

mod claims;
mod identity;
mod inventory;
mod jobs;
mod keys;
mod leases;
mod news;
mod outbox;
mod place;
mod submissions;
mod upkeep;
mod usage;

use std::fmt::Debug;

use async_trait::async_trait;
pub use claims::Claims;
pub use identity::Identity;
pub use inventory::Inventory;
pub use jobs::Jobs;
pub use keys::Keys;
pub(crate) use keys::MOST_SESSIONS;
pub use leases::Leases;
pub(crate) use news::Newsroom;
pub use news::{Change, News};
pub use outbox::Outbox;
pub use place::JobPlace;
pub(crate) use submissions::KEPT_FOR;
pub use submissions::Submissions;
pub use upkeep::Upkeep;
pub(crate) use usage::MILLISECONDS_A_DAY;
pub use usage::{Turn, Usage};

use crate::StoreError;

/// All jobs. Any number of processes may have the same store open.
///
/// Each operation happens whole or not at all, and what it answered is on the disk. A future that is dropped halfway
/// leaves nothing done by halves.
#[async_trait]
pub trait JobStore:
    Submissions + Jobs + Keys + Usage + Outbox + Claims + Leases + Upkeep + Inventory + Identity + Debug + Send + Sync
{
    /// Whether the database can be read and written: writes one small row to the disk.
    ///
    /// # Errors
    /// When it cannot.
    async fn probe(&self) -> Result<(), StoreError>;

    /// Hears from now on of what changes, where the database tells.
    fn news(&self) -> News;
}
