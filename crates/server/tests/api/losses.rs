//! The losses of a job: some with the job, all of them by themselves.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::common::{Server, entry, header, path_of, picture, problem};

/// A running job that has reported `epochs` times.
async fn running(server: &Server, epochs: u32) -> String {
    let path = path_of(&server.submitted().await);
    let claim = server.claim().await;
    for epoch in 1..=epochs {
        server.jobs.record_progress(&claim.key, &entry(1, epoch)).await.unwrap();
    }
    path
}

#[tokio::test]
async fn a_job_carries_some_losses_and_links_all_of_them() {
    let server = Server::start().await;
    let path = running(&server, 250).await;
    let job: Value = server.get(&path).await.json().await.unwrap();
    let carried: Vec<u64> =
        job["progress"]["losses"].as_array().unwrap().iter().map(|entry| entry["epoch"].as_u64().unwrap()).collect();
    let expected: Vec<u64> = (1..=250).step_by(2).chain([250]).collect();
    assert_eq!(carried, expected);
    assert_eq!(job["progress"]["epoch"], 250);
    let all: Value = server.get(job["links"]["losses"].as_str().unwrap()).await.json().await.unwrap();
    let every: Vec<_> = (1..=250).map(|epoch| entry(1, epoch)).collect();
    assert_eq!(all, json!({ "losses": every }));
}

#[tokio::test]
async fn a_list_carries_no_losses_and_still_says_how_far_its_jobs_are() {
    let server = Server::start().await;
    let path = running(&server, 3).await;
    let job: Value = server.get(&path).await.json().await.unwrap();
    let list: Value = server.get("/v1/jobs").await.json().await.unwrap();
    let listed = &list["jobs"][0]["progress"];
    assert_eq!(listed["losses"], json!([]));
    for told in ["stage", "epoch", "fraction", "eta_seconds"] {
        assert_eq!(listed[told], job["progress"][told], "{told}");
    }
    assert_eq!(listed["epoch"], 3);
}

#[tokio::test]
async fn losses_are_told_from_where_the_client_is() {
    let server = Server::start().await;
    let path = path_of(&server.submitted().await);
    let claim = server.claim().await;
    let all = [entry(1, 10), entry(1, 20), entry(2, 5)];
    for entry in &all {
        server.jobs.record_progress(&claim.key, entry).await.unwrap();
    }
    for (after, first) in [("0.0", 0), ("1.0", 0), ("1.10", 1), ("1.15", 1), ("1.20", 2), ("2.5", 3), ("9.9", 3)] {
        let response = server.get(&format!("{path}/losses?after={after}")).await;
        assert_eq!(response.json::<Value>().await.unwrap(), json!({"losses": all[first..]}), "{after}");
    }
    for after in ["", "1", "1.", ".1", "1.2.3", "-1.2", "1.+2", "one.two", "1,2", "99999999999.1"] {
        let problem = problem(server.get(&format!("{path}/losses?after={after}")).await, 422, "invalid-query").await;
        assert_eq!(problem["field"], "after", "{after}");
    }
}

#[tokio::test]
async fn losses_are_tagged_by_the_jobs_revision() {
    let server = Server::start().await;
    let path = running(&server, 2).await;
    let losses = format!("{path}/losses");
    let response = server.get(&losses).await;
    let tag = header(response.headers(), "etag").to_owned();
    assert_eq!(tag, header(server.get(&path).await.headers(), "etag"));
    let response = server.get_with(&losses, "if-none-match", &tag).await;
    assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(header(response.headers(), "etag"), tag);
    assert!(response.bytes().await.unwrap().is_empty());
    let other = format!("{losses}?after=1.1");
    assert_eq!(server.get_with(&other, "if-none-match", "W/\"1\"").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_job_that_is_not_there_has_no_losses() {
    let server = Server::start().await;
    let path = path_of(&server.finished(&picture(48, 32)).await);
    assert_eq!(server.delete(&path).await.status(), StatusCode::NO_CONTENT);
    problem(server.get(&format!("{path}/losses")).await, 404, "no-such-job").await;
    problem(server.get("/v1/jobs/abc/losses").await, 404, "no-such-job").await;
}
