//! The list of jobs.

use serde_json::Value;

use crate::common::{Server, path_of, problem};

async fn page(server: &Server, query: &str) -> (Vec<String>, Option<String>) {
    let page: Value = server.get(&format!("/v1/jobs?{query}")).await.json().await.unwrap();
    let ids = page["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect();
    (ids, page["next"].as_str().map(str::to_owned))
}

#[tokio::test]
async fn pages_hold_every_job_once_the_newest_first() {
    let server = Server::start().await;
    let mut submitted = Vec::new();
    for _ in 0..5 {
        submitted.push(server.submitted().await["id"].as_str().unwrap().to_owned());
    }
    submitted.reverse();
    assert_eq!(page(&server, "").await, (submitted.clone(), None));

    let (first, next) = page(&server, "limit=2").await;
    assert_eq!(first, submitted[..2]);
    // A job that comes in between does not shift the pages.
    server.submitted().await;
    let (second, next) = page(&server, &format!("limit=2&cursor={}", next.unwrap())).await;
    assert_eq!(second, submitted[2..4]);
    let (third, next) = page(&server, &format!("limit=2&cursor={}", next.unwrap())).await;
    assert_eq!((third.as_slice(), next), (&submitted[4..], None));
}

#[tokio::test]
async fn jobs_are_found_by_status() {
    let server = Server::start().await;
    let running = server.submitted().await;
    let queued = server.submitted().await;
    let canceled = server.submitted().await;
    server.claim().await;
    server.post(&format!("{}/cancel", path_of(&canceled))).await;
    for (status, job) in [("running", running), ("queued", queued), ("canceled", canceled)] {
        assert_eq!(page(&server, &format!("status={status}")).await.0, [job["id"].as_str().unwrap()]);
    }
    assert_eq!(page(&server, "status=failed").await, (Vec::new(), None));
}

#[tokio::test]
async fn an_empty_list_is_a_list() {
    let server = Server::start().await;
    let list: Value = server.get("/v1/jobs").await.json().await.unwrap();
    assert_eq!(list, serde_json::json!({"jobs": [], "next": null}));
}

#[tokio::test]
async fn parameters_that_cannot_be() {
    let server = Server::start().await;
    for (query, field) in [
        ("status=done", "status"),
        ("status=", "status"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=many", "limit"),
        ("limit=2&limit=3", "limit"),
        ("cursor=xyz", "cursor"),
        ("state=queued", "state"),
    ] {
        let problem = problem(server.get(&format!("/v1/jobs?{query}")).await, 422, "invalid-query").await;
        assert_eq!(problem["field"], field, "{query}");
    }
}
