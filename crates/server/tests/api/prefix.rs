//! Behind a proxy that serves the service under a path, beside other things.

use std::time::Duration;

use impasto_jobs::{Scope, WorkerName};
use impasto_server::Settings;
use reqwest::{Client, Method, Response, StatusCode, redirect};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    common::{Server, entry, fingerprint, header, picture, problem, small_form},
    keys::key,
    proxy::{Manners, Proxy},
};

/// Far longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(30);

const TAKES_IT_OFF: Manners =
    Manners { prefix: "/impasto", leaves_prefix: false, tells_prefix: false, events: crate::proxy::Events::Pass };
const LEAVES_IT_ON: Manners = Manners { leaves_prefix: true, ..TAKES_IT_OFF };
const TELLS_OF_IT: Manners = Manners { tells_prefix: true, ..TAKES_IT_OFF };

/// A service that knows by its settings where it is seen.
fn told(settings: &mut Settings) {
    settings.public_path = "/impasto/".to_owned();
}

/// A service that believes what its proxy says.
fn trusting(settings: &mut Settings) {
    settings.trusted_proxies = vec!["127.0.0.1".to_owned()];
}

async fn get(url: String) -> Response {
    let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
    client.get(url).send().await.unwrap()
}

#[tokio::test]
async fn every_way_of_a_job_leads_through_the_proxy() {
    for (manners, settings) in
        [(TAKES_IT_OFF, told as fn(&mut Settings)), (LEAVES_IT_ON, told), (TELLS_OF_IT, trusting)]
    {
        let server = Server::start_with(settings).await;
        let proxy = Proxy::start(server.addr, manners).await;
        let at = |path: &str| format!("{}{path}", proxy.base_url);
        let posting = Client::new().post(at("/impasto/v1/jobs")).multipart(small_form());
        let response = posting.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::ACCEPTED, "{manners:?}");
        let location = header(response.headers(), "location").to_owned();
        let job: Value = response.json().await.unwrap();
        assert_eq!(location, format!("/impasto/v1/jobs/{}", job["id"].as_str().unwrap()));
        assert_eq!(job["links"]["self"], location);

        let claim = server.claim().await;
        server.jobs.record_progress(&claim.key, &entry(1, 1)).await.unwrap();
        server.save(&claim, 1, &picture(8, 8)).await;
        server.finish(&claim, &picture(8, 8)).await;
        for (name, link) in job["links"].as_object().unwrap() {
            let link = link.as_str().unwrap();
            assert!(link.starts_with(&location), "{name}: {link}");
            let status = get(at(link)).await.status();
            let expected = if name == "cancel" { StatusCode::METHOD_NOT_ALLOWED } else { StatusCode::OK };
            assert_eq!(status, expected, "{manners:?}, {name}");
        }
        let list: Value = get(at("/impasto/v1/jobs")).await.json().await.unwrap();
        assert_eq!(list["jobs"][0]["links"], job["links"]);
        let events = timeout(PATIENCE, get(at(job["links"]["events"].as_str().unwrap())).await.text()).await;
        let events = events.unwrap().unwrap();
        assert!(events.contains(&format!("{{\"preview\":\"{location}/preview?v=")), "{events}");
        assert!(events.contains(&format!("\"self\":\"{location}\"")), "{events}");

        let nowhere = problem(get(at("/impasto/nowhere")).await, 404, "no-such-route").await;
        assert!(nowhere["detail"].as_str().unwrap().contains("/impasto/docs"), "{nowhere}");
    }
}

/// One job, made into JSON once for all who ask: the links of one client are not another's.
#[tokio::test]
async fn who_comes_by_another_way_gets_other_links() {
    let server = Server::start_with(|settings| {
        told(settings);
        trusting(settings);
    })
    .await;
    let job = server.submitted().await;
    let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    assert_eq!(job["links"]["self"], format!("/impasto{path}"));
    for _ in 0..2 {
        for (prefix, expected) in [("/other", "/other"), ("/impasto", "/impasto"), ("//evil.example", "/impasto")] {
            for coding in ["identity", "gzip"] {
                let request = server.request(Method::GET, &format!("{path}?wait=1"));
                let request = request.header("if-none-match", "W/\"none\"").header("x-forwarded-prefix", prefix);
                let response = request.header("accept-encoding", coding).send().await.unwrap();
                let mut body = response.bytes().await.unwrap().to_vec();
                if body.starts_with(&[0x1f, 0x8b]) {
                    let mut plain = Vec::new();
                    std::io::copy(&mut flate2::read::GzDecoder::new(&*body), &mut plain).unwrap();
                    body = plain;
                }
                let job: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(job["links"]["self"], format!("{expected}{path}"), "{prefix}, {coding}");
            }
        }
    }
}

#[tokio::test]
async fn what_an_untrusted_client_says_of_its_path_counts_for_nothing() {
    let server = Server::start().await;
    server.submitted().await;
    let list = server.get_with("/v1/jobs", "x-forwarded-prefix", "/evil").await;
    let list: Value = list.json().await.unwrap();
    assert!(list["jobs"][0]["links"]["self"].as_str().unwrap().starts_with("/v1/jobs/"), "{list}");
}

#[tokio::test]
async fn a_picture_that_is_waited_for_says_where_it_stays() {
    let server = Server::start_with(told).await;
    let proxy = Proxy::start(server.addr, LEAVES_IT_ON).await;
    let painting = Client::new().post(format!("{}/impasto/v1/paint?format=png", proxy.base_url));
    let painted = tokio::spawn(painting.multipart(small_form()).send());
    let worker = WorkerName("tester".to_owned());
    let claiming = async {
        loop {
            if let Some(claim) = server.jobs.claim(&worker, Duration::from_secs(600)).await.unwrap() {
                return claim;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let claim = timeout(PATIENCE, claiming).await.unwrap();
    server.jobs.begin(&claim.key, &fingerprint()).await.unwrap();
    server.finish(&claim, &picture(8, 8)).await;
    let response = timeout(PATIENCE, painted).await.unwrap().unwrap().unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let job = format!("/impasto/v1/jobs/{}", claim.key.job);
    assert_eq!(header(response.headers(), "content-location"), format!("{job}/result?format=png"));
    assert_eq!(header(response.headers(), "link"), format!("<{job}>; rel=\"describedby\""));
}

#[tokio::test]
async fn the_pages_ask_for_nothing_outside_of_their_path() {
    // Nobody has told this service that there is a path.
    let server = Server::start().await;
    let proxy = Proxy::start(server.addr, TAKES_IT_OFF).await;
    for page in ["/impasto/", "/impasto/docs"] {
        let text = get(format!("{}{page}", proxy.base_url)).await.text().await.unwrap();
        let references = ["href=\"", "src=\""].into_iter().flat_map(|attribute| text.split(attribute).skip(1));
        let references: Vec<&str> = references.filter_map(|rest| rest.split('"').next()).collect();
        let files =
            references.iter().filter(|reference| !reference.starts_with(['#', '.']) && !reference.contains(':'));
        let mut asked = 0;
        for file in files {
            assert!(!file.starts_with('/'), "{page} asks for {file}");
            assert_eq!(get(format!("{}/impasto/{file}", proxy.base_url)).await.status(), StatusCode::OK, "{file}");
            asked += 1;
        }
        assert!(asked >= 2, "{references:?}");
    }
}

#[tokio::test]
async fn the_description_says_where_the_service_is() {
    let server = Server::start_with(told).await;
    let proxy = Proxy::start(server.addr, LEAVES_IT_ON).await;
    let told = get(format!("{}/impasto/openapi.yaml", proxy.base_url)).await.text().await.unwrap();
    assert!(told.ends_with("\nservers:\n- url: /impasto\n"), "{}", &told[told.len() - 200..]);
    let elsewhere = Server::start().await;
    assert_eq!(elsewhere.get("/openapi.yaml").await.text().await.unwrap(), impasto_server::openapi_yaml());
}

#[tokio::test]
async fn the_page_without_its_slash_leads_to_itself() {
    let server = Server::start_with(told).await;
    for (query, location) in [("", "/impasto/"), ("?job=1&a=b", "/impasto/?job=1&a=b")] {
        let response = get(server.url(&format!("/impasto{query}"))).await;
        assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(header(response.headers(), "location"), location);
    }
    // Its own path alone is taken off.
    problem(get(server.url("/impastoso/v1/jobs")).await, 404, "no-such-route").await;
    assert_eq!(get(server.url("/v1/jobs?limit=1")).await.status(), StatusCode::OK);
    assert_eq!(get(server.url("/impasto/v1/jobs?limit=1")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_session_of_the_page_ends_where_its_path_does() {
    for (settings, path) in [(told as fn(&mut Settings), "/impasto"), (|_| {}, "/")] {
        let server = Server::start_with(settings).await;
        let secret = key(&server, "someone", &[Scope::Submit, Scope::Read]).await;
        for request in [
            server.request(Method::POST, "/v1/session").json(&json!({"key": secret})),
            server.request(Method::DELETE, "/v1/session"),
        ] {
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::NO_CONTENT);
            let cookie = header(response.headers(), "set-cookie").to_owned();
            assert!(cookie.split("; ").any(|part| part == format!("Path={path}")), "{cookie}");
        }
    }
}

#[tokio::test]
async fn a_path_that_is_none_is_refused_at_the_start() {
    for path in ["impasto", "/", "/a//b", "/a/../b", "https://example.com/impasto", "/a b"] {
        let server = Server::start_with(|settings| settings.public_path = path.to_owned()).await;
        let error = server.running.await.unwrap().unwrap_err();
        assert!(error.to_string().contains(&format!("public_path: '{path}'")), "{error}");
    }
}
