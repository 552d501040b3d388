//! The round of those who deliver: what is due is sent, and what comes of it is written down.

use std::time::Duration;

use hyper::StatusCode;
use impasto_jobs::{DueDelivery, TryOutcome};
use impasto_metrics::WebhookTry;
use serde_json::Value;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::address::Address;
use crate::{app::Shared, problem::Problem, public_path::PublicPath};

/// From one look for what is due to the next. Workers end jobs, and are other processes: there is nobody to be told by.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Messages on their way at once.
const MOST_AT_ONCE: usize = 32;

/// For how long nobody else takes a message that is on its way: far longer than a try takes.
const LEASE: Duration = Duration::from_secs(60);

/// Seconds from one try to the next. After the last one, about a day after the first, the message is given up.
const PAUSES: [u64; 8] = [5, 60, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 8 * 3600, 8 * 3600];

/// How much longer or shorter a pause may be: those that failed together are not to come back together.
const JITTER: f64 = 0.2;

/// Sends messages as they are due, until the service shuts down. Those on their way then come to their end.
pub(crate) async fn deliver(app: Shared) {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut on_their_way = JoinSet::new();
    // There were more than could be sent at once.
    let mut more = false;
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            Some(_) = on_their_way.join_next(), if more => {}
            () = app.shutdown.cancelled() => break,
        }
        while on_their_way.try_join_next().is_some() {}
        let room = MOST_AT_ONCE - on_their_way.len();
        if room == 0 {
            // Even a look would take the job store's lock.
            continue;
        }
        let due = match app.jobs.take_due_deliveries(room as u32, LEASE).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!("could not look for messages to webhooks: {error}");
                continue;
            }
        };
        more = due.len() == room;
        for mut message in due {
            let app = app.clone();
            message.body = seen_under(&app.public_path, message.body);
            on_their_way.spawn(async move { deliver_one(&app, &message).await });
        }
    }
    while on_their_way.join_next().await.is_some() {}
}

/// One that fails to be written down is due again when its lease is over: whoever is told has to bear to be told twice.
async fn deliver_one(app: &Shared, message: &DueDelivery) {
    let outcome = match attempt(app, message).await {
        Ok(outcome) => outcome,
        Err(problem) => {
            tracing::warn!(job = %message.job, message = message.id, "a message to a webhook waits: {problem}");
            return;
        }
    };
    let called = match &outcome {
        TryOutcome::Delivered { .. } => WebhookTry::Delivered,
        TryOutcome::Failed { retry_in: Some(_), .. } => WebhookTry::Failed,
        TryOutcome::Failed { retry_in: None, .. } => WebhookTry::GivenUp,
    };
    app.exposition.metrics().webhook_tried(called);
    tracing::info!(job = %message.job, message = message.id, tries = message.tries + 1, "message to a webhook {}", called.name());
    if let Err(error) = app.jobs.record_delivery(&message.id, &outcome).await {
        tracing::warn!(job = %message.job, message = message.id, "what came of a message is not written down: {error}");
    }
}

async fn attempt(app: &Shared, message: &DueDelivery) -> Result<TryOutcome, Problem> {
    let webhooks = &app.webhooks;
    let failed = |status: Option<StatusCode>, error: String, retry_in| {
        Ok(TryOutcome::Failed { status: status.map(|status| status.as_u16()), error, retry_in })
    };
    let retry_in = pause_after(message.tries + 1);
    // The rules may have changed since the job was submitted.
    let address = match Address::read(&message.url, &webhooks.settings) {
        Ok(address) => address,
        Err(why) => return failed(None, format!("the address {why}"), retry_in),
    };
    let Some(secret) = webhooks.secret_of(app.jobs.as_ref(), &message.client).await? else {
        return failed(None, "there is no secret to sign it with: webhooks.secret".to_owned(), retry_in);
    };
    match webhooks.post.send(&address, &secret, message).await {
        Ok(status) if status.is_success() => Ok(TryOutcome::Delivered { status: status.as_u16() }),
        Ok(StatusCode::GONE) => failed(Some(StatusCode::GONE), "it is gone (410), and wants no more".to_owned(), None),
        Ok(status) if status.is_redirection() => {
            let why = format!("it leads elsewhere ({status}), which is not followed: give the address it leads to");
            failed(Some(status), why, retry_in)
        }
        Ok(status) => failed(Some(status), format!("it answered {status}"), retry_in),
        Err(why) => failed(None, why, retry_in),
    }
}

/// The message with links as they are seen from outside: whoever has written it down knows of no path before them.
fn seen_under(under: &PublicPath, body: String) -> String {
    if under.is_empty() {
        return body;
    }
    let Ok(mut message) = serde_json::from_str::<Value>(&body) else { return body };
    for (_, link) in message["data"]["links"].as_object_mut().into_iter().flatten() {
        if let Some(path) = link.as_str() {
            *link = Value::from(under.before(path));
        }
    }
    message.to_string()
}

/// How long to wait after the try number `tries`, counted from 1; `None` after the last one.
fn pause_after(tries: u32) -> Option<Duration> {
    let seconds = *PAUSES.get(tries.saturating_sub(1) as usize)?;
    let jitter = 1.0 + JITTER * (2.0 * fastrand::f64() - 1.0);
    Some(Duration::from_secs(seconds).mul_f64(jitter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_tried_for_about_a_day() {
        let pauses: Vec<_> = (1..).map_while(pause_after).collect();
        let all: Duration = pauses.iter().sum();
        assert_eq!(pauses.len(), PAUSES.len());
        assert!(pauses.is_sorted_by(|a, b| a < b || a.as_secs_f64() > 0.6 * b.as_secs_f64()), "{pauses:?}");
        let hours = all.as_secs_f64() / 3600.0;
        assert!((18.0..30.0).contains(&hours), "{hours}");
    }
}
