//! Pictures that are waited for.

use std::time::Duration;

use impasto_jobs::{JobError, JobId, Sight, Status};
use impasto_picture::{DecodeLimits, Encoding, Format, JpegQuality, Picture};
use reqwest::{Method, Response, StatusCode, redirect::Policy};
use serde_json::Value;
use tokio::time::timeout;

use crate::common::{Server, header, id_of, path_of, picture, problem, small_form};

/// Far longer than anything here takes.
const AT_MOST: Duration = Duration::from_secs(60);

async fn paint(server: &Server, query: &str) -> Response {
    // A redirect is what some of these are about.
    let client = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    let request = client.post(server.url(&format!("/v1/paint{query}"))).multipart(small_form());
    timeout(AT_MOST, request.send()).await.expect("no answer").unwrap()
}

/// The one job that there is, once there is one.
async fn the_job(server: &Server) -> JobId {
    let found = async {
        loop {
            let list: Value = server.get("/v1/jobs").await.json().await.unwrap();
            if let Some(job) = list["jobs"].get(0) {
                return id_of(job);
            }
        }
    };
    timeout(AT_MOST, found).await.expect("no job came")
}

/// Plays the worker of the one job: finishes it with `painted`.
async fn finish(server: &Server, painted: &Picture) {
    the_job(server).await;
    let claim = server.claim().await;
    server.finish(&claim, painted).await;
}

async fn status(server: &Server, id: JobId) -> Status {
    server.jobs.find(id, &Sight::All).await.unwrap().unwrap().status
}

#[tokio::test]
async fn the_answer_is_the_picture() {
    let server = Server::start().await;
    let painted = picture(48, 32);
    let (response, ()) = tokio::join!(paint(&server, "?size=96&epochs=19"), finish(&server, &painted));
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers().clone();
    assert_eq!(header(&headers, "content-type"), "image/png");
    assert_eq!(header(&headers, "cache-control"), "no-store");
    assert_eq!(response.bytes().await.unwrap(), painted.encode(Format::Png).unwrap());

    let path = path_of(&server.get(&format!("/v1/jobs/{}", the_job(&server).await)).await.json().await.unwrap());
    assert_eq!(header(&headers, "link"), format!("<{path}>; rel=\"describedby\""));
    let result = server.get(header(&headers, "content-location")).await;
    assert_eq!(header(result.headers(), "etag"), header(&headers, "etag"));
    assert_eq!(result.bytes().await.unwrap(), painted.encode(Format::Png).unwrap());
    let job: Value = server.get(&path).await.json().await.unwrap();
    assert_eq!(job["recipe"]["stages"][0]["width"], 96);
}

#[tokio::test]
async fn the_line_of_curl_works_as_it_stands() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        std::fs::write(folder.path().join(name), crate::common::png(48, 32)).unwrap();
    }
    let line = format!("curl -sSf -F content=@a -F style=@b '{}' -o painted.png", server.url("/v1/paint?size=256"));
    let curl =
        tokio::process::Command::new("sh").args(["-c", &line]).current_dir(folder.path()).kill_on_drop(true).status();
    let painted = picture(48, 32);
    let (curled, ()) = tokio::join!(timeout(AT_MOST, curl), finish(&server, &painted));
    assert!(curled.expect("curl does not end").unwrap().success());
    assert_eq!(std::fs::read(folder.path().join("painted.png")).unwrap(), painted.encode(Format::Png).unwrap());
}

#[tokio::test]
async fn the_picture_comes_in_the_format_asked_for() {
    let server = Server::start().await;
    let painted = picture(48, 32);
    let asked = paint(&server, "?format=jpeg&quality=50&download=beach");
    let (response, ()) = tokio::join!(asked, finish(&server, &painted));
    let headers = response.headers().clone();
    assert_eq!(header(&headers, "content-type"), "image/jpeg");
    assert_eq!(header(&headers, "content-disposition"), "attachment; filename=\"beach.jpg\"");
    assert!(header(&headers, "content-location").ends_with("/result?format=jpeg&quality=50"));
    let encoding = Encoding { format: Format::Jpeg, quality: JpegQuality::new(50).unwrap() };
    let stored = Picture::decode(&painted.encode(Format::Png).unwrap(), &DecodeLimits::default()).unwrap();
    assert_eq!(response.bytes().await.unwrap(), stored.encode(encoding).unwrap());
}

#[tokio::test]
async fn a_picture_that_takes_too_long_is_left_to_its_job() {
    let server = Server::start_with(|settings| settings.sync_seconds = 1).await;
    let response = paint(&server, "").await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let location = header(response.headers(), "location").to_owned();
    assert!(!response.headers().contains_key("preference-applied"));
    assert_eq!(location, format!("/v1/jobs/{}", the_job(&server).await));
    let job: Value = response.json().await.unwrap();
    assert_eq!((path_of(&job), &job["status"]), (location, &"queued".into()));
    assert_eq!(status(&server, id_of(&job)).await, Status::Queued, "its client knows of it");
}

#[tokio::test]
async fn a_client_may_wait_for_less_than_it_could() {
    let server = Server::start().await;
    let request = server.request(Method::POST, "/v1/jobs").header("prefer", "wait=1").multipart(small_form());
    let response = timeout(AT_MOST, request.send()).await.unwrap().unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(header(response.headers(), "preference-applied"), "wait=1");
    assert!(response.headers().contains_key("location"));
}

#[tokio::test]
async fn a_job_is_answered_when_it_has_ended_where_that_is_preferred() {
    let server = Server::start_with(|settings| settings.sync_seconds = 50).await;
    let request = server.request(Method::POST, "/v1/jobs").header("prefer", "wait=99").multipart(small_form());
    let painted = picture(48, 32);
    let (response, ()) =
        tokio::join!(async { timeout(AT_MOST, request.send()).await.unwrap().unwrap() }, finish(&server, &painted));
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(response.headers(), "preference-applied"), "wait=50");
    let location = header(response.headers(), "location").to_owned();
    let job: Value = response.json().await.unwrap();
    assert_eq!((&job["status"], path_of(&job)), (&"succeeded".into(), location));
}

#[tokio::test]
async fn a_failure_is_told_as_what_it_is() {
    for (kind, expected) in [
        (JobError::INPUT, 422),
        (JobError::BACKBONE_UNAVAILABLE, 503),
        (JobError::NOT_STARTED, 503),
        ("out_of_memory", 500),
        (JobError::WORKER_CRASHED, 500),
    ] {
        let server = Server::start().await;
        let (response, ()) = tokio::join!(paint(&server, ""), async {
            the_job(&server).await;
            let claim = server.claim().await;
            let error = JobError { kind: kind.to_owned(), message: "a sentence for people".to_owned() };
            server.jobs.fail(&claim.key, &error).await.unwrap();
        });
        assert_eq!(response.headers().contains_key("retry-after"), expected == 503);
        let problem = problem(response, expected, "job-failed").await;
        assert!(problem["detail"].as_str().unwrap().contains("a sentence for people"), "{problem}");
    }
}

#[tokio::test]
async fn a_job_that_is_canceled_or_deleted_has_no_picture() {
    let server = Server::start().await;
    let (response, _) = tokio::join!(paint(&server, ""), async {
        let id = the_job(&server).await;
        server.post(&format!("/v1/jobs/{id}/cancel")).await
    });
    problem(response, 409, "no-result").await;
    let id = the_job(&server).await;
    server.delete(&format!("/v1/jobs/{id}")).await;
    let (response, _) = tokio::join!(paint(&server, ""), async {
        let id = the_job(&server).await;
        server.delete(&format!("/v1/jobs/{id}")).await
    });
    problem(response, 404, "no-such-job").await;
}

#[tokio::test]
async fn nobody_paints_for_a_client_that_has_gone() {
    let server = Server::start().await;
    let id = {
        let waiting = paint(&server, "");
        tokio::pin!(waiting);
        tokio::select! {
            response = &mut waiting => panic!("answered {}", response.status()),
            id = the_job(&server) => id,
        }
    };
    let canceled = async {
        while status(&server, id).await != Status::Canceled {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(AT_MOST, canceled).await.expect("the job goes on");
}

#[tokio::test]
async fn a_client_that_may_ask_again_finds_its_job_going_on() {
    let mut server = Server::start().await;
    let ask = |server: &Server| {
        server.request(Method::POST, "/v1/paint").header("idempotency-key", "beach").multipart(small_form()).send()
    };
    let id = {
        let waiting = ask(&server);
        tokio::pin!(waiting);
        tokio::select! {
            response = &mut waiting => panic!("answered {response:?}"),
            id = the_job(&server) => id,
        }
    };
    // The service has seen it go once it has no connection open any more; whatever that did is done by then.
    server = server.restarted().await;
    assert_eq!(status(&server, id).await, Status::Queued);
    let painted = picture(48, 32);
    let (response, ()) = tokio::join!(async { timeout(AT_MOST, ask(&server)).await.unwrap().unwrap() }, async {
        let claim = server.claim().await;
        assert_eq!(claim.key.job, id);
        server.finish(&claim, &painted).await;
    });
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.bytes().await.unwrap(), painted.encode(Format::Png).unwrap());
}

#[tokio::test]
async fn who_finds_no_room_to_wait_is_told_that_it_did_not() {
    let server = Server::start_with(|settings| settings.max_waiting = 0).await;
    for path in ["/v1/jobs", "/v1/paint"] {
        let client = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        let request = client.post(server.url(path)).header("prefer", "wait=30").multipart(small_form());
        let response = timeout(AT_MOST, request.send()).await.unwrap().unwrap();
        assert!([StatusCode::ACCEPTED, StatusCode::SEE_OTHER].contains(&response.status()));
        assert!(!response.headers().contains_key("preference-applied"), "{path}");
    }
}

#[tokio::test]
async fn the_job_of_a_client_that_only_preferred_to_wait_goes_on_without_it() {
    let server = Server::start().await;
    let id = {
        let request = server.request(Method::POST, "/v1/jobs").header("prefer", "wait=50").multipart(small_form());
        let waiting = request.send();
        tokio::pin!(waiting);
        tokio::select! {
            response = &mut waiting => panic!("answered {:?}", response),
            id = the_job(&server) => id,
        }
    };
    // The service has seen it go once it has no connection open any more; whatever that did is done by then.
    server.shutdown.cancel();
    timeout(AT_MOST, server.running).await.unwrap().unwrap().unwrap();
    assert_eq!(server.jobs.find(id, &Sight::All).await.unwrap().unwrap().status, Status::Queued);
}

#[tokio::test]
async fn an_option_is_given_in_one_place() {
    let server = Server::start().await;
    let request = server.request(Method::POST, "/v1/paint?size=96").multipart(small_form().text("size", "128"));
    let refused = problem(request.send().await.unwrap(), 422, "invalid-option").await;
    assert_eq!(refused["field"], "size");
    for (query, kind, field) in [
        ("?sise=96", "invalid-query", "sise"),
        ("?content=a", "invalid-query", "content"),
        ("?size=huge", "invalid-option", "size"),
        ("?format=gif", "invalid-query", "format"),
        ("?quality=50", "invalid-query", "quality"),
        ("?priority=urgent", "invalid-option", "priority"),
        ("?format=png&format=png", "invalid-query", "format"),
    ] {
        let refused = problem(paint(&server, query).await, 422, kind).await;
        assert_eq!(refused["field"], field, "{query}");
    }
    assert!(server.stored_files().is_empty());
}

#[tokio::test]
async fn whoever_waits_is_led_to_the_job_when_the_service_stops() {
    let server = Server::start_with(|settings| settings.shutdown_seconds = 600).await;
    let (response, ()) = tokio::join!(paint(&server, ""), async {
        the_job(&server).await;
        server.shutdown.cancel();
    });
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
}
