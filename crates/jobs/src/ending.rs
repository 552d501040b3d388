//! How a job leaves the queue or its worker's hands, whatever database it is in.

use crate::{
    Blame, BlobKey, Event, JobError, JobId, Status,
    rows::{Columns, count, json, optional_blob, parsed},
};

/// Notices of one job at the most.
const MOST_NOTICES: usize = 60;
/// Those of them that stay however many follow: what was done to the job's files stands first, and takes no more room.
const FIRST_NOTICES: usize = 40;

/// The notices that a job comes with, of what was done to its files. Of too many, the last are summed up: they would take the
/// room of what befalls the job.
pub(crate) fn first_notices(mut notices: Vec<String>) -> Vec<String> {
    if notices.len() > FIRST_NOTICES {
        let left_out = notices.split_off(FIRST_NOTICES - 1).len();
        notices.push(format!("{left_out} more things were done to the files, which are left out here"));
    }
    notices
}

/// What a change has to know of a job, read inside the transaction of the change.
#[derive(Debug)]
pub(crate) struct JobRow {
    pub number: i64,
    pub id: JobId,
    pub status: Status,
    pub created_at: i64,
    /// Whether a worker has ever begun it.
    pub has_started: bool,
    pub start_by: Option<i64>,
    pub webhook: Option<String>,
    pub cancel_requested: bool,
    /// Workers that it has crashed in a row.
    pub crashes: u32,
    pub notices: Vec<String>,
    pub checkpoint: Option<BlobKey>,
    pub preview: Option<BlobKey>,
}

/// What is written beside the new status.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    pub result: Option<BlobKey>,
    pub result_16: Option<BlobKey>,
    pub error: Option<JobError>,
    pub notice: Option<String>,
    /// What the job has now crashed; `None` leaves the count as it is.
    pub crashes: Option<u32>,
}

impl Ending {
    /// With these two pictures.
    pub fn with_results(result: &BlobKey, result_16: &BlobKey) -> Self {
        Self { result: Some(result.clone()), result_16: Some(result_16.clone()), ..Self::default() }
    }

    /// Because of `error`.
    pub fn with_error(error: JobError) -> Self {
        Self { error: Some(error), ..Self::default() }
    }
}

impl JobRow {
    pub fn read(row: &impl Columns) -> Result<Self, sqlx::Error> {
        Ok(Self {
            number: row.integer("number")?,
            id: parsed(row, "id")?,
            status: parsed(row, "status")?,
            created_at: row.integer("created_at")?,
            has_started: row.optional_integer("started_at")?.is_some(),
            start_by: row.optional_integer("start_by")?,
            webhook: row.optional_text("webhook")?,
            cancel_requested: row.flag("cancel_requested")?,
            crashes: count(row, "crashes")?,
            notices: json(row, "notices")?,
            checkpoint: optional_blob(row, "checkpoint")?,
            preview: optional_blob(row, "preview")?,
        })
    }

    /// Its notices with one more. Of many, the first and the latest are kept: storage that fails for days writes a lot.
    pub fn notices_with(&self, notice: &str) -> Vec<String> {
        let mut notices = self.notices.clone();
        notices.push(notice.to_owned());
        while notices.len() > MOST_NOTICES {
            notices.remove(FIRST_NOTICES);
        }
        notices
    }

    /// What happens to a running job whose worker is gone because of `why`.
    pub fn taken_back(&self, why: &str, blame: Blame) -> (Event, Ending) {
        let (crashes, most_crashes) = match blame {
            Blame::Nobody => (self.crashes, u32::MAX),
            Blame::Job { most_crashes } => (self.crashes.saturating_add(1), most_crashes),
        };
        let event = if self.cancel_requested {
            Event::Cancel
        } else if crashes >= most_crashes {
            Event::Fail
        } else {
            Event::GiveBack
        };
        let error = (event == Event::Fail).then(|| JobError {
            kind: JobError::WORKER_CRASHED.to_owned(),
            message: format!("given up after workers crashed at it {crashes} times in a row; the last time: {why}"),
        });
        (event, Ending { error, notice: Some(why.to_owned()), crashes: Some(crashes), ..Ending::default() })
    }

    /// What happens to a running job that its worker gives up unfinished because of `why`.
    pub fn handed_back(&self, why: &str) -> (Event, Ending) {
        let event = if self.cancel_requested { Event::Cancel } else { Event::GiveBack };
        (event, Ending { notice: Some(why.to_owned()), ..Ending::default() })
    }

    /// How the job ends if it was to begin by `now` and no worker ever began it; `None` if it may go on waiting.
    pub fn expired(&self, now: i64) -> Option<Ending> {
        let start_by = self.start_by.filter(|&start_by| !self.has_started && start_by <= now)?;
        let within = match (start_by - self.created_at) / 1000 {
            1 => "1 second".to_owned(),
            seconds => format!("{seconds} seconds"),
        };
        let message = format!("no worker began it within {within}");
        Some(Ending::with_error(JobError { kind: JobError::NOT_STARTED.to_owned(), message }))
    }
}
