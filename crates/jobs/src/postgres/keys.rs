//! API keys and the sessions of the page.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::types::Text;

use super::{Postgres, in_time, rows::json};
use crate::{ApiKey, KeyId, Keys, NewKeyError, StoreError, rows, store::MOST_SESSIONS};

#[async_trait]
impl Keys for Postgres {
    async fn has_keys(&self) -> Result<bool, StoreError> {
        in_time(async {
            let mut session = self.single().await?;
            let has_keys = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM keys)").fetch_one(&mut *session).await?;
            session.done();
            Ok(has_keys)
        })
        .await
    }

    async fn add_key(&self, key: &ApiKey) -> Result<(), NewKeyError> {
        let statement = "
            INSERT INTO keys (id, name, hash, scopes, webhook_secret, created_at, last_used_at, revoked_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (name) DO NOTHING";
        in_time(async {
            let mut session = self.single().await?;
            let added = sqlx::query(statement)
                .bind(Text(&key.id))
                .bind(&key.name)
                .bind(&key.hash)
                .bind(json(&key.scopes)?)
                .bind(&key.webhook_secret)
                .bind(key.created_at.as_millisecond())
                .bind(key.last_used_at.map(Timestamp::as_millisecond))
                .bind(key.revoked_at.map(Timestamp::as_millisecond))
                .execute(&mut *session)
                .await?;
            session.done();
            if added.rows_affected() == 0 { Err(NewKeyError::NameTaken(key.name.clone())) } else { Ok(()) }
        })
        .await
    }

    async fn find_key(&self, id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        in_time(async {
            let mut session = self.single().await?;
            let select = sqlx::query("SELECT * FROM keys WHERE id = $1").bind(Text(id));
            let row = select.fetch_optional(&mut *session).await?;
            session.done();
            Ok(row.map(|row| rows::key(&row)).transpose()?)
        })
        .await
    }

    async fn list_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        in_time(async {
            let mut session = self.single().await?;
            let found = sqlx::query("SELECT * FROM keys ORDER BY created_at, id").fetch_all(&mut *session).await?;
            session.done();
            Ok(found.iter().map(rows::key).collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn revoke_key(&self, name: &str) -> Result<Option<ApiKey>, StoreError> {
        in_time(async {
            let mut session = self.write().await?;
            // A name that reads like another key's id means the key of that name.
            let statement = "
                UPDATE keys SET revoked_at = coalesce(revoked_at, milliseconds_now())
                WHERE id = (SELECT id FROM keys WHERE name = $1 OR id = $1 ORDER BY name = $1 DESC LIMIT 1)
                RETURNING *";
            let row = sqlx::query(statement).bind(name).fetch_optional(&mut *session).await?;
            let key = row.map(|row| rows::key(&row)).transpose()?;
            if let Some(key) = &key {
                let delete = sqlx::query("DELETE FROM sessions WHERE key = $1").bind(Text(&key.id));
                delete.execute(&mut *session).await?;
            }
            session.commit().await?;
            Ok(key)
        })
        .await
    }

    async fn touch_key(&self, id: &KeyId) -> Result<(), StoreError> {
        in_time(async {
            let mut session = self.single().await?;
            let statement = "UPDATE keys SET last_used_at = milliseconds_now() WHERE id = $1";
            sqlx::query(statement).bind(Text(id)).execute(&mut *session).await?;
            session.done();
            Ok(())
        })
        .await
    }

    async fn begin_session(&self, hash: &str, key: &KeyId, expires_at: Timestamp) -> Result<(), StoreError> {
        in_time(async {
            let mut session = self.write().await?;
            sqlx::query("DELETE FROM sessions WHERE expires_at <= (SELECT milliseconds_now())")
                .execute(&mut *session)
                .await?;
            sqlx::query("INSERT INTO sessions (hash, key, expires_at) VALUES ($1, $2, $3)")
                .bind(hash)
                .bind(Text(key))
                .bind(expires_at.as_millisecond())
                .execute(&mut *session)
                .await?;
            // Whoever holds a key may log in as often as they like, and must not fill the disk with it.
            let crowded_out = "
                DELETE FROM sessions WHERE hash IN (
                    SELECT hash FROM sessions WHERE key = $1 ORDER BY hash = $2 DESC, expires_at DESC OFFSET $3
                )";
            let crowded_out = sqlx::query(crowded_out).bind(Text(key)).bind(hash).bind(MOST_SESSIONS);
            crowded_out.execute(&mut *session).await?;
            Ok(session.commit().await?)
        })
        .await
    }

    async fn session_key(&self, hash: &str) -> Result<Option<ApiKey>, StoreError> {
        let statement = "
            SELECT keys.* FROM sessions JOIN keys ON keys.id = sessions.key
            WHERE sessions.hash = $1 AND sessions.expires_at > (SELECT milliseconds_now()) AND keys.revoked_at IS NULL";
        in_time(async {
            let mut session = self.single().await?;
            let row = sqlx::query(statement).bind(hash).fetch_optional(&mut *session).await?;
            session.done();
            Ok(row.map(|row| rows::key(&row)).transpose()?)
        })
        .await
    }

    async fn end_session(&self, hash: &str) -> Result<bool, StoreError> {
        in_time(async {
            let mut session = self.single().await?;
            let ended = sqlx::query("DELETE FROM sessions WHERE hash = $1").bind(hash).execute(&mut *session).await?;
            session.done();
            Ok(ended.rows_affected() > 0)
        })
        .await
    }
}
