//! What is done about workers that are gone.

use async_trait::async_trait;
use sqlx::types::Text;

use super::{Sqlite, Transaction, ending::end};
use crate::{Blame, Lease, Leases, Status, StoreError, WorkerName, ending::JobRow, rows};

#[async_trait]
impl Leases for Sqlite {
    async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        let select = "SELECT id, attempt, worker, renewals, lease_milliseconds FROM jobs WHERE status = ?";
        let rows = sqlx::query(select).bind(Text(Status::Running)).fetch_all(&self.reader).await?;
        Ok(rows.iter().map(rows::lease).collect::<Result<_, _>>()?)
    }

    async fn take_back(&self, lease: &Lease, why: &str, blame: Blame) -> Result<bool, StoreError> {
        let transaction = self.write().await?;
        let select = "SELECT * FROM jobs WHERE status = ? AND id = ? AND attempt = ? AND renewals = ?";
        let select = sqlx::query(select)
            .bind(Text(Status::Running))
            .bind(Text(lease.claim.job))
            .bind(lease.claim.attempt.0)
            .bind(lease.renewals);
        Ok(take_back(transaction, select, why, blame).await? > 0)
    }

    async fn take_back_from(&self, worker: &WorkerName, why: &str, blame: Blame) -> Result<u64, StoreError> {
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
        let (event, ending) = job.taken_back(why, blame);
        taken += u64::from(end(&mut transaction, &job, event, &ending).await?);
    }
    transaction.commit().await?;
    Ok(taken)
}
