//! What a webhook is told of the end of a job.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::{JobError, JobId, Status, ending::JobRow, rows::timestamp};

/// A message to a webhook.
pub(crate) struct Message {
    /// Its name, the same at every try.
    pub id: String,
    /// JSON.
    pub body: String,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    id: JobId,
    status: Status,
    created_at: Timestamp,
    finished_at: Timestamp,
    error: Option<&'a JobError>,
    links: Links,
}

#[derive(Serialize)]
struct Links {
    #[serde(rename = "self")]
    job: String,
    result: String,
}

impl Message {
    /// That `job` has come to its end as `status`, at `finished_at` in milliseconds since 1970.
    pub fn of_end(
        job: &JobRow,
        status: Status,
        finished_at: i64,
        error: Option<&JobError>,
    ) -> Result<Self, sqlx::Error> {
        let path = format!("/v1/jobs/{}", job.id);
        let timestamp_of_end = timestamp("finished_at", finished_at)?;
        let body = Body {
            r#type: format!("job.{status}"),
            timestamp: timestamp_of_end,
            data: Data {
                id: job.id,
                status,
                created_at: timestamp("created_at", job.created_at)?,
                finished_at: timestamp_of_end,
                error,
                links: Links { result: format!("{path}/result"), job: path },
            },
        };
        let body = serde_json::to_string(&body).map_err(|error| sqlx::Error::Encode(error.into()))?;
        Ok(Self { id: format!("msg_{}", Uuid::now_v7().simple()), body })
    }
}
