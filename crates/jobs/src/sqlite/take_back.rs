//! What is done about workers that are gone.

use std::time::Duration;

use sqlx::{Row, sqlite::SqliteRow, types::Text};

use super::{
    Sqlite, Transaction,
    ending::{Ending, JobRow},
    rows::text,
};
use crate::{Attempt, Blame, ClaimKey, Event, JobError, Lease, Status, StoreError, WorkerName};

impl Sqlite {
    pub(crate) async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        let select = "SELECT id, attempt, worker, renewals, lease_milliseconds FROM jobs WHERE status = ?";
        let rows = sqlx::query(select).bind(Text(Status::Running)).fetch_all(&self.reader).await?;
        Ok(rows.iter().map(read_lease).collect::<Result<_, _>>()?)
    }

    pub(crate) async fn take_back(&self, lease: &Lease, why: &str, blame: Blame) -> Result<bool, StoreError> {
        let transaction = self.write().await?;
        let select = "SELECT * FROM jobs WHERE status = ? AND id = ? AND attempt = ? AND renewals = ?";
        let select = sqlx::query(select)
            .bind(Text(Status::Running))
            .bind(Text(lease.claim.job))
            .bind(lease.claim.attempt.0)
            .bind(lease.renewals);
        Ok(take_back(transaction, select, why, blame).await? > 0)
    }

    pub(crate) async fn take_back_from(&self, worker: &WorkerName, why: &str, blame: Blame) -> Result<u64, StoreError> {
        let transaction = self.write().await?;
        let select = sqlx::query("SELECT * FROM jobs WHERE status = ? AND worker = ?");
        take_back(transaction, select.bind(Text(Status::Running)).bind(&worker.0), why, blame).await
    }
}

type Select<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

/// Takes back the running jobs that `select` finds; returns how many there were.
async fn take_back(
    mut transaction: Transaction,
    select: Select<'_>,
    why: &str,
    blame: Blame,
) -> Result<u64, StoreError> {
    let mut taken = 0;
    for row in select.fetch_all(&mut *transaction).await? {
        let job = JobRow::read(&row)?;
        let (crashes, most_crashes) = match blame {
            Blame::Nobody => (job.crashes, u32::MAX),
            Blame::Job { most_crashes } => (job.crashes.saturating_add(1), most_crashes),
        };
        let event = if job.cancel_requested {
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
        let ending = Ending { error: error.as_ref(), notice: Some(why), crashes: Some(crashes), ..Ending::default() };
        taken += u64::from(job.end(&mut transaction, event, ending).await?);
    }
    transaction.commit().await?;
    Ok(taken)
}

fn read_lease(row: &SqliteRow) -> Result<Lease, sqlx::Error> {
    Ok(Lease {
        claim: ClaimKey { job: text(row, "id")?, attempt: Attempt(row.try_get("attempt")?) },
        worker: WorkerName(row.try_get("worker")?),
        renewals: row.try_get("renewals")?,
        length: Duration::from_millis(row.try_get("lease_milliseconds")?),
    })
}
