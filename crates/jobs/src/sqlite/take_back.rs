//! What is done about workers that are gone.

use sqlx::{Transaction, sqlite::SqliteRow, types::Text};

use super::{
    Sqlite,
    ending::{Ending, JobRow},
    now,
};
use crate::{Event, JobError, Status, StoreError, WorkerName};

impl Sqlite {
    pub(crate) async fn take_back_from(
        &self,
        worker: &WorkerName,
        why: &str,
        most_crashes: u32,
    ) -> Result<u64, StoreError> {
        let mut transaction = self.write().await?;
        let rows = sqlx::query("SELECT * FROM jobs WHERE status = ? AND worker = ?")
            .bind(Text(Status::Running))
            .bind(&worker.0)
            .fetch_all(&mut *transaction)
            .await?;
        take_back(transaction, rows, most_crashes, |_| why.to_owned()).await
    }

    pub(crate) async fn take_back_lapsed(&self, most_crashes: u32) -> Result<u64, StoreError> {
        let lapsed = "SELECT * FROM jobs WHERE status = ? AND lease_ends_at <= ?";
        let select = || sqlx::query(lapsed).bind(Text(Status::Running)).bind(now());
        // Everyone asks often and it happens seldom: the write lock is taken only when it has.
        if select().fetch_optional(&self.reader).await?.is_none() {
            return Ok(0);
        }
        let mut transaction = self.write().await?;
        let rows = select().fetch_all(&mut *transaction).await?;
        take_back(transaction, rows, most_crashes, |job| {
            let worker = job.worker.as_deref().unwrap_or("its worker");
            format!("{worker} was not heard of any more: its lease ran out")
        })
        .await
    }
}

async fn take_back(
    mut transaction: Transaction<'static, sqlx::Sqlite>,
    rows: Vec<SqliteRow>,
    most_crashes: u32,
    why: impl Fn(&JobRow) -> String,
) -> Result<u64, StoreError> {
    let mut taken = 0;
    for row in rows {
        let job = JobRow::read(&row)?;
        let why = why(&job);
        let crashes = job.crashes.saturating_add(1);
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
        let ending = Ending { result: None, error: error.as_ref(), notice: Some(&why), crashes: Some(crashes) };
        taken += u64::from(job.end(&mut transaction, event, ending).await?);
    }
    transaction.commit().await?;
    Ok(taken)
}
