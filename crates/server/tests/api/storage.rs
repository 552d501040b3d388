//! Stores that fail, and bounds that are met, under the API.

use std::time::Duration;

use impasto_jobs::{JobQuery, Retention, Scope, Sight, Sweeper};
use impasto_server::LimitSettings;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::{
    common::{Server, header, problem, small_form},
    faults::FullDatabase,
    faulty_jobs::Fault,
    keys::{key, with},
};

/// More failures than any test asks for.
const FOR_GOOD: u64 = 1_000_000;

async fn wait_until_ready(server: &Server) {
    // An answer of up to a second ago may be told again.
    while server.get("/readyz").await.status() != StatusCode::OK {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn jobs(server: &Server) -> usize {
    server.jobs.list(&JobQuery { limit: 100, ..JobQuery::default() }, &Sight::All).await.unwrap().jobs.len()
}

/// Deletes what no job names.
async fn sweep(server: &Server) {
    let mut sweeper = Sweeper::new(server.jobs.clone(), server.blobs.clone(), Retention::default(), Duration::ZERO);
    sweeper.sweep().await.unwrap();
}

#[tokio::test]
async fn a_full_database_is_told_and_forgotten() {
    let server = Server::start().await;
    let submitted = server.submitted().await;
    let path = format!("/v1/jobs/{}", submitted["id"].as_str().unwrap());
    let disk = FullDatabase::at(&server.database()).await;
    for _ in 0..2 {
        disk.begin().await;
        for _ in 0..3 {
            let refused = server.submit(small_form()).await;
            assert_eq!(header(refused.headers(), "retry-after"), "5");
            problem(refused, 503, "unavailable").await;
            problem(server.post(&format!("{path}/cancel")).await, 503, "unavailable").await;
            problem(server.delete(&path).await, 503, "unavailable").await;
            assert_eq!(server.get(&path).await.status(), StatusCode::OK, "questions are answered");
        }
        while server.get("/readyz").await.status() != StatusCode::SERVICE_UNAVAILABLE {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
        disk.end().await;
        assert_eq!(server.submit(small_form()).await.status(), StatusCode::ACCEPTED);
        wait_until_ready(&server).await;
    }
    assert_eq!(jobs(&server).await, 3);
    sweep(&server).await;
    assert_eq!(server.stored_files().len(), 2 * 3, "nothing of a refused job is left");
}

#[tokio::test]
async fn a_job_whose_submission_was_not_answered_has_its_pictures() {
    let (server, faulty) = Server::start_on_faulty_jobs(LimitSettings::default()).await;
    let submit =
        || server.request(Method::POST, "/v1/jobs").header("idempotency-key", "k").multipart(small_form()).send();
    faulty.next("submit", Fault::LosesAnswer, 1);
    problem(submit().await.unwrap(), 503, "unavailable").await;
    assert_eq!(submit().await.unwrap().status(), StatusCode::OK, "it is there");
    sweep(&server).await;
    let claim = server.claim().await;
    for picture in claim.styles.iter().chain([&claim.content]) {
        server.blobs.get(picture).await.unwrap();
    }

    faulty.next("submit", Fault::Fails, 1);
    problem(server.submit(small_form()).await, 503, "unavailable").await;
    sweep(&server).await;
    assert_eq!((jobs(&server).await, server.stored_files().len()), (1, 2), "what no job names is swept");
}

#[tokio::test]
async fn a_request_waits_once_for_a_job_store_that_is_away() {
    let (server, faulty) = Server::start_on_faulty_jobs(LimitSettings::default()).await;
    faulty.next("has_keys", Fault::Hangs, 1);
    problem(server.get("/v1/jobs").await, 503, "unavailable").await;
    assert_eq!((faulty.asked("has_keys"), faulty.asked("take_turn")), (1, 0));
    let key = key(&server, "a", &[Scope::Read]).await;
    faulty.next("find_key", Fault::Hangs, 1);
    let ask = || with(server.request(Method::GET, "/v1/jobs"), &key);
    problem(ask().await, 503, "unavailable").await;
    assert_eq!(faulty.asked("take_turn"), 0, "who cannot be told apart is counted here alone");
    assert_eq!(ask().await.status(), StatusCode::OK);
}

#[tokio::test]
async fn blobs_that_cannot_be_written_refuse_a_job_and_leave_nothing() {
    let (server, faulty) = Server::start_on_faulty(|_| {}).await;
    for word in ["content", "style"] {
        faulty.writes().fail(word, FOR_GOOD);
        problem(server.submit(small_form()).await, 503, "unavailable").await;
        faulty.writes().end();
        assert!(faulty.blobs_named("").await.is_empty(), "{word}");
        assert_eq!(jobs(&server).await, 0);
    }
    assert_eq!(server.submit(small_form()).await.status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn one_answer_of_readiness_is_shared_by_all_who_ask() {
    let (server, faulty) = Server::start_on_faulty(|_| {}).await;
    faulty.writes().hold("content");
    let asking = futures::future::join_all((0..20).map(|_| server.get("/readyz")));
    let let_go = async {
        // All of them wait for the one that asked first.
        tokio::time::sleep(Duration::from_millis(50)).await;
        faulty.writes().end();
    };
    let (answers, ()) = tokio::join!(asking, let_go);
    assert!(answers.iter().all(|answer| answer.status() == StatusCode::OK));
    assert_eq!(faulty.written(), 1, "it was written once");
}

#[tokio::test]
async fn stores_that_hang_are_not_ready() {
    let (server, faulty) = Server::start_on_faulty(|_| {}).await;
    faulty.writes().hold("content");
    problem(server.get("/readyz").await, 503, "unavailable").await;
    faulty.writes().end();
    wait_until_ready(&server).await;
}

#[tokio::test]
async fn who_finds_no_room_waits_and_is_then_asked_to_come_again() {
    let (server, faulty) = Server::start_on_faulty(|settings| {
        settings.max_uploads = 1.try_into().unwrap();
        settings.busy_seconds = 1;
    })
    .await;
    faulty.writes().hold("content");
    // Whichever comes second is refused; the other one goes on as soon as it can.
    let both = [server.submit(small_form()), server.submit(small_form())].map(Box::pin);
    let (refused, _, other) = futures::future::select_all(both).await;
    assert_eq!(header(refused.headers(), "retry-after"), "10");
    problem(refused, 503, "busy").await;
    faulty.writes().end();
    assert_eq!(futures::future::join_all(other).await[0].status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_picture_beyond_the_bound_of_memory_is_decoded_alone() {
    let server = Server::start_with(|settings| settings.decode_bytes = 1.try_into().unwrap()).await;
    let forms = futures::future::join_all((0..10).map(|_| server.submit(small_form()))).await;
    assert!(forms.iter().all(|answer| answer.status() == StatusCode::ACCEPTED));
}

#[tokio::test]
async fn auto_is_settled_when_a_job_is_submitted() {
    let server = Server::start().await;
    assert_eq!(server.submitted().await["recipe"]["backbone"], "vgg16");
    let asked: Value = server.submit(small_form().text("backbone", "auto")).await.json().await.unwrap();
    assert_eq!(asked["recipe"]["backbone"], "vgg16");
}
