//! What clients have used of what they may.

use std::{num::NonZeroU32, time::Duration};

use async_trait::async_trait;
use sqlx::PgConnection;

use super::{Postgres, in_time};
use crate::{Client, StoreError, Turn, Usage, store::MILLISECONDS_A_DAY};

const MILLISECONDS_A_MINUTE: f64 = 60_000.0;

/// What sums of fractions of milliseconds may be wrong by.
const ROUNDING: f64 = 0.5;

#[async_trait]
impl Usage for Postgres {
    async fn count_uploaded(&self, client: &Client, bytes: u64) -> Result<u64, StoreError> {
        let statement = "
            INSERT INTO uploaded (client, day, bytes) VALUES ($1, milliseconds_now() / $2, $3)
            ON CONFLICT (client, day) DO UPDATE SET bytes = uploaded.bytes + excluded.bytes
            RETURNING bytes";
        in_time(async {
            let mut session = self.single().await?;
            let bytes: i64 = sqlx::query_scalar(statement)
                .bind(client.as_str())
                .bind(MILLISECONDS_A_DAY)
                .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
                .fetch_one(&mut *session)
                .await?;
            session.done();
            Ok(bytes.unsigned_abs())
        })
        .await
    }

    async fn uploaded_today(&self, client: &Client) -> Result<u64, StoreError> {
        in_time(async {
            let mut session = self.single().await?;
            let select = "SELECT bytes FROM uploaded WHERE client = $1 AND day = milliseconds_now() / $2";
            let select = sqlx::query_scalar(select).bind(client.as_str()).bind(MILLISECONDS_A_DAY);
            let bytes: Option<i64> = select.fetch_optional(&mut *session).await?;
            session.done();
            Ok(bytes.map_or(0, i64::unsigned_abs))
        })
        .await
    }

    async fn take_turn(&self, client: &Client, a_minute: NonZeroU32) -> Result<Option<Turn>, StoreError> {
        in_time(async {
            let mut session = self.single().await?;
            // A request takes this long to come back.
            let one = MILLISECONDS_A_MINUTE / f64::from(a_minute.get());
            let allowed = take(&mut session, client, one).await?;
            let full_in = match allowed {
                Some(full_in) => full_in,
                None => time_until_full(&mut session, client).await?,
            };
            session.done();
            let left = ((MILLISECONDS_A_MINUTE + ROUNDING - full_in) / one).max(0.0) as u32;
            let wait = (full_in + one - MILLISECONDS_A_MINUTE).max(1.0);
            Ok(Some(Turn {
                left,
                full_in: Duration::from_secs_f64(full_in.max(0.0) / 1000.0),
                wait: allowed.is_none().then(|| Duration::from_secs_f64(wait / 1000.0)),
            }))
        })
        .await
    }
}

/// Takes one request of the client's minute, if one is left: milliseconds until all of them are there again.
///
/// One number says how many are left: when all will be there again. Each request moves it on by the time that one takes to come
/// back, and no further than a minute ahead (the generic cell rate algorithm).
async fn take(connection: &mut PgConnection, client: &Client, one: f64) -> Result<Option<f64>, sqlx::Error> {
    let statement = "
        WITH clock AS (SELECT extract(epoch FROM statement_timestamp())::float8 * 1000 AS now)
        INSERT INTO turns (client, full_at) SELECT $1, now + $2 FROM clock
        ON CONFLICT (client) DO UPDATE SET
            full_at = greatest(turns.full_at, (SELECT now FROM clock)) + $2
            WHERE greatest(turns.full_at, (SELECT now FROM clock)) + $2 <= (SELECT now FROM clock) + $3
        RETURNING full_at - (SELECT now FROM clock)";
    sqlx::query_scalar(statement)
        .bind(client.as_str())
        .bind(one)
        .bind(MILLISECONDS_A_MINUTE + ROUNDING)
        .fetch_optional(connection)
        .await
}

async fn time_until_full(connection: &mut PgConnection, client: &Client) -> Result<f64, sqlx::Error> {
    let statement = "
        SELECT full_at - extract(epoch FROM statement_timestamp())::float8 * 1000 FROM turns WHERE client = $1";
    let full_in: Option<f64> = sqlx::query_scalar(statement).bind(client.as_str()).fetch_optional(connection).await?;
    // It was forgotten meanwhile.
    Ok(full_in.unwrap_or_default())
}
