//! How a job is to be done, besides its recipe.

use impasto_jobs::{Priority, Scope, Sight};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    common::{Server, id_of, path_of, problem, small_form},
    keys::{key, with},
};

#[tokio::test]
async fn the_terms_of_a_job_stand_in_it() {
    let server = Server::start().await;
    let form = small_form()
        .text("priority", "high")
        .text("start_within", "600")
        .text("webhook", "http://127.0.0.1:9/painted?token=1");
    let response = server.submit(form).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let job: Value = response.json().await.unwrap();
    assert_eq!(job["priority"], "high");
    assert_eq!(job["webhook"], json!({"url": "http://127.0.0.1:9/painted?token=1", "deliveries": []}));
    let time = |name: &str| job[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let within = time("start_by").duration_since(time("created_at"));
    assert_eq!(within.as_secs(), 600);
    let stored = server.jobs.find(id_of(&job), &Sight::All).await.unwrap().unwrap();
    assert_eq!(stored.priority, Priority::High);
    assert_eq!(server.get(&path_of(&job)).await.json::<Value>().await.unwrap(), job);
}

#[tokio::test]
async fn what_is_left_blank_is_as_usual() {
    let server = Server::start().await;
    let form = small_form().text("priority", "").text("start_within", " ").text("webhook", "");
    let job: Value = server.submit(form).await.json().await.unwrap();
    assert_eq!((&job["priority"], &job["start_by"], &job["webhook"]), (&json!("normal"), &Value::Null, &Value::Null));
}

#[tokio::test]
async fn terms_that_cannot_be_are_refused_by_name() {
    let server = Server::start_with_webhooks(|webhooks| {
        webhooks.allow_http = false;
        webhooks.allow_private = false;
    })
    .await;
    let long = format!("https://example.com/{}", "x".repeat(2048));
    for (field, value) in [
        ("priority", "urgent"),
        ("priority", "HIGH"),
        ("start_within", "0"),
        ("start_within", "-1"),
        ("start_within", "1.5"),
        ("start_within", "soon"),
        ("start_within", "99999999999999999999999"),
        ("webhook", "painted"),
        ("webhook", "http://example.com/"),
        ("webhook", "https://127.0.0.1/"),
        ("webhook", "https://169.254.169.254/latest/meta-data"),
        ("webhook", "https://[::ffff:10.0.0.1]/"),
        ("webhook", "https://localhost/"),
        ("webhook", "https://me:word@example.com/"),
        ("webhook", "https://example.com:22/"),
        ("webhook", "javascript:alert(1)"),
        ("webhook", &long),
    ] {
        let refused =
            problem(server.submit(small_form().text(field, value.to_owned())).await, 422, "invalid-option").await;
        assert_eq!(refused["field"], field, "{value}");
        let twice = small_form().text("start_within", "5").text("start_within", "5");
        assert_eq!(problem(server.submit(twice).await, 422, "invalid-option").await["field"], "start_within");
    }
    assert!(server.stored_files().is_empty());
    let job = server.submit(small_form().text("webhook", "https://example.com/painted")).await;
    assert_eq!(job.status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_webhook_that_nobody_could_trust_is_refused() {
    let server = Server::start_with_webhooks(|webhooks| webhooks.secret.clear()).await;
    let refused = server.submit(small_form().text("webhook", "https://example.com/painted")).await;
    let refused = problem(refused, 422, "invalid-option").await;
    assert_eq!(refused["field"], "webhook");
    assert!(refused["detail"].as_str().unwrap().contains("webhooks.secret"), "{refused}");
}

#[tokio::test]
async fn a_high_priority_takes_a_key_that_allows_it() {
    let server = Server::start().await;
    let usual = key(&server, "usual", &[Scope::Submit]).await;
    let hurried = key(&server, "hurried", &[Scope::Submit, Scope::Priority]).await;
    let submit = async |key: &str, priority: &'static str| {
        let request = server.request(Method::POST, "/v1/jobs").multipart(small_form().text("priority", priority));
        with(request, key).await
    };
    let refused = problem(submit(&usual, "high").await, 403, "not-allowed").await;
    assert_eq!(refused["field"], "priority");
    for (key, priority) in [(&usual, "normal"), (&usual, "low"), (&hurried, "high")] {
        assert_eq!(submit(key, priority).await.status(), StatusCode::ACCEPTED, "{priority}");
    }
}
