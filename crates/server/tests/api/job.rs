//! Looking at jobs, waiting for them, stopping and forgetting them.

use impasto_jobs::{BlobKey, JobError};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::common::{Server, entry, fingerprint, header, id_of, path_of, picture, png, problem};

#[tokio::test]
async fn a_job_is_seen_through_all_of_its_life() {
    let server = Server::start().await;
    let job = server.submitted().await;
    let path = path_of(&job);
    assert_eq!(server.get(&path).await.json::<Value>().await.unwrap(), job);

    let claim = server.claim().await;
    server.jobs.record_progress(&claim.key, &entry(1, 10)).await.unwrap();
    server.jobs.record_progress(&claim.key, &entry(2, 30)).await.unwrap();
    let response = server.get(&path).await;
    let retry_after = header(response.headers(), "retry-after").to_owned();
    let seen: Value = response.json().await.unwrap();
    assert_eq!(seen["status"], "running");
    assert_eq!(seen["attempt"], 1);
    assert_eq!(seen["queue_position"], Value::Null);
    assert_eq!(seen["fingerprint"], serde_json::to_value(fingerprint()).unwrap());
    assert!(seen["started_at"].is_string());
    let progress = &seen["progress"];
    assert_eq!(progress["stage"], 2);
    assert_eq!(progress["epoch"], 30);
    assert_eq!(progress["epochs"], 32);
    assert_eq!(progress["losses"], json!([entry(1, 10), entry(2, 30)]));
    let (fraction, eta) = (progress["fraction"].as_f64().unwrap(), progress["eta_seconds"].as_f64().unwrap());
    assert!(fraction > 0.1 && fraction < 0.9, "{fraction}");
    assert!(eta > 10.0, "{eta}");
    assert_eq!(retry_after, "3", "the next progress entry comes after 10 epochs of 0.25 s");

    server.jobs.record_progress(&claim.key, &entry(5, 18)).await.unwrap();
    server.finish(&claim, &picture(48, 32)).await;
    let response = server.get(&path).await;
    assert!(!response.headers().contains_key("retry-after"));
    let seen: Value = response.json().await.unwrap();
    assert_eq!(seen["status"], "succeeded");
    assert_eq!(seen["progress"]["fraction"], 1.0);
    assert_eq!(seen["progress"]["eta_seconds"], Value::Null);
    assert!(seen["finished_at"].is_string());
}

#[tokio::test]
async fn a_failed_job_says_why() {
    let server = Server::start().await;
    let path = path_of(&server.submitted().await);
    let claim = server.claim().await;
    let error = JobError { kind: "out_of_memory".to_owned(), message: "the GPU is too small".to_owned() };
    server.jobs.fail(&claim.key, &error).await.unwrap();
    let seen: Value = server.get(&path).await.json().await.unwrap();
    assert_eq!(seen["status"], "failed");
    assert_eq!(seen["error"], json!({"kind": "out_of_memory", "message": "the GPU is too small"}));
    problem(server.get(&format!("{path}/result")).await, 409, "no-result").await;
    problem(server.post(&format!("{path}/cancel")).await, 409, "already-finished").await;
}

#[tokio::test]
async fn the_tag_is_the_revision() {
    let server = Server::start().await;
    let path = path_of(&server.submitted().await);
    let tag = |response: &reqwest::Response| header(response.headers(), "etag").to_owned();
    let first = tag(&server.get(&path).await);
    for known in [first.clone(), first.replace("W/", ""), format!("\"other\", {first}"), "*".to_owned()] {
        let response = server.get_with(&path, "if-none-match", &known).await;
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{known}");
        assert_eq!(tag(&response), first);
        assert!(response.headers().contains_key("retry-after"));
        assert!(response.bytes().await.unwrap().is_empty());
    }
    assert_eq!(server.get_with(&path, "if-none-match", "\"other\"").await.status(), StatusCode::OK);
    server.claim().await;
    let response = server.get_with(&path, "if-none-match", &first).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_ne!(tag(&response), first);
}

#[tokio::test]
async fn a_wait_with_a_tag_ends_when_the_revision_differs() {
    let server = Server::start().await;
    let path = path_of(&server.submitted().await);
    let claim = server.claim().await;
    let response = server.get(&path).await;
    let tag = header(response.headers(), "etag").to_owned();
    let waiting = format!("{path}?wait=30");
    let (response, ()) = tokio::join!(server.get_with(&waiting, "if-none-match", &tag), async {
        server.jobs.record_progress(&claim.key, &entry(1, 10)).await.unwrap();
    });
    assert_eq!(response.status(), StatusCode::OK);
    assert_ne!(header(response.headers(), "etag"), tag);
    // A client that is behind already does not wait at all.
    let response = server.get_with(&waiting, "if-none-match", &tag).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_wait_without_a_tag_ends_at_the_next_change() {
    let server = Server::start().await;
    let path = path_of(&server.submitted().await);
    let claim = server.claim().await;
    let before: Value = server.get(&path).await.json().await.unwrap();
    let url = format!("{path}?wait=30");
    let waiting = server.get(&url);
    tokio::pin!(waiting);
    // Nobody says when the request has begun to wait, so there are changes until it has seen one.
    let mut epoch = 0;
    let response = loop {
        epoch += 1;
        let entry = entry(1, epoch);
        tokio::select! {
            response = &mut waiting => break response,
            recorded = server.jobs.record_progress(&claim.key, &entry) => recorded.unwrap(),
        }
    };
    let after: Value = response.json().await.unwrap();
    assert!(after["revision"].as_u64() > before["revision"].as_u64());
}

#[tokio::test]
async fn a_wait_that_is_over_says_so() {
    let server = Server::start().await;
    let path = path_of(&server.submitted().await);
    let tag = header(server.get(&path).await.headers(), "etag").to_owned();
    for seconds in [0, 1] {
        let waiting = format!("{path}?wait={seconds}");
        assert_eq!(server.get_with(&waiting, "if-none-match", &tag).await.status(), StatusCode::NOT_MODIFIED);
        let response = server.get(&waiting).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(response.headers(), "etag"), tag);
    }
}

#[tokio::test]
async fn nobody_waits_for_a_job_that_has_ended() {
    let server = Server::start().await;
    let path = path_of(&server.finished(&picture(48, 32)).await);
    // Longer than allowed is as long as allowed; either would make this test slow.
    let waiting = format!("{path}?wait=3600");
    let response = server.get(&waiting).await;
    assert_eq!(response.status(), StatusCode::OK);
    let tag = header(response.headers(), "etag").to_owned();
    assert_eq!(server.get_with(&waiting, "if-none-match", &tag).await.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn a_wait_ends_when_the_job_is_deleted() {
    let server = Server::start().await;
    let job = server.submitted().await;
    let path = path_of(&job);
    let tag = header(server.get(&path).await.headers(), "etag").to_owned();
    let waiting = format!("{path}?wait=30");
    let (response, _) = tokio::join!(server.get_with(&waiting, "if-none-match", &tag), server.delete(&path));
    problem(response, 404, "no-such-job").await;
}

#[tokio::test]
async fn a_wait_ends_when_the_service_stops() {
    let server = Server::start_with(|settings| settings.shutdown_seconds = 600).await;
    let path = path_of(&server.submitted().await);
    let mut waiting = TcpStream::connect(server.addr).await.unwrap();
    let request = format!("GET {path}?wait=30 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    waiting.write_all(request.as_bytes()).await.unwrap();
    // A request behind it has been answered, so it has been read.
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
    server.shutdown.cancel();
    server.running.await.unwrap().unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut waiting, &mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn waits_that_cannot_be() {
    let server = Server::start().await;
    let path = path_of(&server.submitted().await);
    for query in ["wait=abc", "wait=-1", "wait=1.5", "wait=", "wait=1&wait=2"] {
        let problem = problem(server.get(&format!("{path}?{query}")).await, 422, "invalid-query").await;
        assert_eq!(problem["field"], "wait");
    }
    let problem = problem(server.get(&format!("{path}?await=1")).await, 422, "invalid-query").await;
    assert_eq!(problem["field"], "await");
}

#[tokio::test]
async fn a_queued_job_is_canceled_at_once() {
    let server = Server::start().await;
    let path = path_of(&server.submitted().await);
    let response = server.post(&format!("{path}/cancel")).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(response.json::<Value>().await.unwrap()["status"], "canceled");
    problem(server.post(&format!("{path}/cancel")).await, 409, "already-finished").await;
    problem(server.get(&format!("{path}/result")).await, 409, "no-result").await;
}

#[tokio::test]
async fn a_running_job_is_asked_to_stop() {
    let server = Server::start().await;
    let path = path_of(&server.submitted().await);
    let claim = server.claim().await;
    for _ in 0..2 {
        let response = server.post(&format!("{path}/cancel")).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        let job: Value = response.json().await.unwrap();
        assert_eq!((&job["status"], &job["cancel_requested"]), (&json!("running"), &json!(true)));
    }
    server.jobs.cancel(&claim.key).await.unwrap();
    assert_eq!(server.get(&path).await.json::<Value>().await.unwrap()["status"], "canceled");
}

#[tokio::test]
async fn a_deleted_job_is_gone_with_its_blobs() {
    let server = Server::start().await;
    let job = server.submitted().await;
    let kept = server.submitted().await;
    let claim = server.claim().await;
    let (checkpoint, preview) = (BlobKey::checkpoint(&claim.key, 1), BlobKey::preview(&claim.key, 1));
    server.blobs.put(&checkpoint, vec![1].into()).await.unwrap();
    server.blobs.put(&preview, png(8, 8).into()).await.unwrap();
    server.jobs.save_checkpoint(&claim.key, &checkpoint, &preview).await.unwrap();
    let path = path_of(&job);
    let response = server.delete(&path).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert!(response.bytes().await.unwrap().is_empty());
    problem(server.get(&path).await, 404, "no-such-job").await;
    problem(server.delete(&path).await, 404, "no-such-job").await;
    assert!(server.stored_files().iter().all(|file| file.to_string_lossy().contains(&id_of(&kept).to_string())));
    assert_eq!(server.stored_files().len(), 2);
}

#[tokio::test]
async fn there_is_no_such_job() {
    let server = Server::start().await;
    for id in ["0198c0de-0000-7000-8000-000000000000", "abc", "%00", "%ff", "..%2f..%2fetc%2fpasswd"] {
        let path = format!("/v1/jobs/{id}");
        problem(server.get(&path).await, 404, "no-such-job").await;
        problem(server.delete(&path).await, 404, "no-such-job").await;
        problem(server.post(&format!("{path}/cancel")).await, 404, "no-such-job").await;
        problem(server.get(&format!("{path}/result")).await, 404, "no-such-job").await;
        problem(server.get(&format!("{path}/preview")).await, 404, "no-such-job").await;
    }
}
