//! Requests that come more than once.

use std::collections::HashSet;

use futures::future::join_all;
use reqwest::{Method, Response, StatusCode, multipart::Form};
use serde_json::Value;

use crate::common::{Server, file, header, path_of, picture, png, problem, small_form};

async fn submit(server: &Server, path: &str, key: &str, form: Form) -> Response {
    server.request(Method::POST, path).header("idempotency-key", key).multipart(form).send().await.unwrap()
}

async fn job(response: Response, status: StatusCode) -> Value {
    assert_eq!(response.status(), status);
    let location = header(response.headers(), "location").to_owned();
    let job: Value = response.json().await.unwrap();
    assert_eq!(path_of(&job), location);
    job
}

async fn count(server: &Server) -> usize {
    let list: Value = server.get("/v1/jobs").await.json().await.unwrap();
    list["jobs"].as_array().unwrap().len()
}

#[tokio::test]
async fn the_same_request_makes_one_job_even_when_the_service_was_restarted() {
    let mut server = Server::start().await;
    let form = || small_form().text("size", "96").text("seed", "7");
    let first = job(submit(&server, "/v1/jobs", "a-1", form()).await, StatusCode::ACCEPTED).await;
    let stored = server.stored_files().len();
    let again = job(submit(&server, "/v1/jobs", "a-1", form()).await, StatusCode::OK).await;
    assert_eq!(again, first);
    assert_eq!(server.stored_files().len(), stored, "the uploads of the repeat are deleted");
    server = server.restarted().await;
    // The order of the fields says nothing, and neither does one that nobody has filled in.
    let other_order = Form::new()
        .text("seed", "7")
        .text("epochs", "")
        .part("style", file(png(24, 40)))
        .part("content", file(png(48, 32)))
        .text("size", "96");
    let again = job(submit(&server, "/v1/jobs", "a-1", other_order).await, StatusCode::OK).await;
    assert_eq!(again["id"], first["id"]);
    let another = job(submit(&server, "/v1/jobs", "a-2", form()).await, StatusCode::ACCEPTED).await;
    assert_ne!(another["id"], first["id"]);
    assert_eq!(count(&server).await, 2);
}

#[tokio::test]
async fn another_request_under_the_same_key_is_refused() {
    let server = Server::start().await;
    job(submit(&server, "/v1/jobs", "key", small_form().text("size", "96")).await, StatusCode::ACCEPTED).await;
    let stored = server.stored_files().len();
    let styles = |first, second| {
        Form::new().part("content", file(png(48, 32))).part("style", file(first)).part("style", file(second))
    };
    for form in [
        small_form(),
        small_form().text("size", "97"),
        small_form().text("size", "96").text("seed", "1"),
        small_form().text("size", "96").text("priority", "low"),
        small_form().text("size", "96").text("start_within", "60"),
        small_form().text("size", "96").part("style", file(png(24, 40))),
        Form::new().part("content", file(png(48, 33))).part("style", file(png(24, 40))).text("size", "96"),
        Form::new().part("content", file(png(24, 40))).part("style", file(png(48, 32))).text("size", "96"),
    ] {
        let refused = problem(submit(&server, "/v1/jobs", "key", form).await, 422, "idempotency-mismatch").await;
        assert_eq!(refused["field"], "Idempotency-Key");
    }
    assert_eq!((count(&server).await, server.stored_files().len()), (1, stored));
    // Styles are told apart by their order.
    job(submit(&server, "/v1/jobs", "styles", styles(png(24, 40), png(40, 24))).await, StatusCode::ACCEPTED).await;
    let turned = submit(&server, "/v1/jobs", "styles", styles(png(40, 24), png(24, 40))).await;
    problem(turned, 422, "idempotency-mismatch").await;
}

#[tokio::test]
async fn requests_that_come_at_once_make_one_job() {
    let server = Server::start().await;
    let requests = (0..8).map(|_| submit(&server, "/v1/jobs", "at-once", small_form()));
    let mut statuses = Vec::new();
    let mut ids = HashSet::new();
    for response in join_all(requests).await {
        statuses.push(response.status());
        let job: Value = response.json().await.unwrap();
        ids.insert(job["id"].to_string());
    }
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::ACCEPTED).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::OK).count(), 7, "{statuses:?}");
    assert_eq!((ids.len(), count(&server).await), (1, 1));
    assert_eq!(server.stored_files().len(), 2);
}

#[tokio::test]
async fn a_repeat_does_not_fail_for_what_has_changed_since() {
    let server = Server::start_with(|settings| settings.max_queued = 1).await;
    let from = server.finished(&picture(48, 32)).await;
    let form = || small_form().text("initial_job", from["id"].as_str().unwrap().to_owned());
    let first = job(submit(&server, "/v1/jobs", "key", form()).await, StatusCode::ACCEPTED).await;
    // The job that it goes on from is gone, and the queue is full.
    server.delete(&path_of(&from)).await;
    let again = job(submit(&server, "/v1/jobs", "key", form()).await, StatusCode::OK).await;
    assert_eq!(again["id"], first["id"]);
}

#[tokio::test]
async fn a_repeat_does_not_fail_for_rules_that_have_changed_since() {
    let mut server = Server::start().await;
    let form = || small_form().text("webhook", "http://example.com/painted");
    let first = job(submit(&server, "/v1/jobs", "key", form()).await, StatusCode::ACCEPTED).await;
    server = server.restarted_with_webhooks(|webhooks| webhooks.allow_http = false).await;
    problem(submit(&server, "/v1/jobs", "another", form()).await, 422, "invalid-option").await;
    let again = job(submit(&server, "/v1/jobs", "key", form()).await, StatusCode::OK).await;
    assert_eq!(again["id"], first["id"]);
}

#[tokio::test]
async fn a_picture_that_is_asked_for_twice_is_painted_once() {
    let server = Server::start().await;
    let form = || small_form().text("size", "96");
    let path = path_of(&job(submit(&server, "/v1/jobs", "key", form()).await, StatusCode::ACCEPTED).await);
    let claim = server.claim().await;
    server.finish(&claim, &picture(48, 32)).await;
    // Where an option is given is no part of what is asked for.
    let response = submit(&server, "/v1/paint?size=96", "key", small_form()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(response.headers(), "content-location"), format!("{path}/result?format=png"));
    assert_eq!(count(&server).await, 1);
}

#[tokio::test]
async fn a_key_is_one_word() {
    let server = Server::start().await;
    for key in ["", "two words", "\u{e9}", &"x".repeat(256)] {
        let refused = problem(submit(&server, "/v1/jobs", key, small_form()).await, 422, "invalid-header").await;
        assert_eq!(refused["field"], "Idempotency-Key");
    }
    let twice = server.request(Method::POST, "/v1/jobs").header("idempotency-key", "a").header("idempotency-key", "b");
    problem(twice.multipart(small_form()).send().await.unwrap(), 422, "invalid-header").await;
    assert_eq!(count(&server).await, 0);
    job(submit(&server, "/v1/jobs", &"~".repeat(255), small_form()).await, StatusCode::ACCEPTED).await;
}
