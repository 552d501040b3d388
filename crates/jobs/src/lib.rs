//! What a job is, the [`Status`] it is in and the [`Event`]s that change it; the [`JobStore`], where jobs are submitted,
//! claimed, reported on and finished; and the [`BlobStore`], which holds their images and checkpoints.
//!
//! The API and the workers meet here and nowhere else, be they threads of one process or machines of one network. A
//! blob is written whole before a row names it, and a row forgets a blob before the blob is deleted: whatever dies
//! between the two leaves a blob that nobody names, which the [`Sweeper`] finds.
#![forbid(unsafe_code)]

mod address;
mod api_key;
mod back_up;
mod blobs;
mod bucket;
mod claim;
mod client;
mod delivery;
mod ending;
mod error;
mod https;
mod id;
mod job;
mod key;
mod lease_watch;
mod leftovers;
mod message;
mod owner;
mod page;
mod place;
mod postgres;
mod probe;
mod rows;
mod secret;
mod sqlite;
mod status;
mod store;
mod sweep;
mod terms;
mod traffic;
mod upload;
mod worker_locks;
mod written;
mod written_once;

pub use address::HandOut;
pub use api_key::{ApiKey, KeyId, ParseKeyIdError, Scope, UnknownScope, UnusableNameError};
pub use back_up::{BackUpError, BackedUp, Places, back_up, no_longer_a_copy};
pub use blobs::{BlobError, BlobStore};
pub use claim::{Blame, Claim, ClaimKey, Lease, Standing, WorkerName};
pub use client::{Client, Sight};
pub use delivery::{Delivery, DueDelivery, TryOutcome};
pub use error::{CancelError, ClaimError, NewKeyError, StoreError, SubmitError};
pub use id::{Attempt, JobId};
pub use job::{Job, JobError, Losses, NewJob, Stamp};
pub use key::BlobKey;
pub use lease_watch::LeaseWatch;
pub use page::{Cursor, JobPage, JobQuery, ParseCursorError};
pub use place::{BlobPlace, BucketPlace, ParsePlaceError};
pub use probe::{FirstLook, UnusableStore};
pub use secret::{KeyText, ParseCookieError, ParseKeyError, SessionCookie};
pub use status::{Event, Status, UnknownStatus};
pub use store::{
    Change, Claims, Identity, Inventory, JobPlace, JobStore, Jobs, Keys, Leases, News, Outbox, Submissions, Turn,
    Upkeep, Usage,
};
pub use sweep::{Finished, Retention, SweepError, Sweeper, Swept};
pub use terms::{Idempotency, Priority, QueueLimits, Submitted, Terms, UnknownPriority};
pub use traffic::{BlobKind, Moved};
pub use upload::Upload;
pub use worker_locks::{WorkerLock, WorkerLocks};
