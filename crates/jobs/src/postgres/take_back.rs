//! What is done about workers that are gone.

use async_trait::async_trait;
use sqlx::types::Text;

use super::{Postgres, ending::end, in_time, session::Session};
use crate::{Blame, Lease, Leases, StoreError, WorkerName, ending::JobRow, rows};

#[async_trait]
impl Leases for Postgres {
    async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        in_time(async {
            let mut session = self.single().await?;
            let select = "SELECT id, attempt, worker, renewals, lease_milliseconds FROM jobs WHERE status = 'running'";
            let found = sqlx::query(select).fetch_all(&mut *session).await?;
            session.done();
            Ok(found.iter().map(rows::lease).collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn take_back(&self, lease: &Lease, why: &str, blame: Blame) -> Result<bool, StoreError> {
        in_time(async {
            let session = self.write().await?;
            let select = "
                SELECT * FROM jobs WHERE status = 'running' AND id = $1 AND attempt = $2 AND renewals = $3 FOR UPDATE";
            let select = sqlx::query(select)
                .bind(Text(lease.claim.job))
                .bind(i64::from(lease.claim.attempt.0))
                .bind(lease.renewals);
            Ok(take_back(session, select, why, blame).await? > 0)
        })
        .await
    }

    async fn take_back_from(&self, worker: &WorkerName, why: &str, blame: Blame) -> Result<u64, StoreError> {
        in_time(async {
            let session = self.write().await?;
            let select = "SELECT * FROM jobs WHERE status = 'running' AND worker = $1 ORDER BY number FOR UPDATE";
            take_back(session, sqlx::query(select).bind(&worker.0), why, blame).await
        })
        .await
    }
}

type Select<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

/// Takes back the running jobs that `select` finds; returns how many there were.
async fn take_back(mut session: Session, select: Select<'_>, why: &str, blame: Blame) -> Result<u64, StoreError> {
    let mut taken = 0;
    for row in select.fetch_all(&mut *session).await? {
        let job = JobRow::read(&row)?;
        let (event, ending) = job.taken_back(why, blame);
        taken += u64::from(end(&mut session, &job, event, &ending).await?);
    }
    session.commit().await?;
    Ok(taken)
}
