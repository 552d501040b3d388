//! API keys and the sessions of the page.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::types::{Json, Text};

use super::{Sqlite, now};
use crate::{ApiKey, KeyId, Keys, NewKeyError, StoreError, rows, store::MOST_SESSIONS};

#[async_trait]
impl Keys for Sqlite {
    async fn has_keys(&self) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM keys)").fetch_one(&self.reader).await?)
    }

    async fn add_key(&self, key: &ApiKey) -> Result<(), NewKeyError> {
        let statement = "
            INSERT INTO keys (id, name, hash, scopes, webhook_secret, created_at, last_used_at, revoked_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (name) DO NOTHING";
        let added = sqlx::query(statement)
            .bind(Text(&key.id))
            .bind(&key.name)
            .bind(&key.hash)
            .bind(Json(&key.scopes))
            .bind(&key.webhook_secret)
            .bind(key.created_at.as_millisecond())
            .bind(key.last_used_at.map(Timestamp::as_millisecond))
            .bind(key.revoked_at.map(Timestamp::as_millisecond))
            .execute(&self.writer)
            .await?;
        if added.rows_affected() == 0 { Err(NewKeyError::NameTaken(key.name.clone())) } else { Ok(()) }
    }

    async fn find_key(&self, id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        let select = sqlx::query("SELECT * FROM keys WHERE id = ?").bind(Text(id));
        let row = select.fetch_optional(&self.reader).await?;
        Ok(row.map(|row| rows::key(&row)).transpose()?)
    }

    async fn list_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let rows = sqlx::query("SELECT * FROM keys ORDER BY created_at, id").fetch_all(&self.reader).await?;
        Ok(rows.iter().map(rows::key).collect::<Result<_, _>>()?)
    }

    async fn revoke_key(&self, name: &str) -> Result<Option<ApiKey>, StoreError> {
        let mut transaction = self.write().await?;
        // A name that reads like another key's id means the key of that name.
        let statement = "
            UPDATE keys SET revoked_at = coalesce(revoked_at, ?2)
            WHERE id = (SELECT id FROM keys WHERE name = ?1 OR id = ?1 ORDER BY name = ?1 DESC LIMIT 1)
            RETURNING *";
        let row = sqlx::query(statement).bind(name).bind(now()).fetch_optional(&mut *transaction).await?;
        let key = row.map(|row| rows::key(&row)).transpose()?;
        if let Some(key) = &key {
            sqlx::query("DELETE FROM sessions WHERE key = ?").bind(Text(&key.id)).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(key)
    }

    async fn touch_key(&self, id: &KeyId) -> Result<(), StoreError> {
        let statement = sqlx::query("UPDATE keys SET last_used_at = ? WHERE id = ?").bind(now()).bind(Text(id));
        statement.execute(&self.writer).await?;
        Ok(())
    }

    async fn begin_session(&self, hash: &str, key: &KeyId, expires_at: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        sqlx::query("DELETE FROM sessions WHERE expires_at <= ?").bind(now()).execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO sessions (hash, key, expires_at) VALUES (?, ?, ?)")
            .bind(hash)
            .bind(Text(key))
            .bind(expires_at.as_millisecond())
            .execute(&mut *transaction)
            .await?;
        // Whoever holds a key may log in as often as they like, and must not fill the disk with it.
        let crowded_out = "
            DELETE FROM sessions WHERE hash IN (
                SELECT hash FROM sessions WHERE key = ? ORDER BY hash = ? DESC, expires_at DESC LIMIT -1 OFFSET ?
            )";
        sqlx::query(crowded_out).bind(Text(key)).bind(hash).bind(MOST_SESSIONS).execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    async fn session_key(&self, hash: &str) -> Result<Option<ApiKey>, StoreError> {
        let statement = "
            SELECT keys.* FROM sessions JOIN keys ON keys.id = sessions.key
            WHERE sessions.hash = ? AND sessions.expires_at > ? AND keys.revoked_at IS NULL";
        let row = sqlx::query(statement).bind(hash).bind(now()).fetch_optional(&self.reader).await?;
        Ok(row.map(|row| rows::key(&row)).transpose()?)
    }

    async fn end_session(&self, hash: &str) -> Result<bool, StoreError> {
        let ended = sqlx::query("DELETE FROM sessions WHERE hash = ?").bind(hash).execute(&self.writer).await?;
        Ok(ended.rows_affected() > 0)
    }
}
