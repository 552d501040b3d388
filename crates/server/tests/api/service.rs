//! The service itself: pages, health, numbers, headers.

use std::{collections::BTreeSet, io::Write, time::Duration};

use impasto_metrics::Metrics;
use impasto_picture::READABLE_MIME;
use impasto_recipe::Options;
use impasto_server::{Exposition, Settings, run_metrics};
use reqwest::{Client, Method, StatusCode, multipart::Form, redirect};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::common::{Server, file, header, path_of, picture, png, problem, small_form};

/// Far longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn the_backbones_are_those_it_was_told_of() {
    let server = Server::start().await;
    let answer: Value = server.get("/v1/backbones").await.json().await.unwrap();
    let vgg16 = json!({"name": "vgg16", "default": true, "available": true, "source": "built in", "weights": null});
    let vgg19 = json!({"name": "vgg19", "default": false, "available": false, "source": null, "weights": null});
    assert_eq!(answer, json!({"backbones": [vgg16, vgg19]}));
}

#[tokio::test]
async fn pages_load_nothing_from_elsewhere() {
    let server = Server::start().await;
    for (path, kind) in [
        ("/", "text/html"),
        ("/docs", "text/html"),
        ("/studio.css", "text/css"),
        ("/docs.css", "text/css"),
        ("/studio.js", "text/javascript"),
        ("/session.js", "text/javascript"),
    ] {
        let response = server.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert!(header(response.headers(), "content-type").starts_with(kind), "{path}");
        let policy = header(response.headers(), "content-security-policy").to_owned();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
        let text = response.text().await.unwrap();
        for elsewhere in ["src=\"http", "href=\"http", "src=\"//", "href=\"//", "url(http", "@import"] {
            assert!(!text.contains(elsewhere), "{path} has {elsewhere}");
        }
    }
}

/// Every script is there that another one asks for: nothing else tells of a file that was forgotten.
#[tokio::test]
async fn the_page_has_all_of_its_scripts() {
    let server = Server::start().await;
    let (mut waiting, mut seen) = (vec!["studio.js".to_owned()], BTreeSet::new());
    while let Some(script) = waiting.pop() {
        if !seen.insert(script.clone()) {
            continue;
        }
        let response = server.get(&format!("/{script}")).await;
        assert_eq!(response.status(), StatusCode::OK, "{script}");
        let text = response.text().await.unwrap();
        let imports = text.lines().filter(|line| line.starts_with("import "));
        waiting.extend(imports.filter_map(|line| Some(line.split_once("'./")?.1.split_once('\'')?.0.to_owned())));
    }
    assert!(seen.len() > 5, "{seen:?}");
}

#[tokio::test]
async fn the_page_offers_the_files_that_can_be_read() {
    let server = Server::start().await;
    let page = server.get("/").await.text().await.unwrap();
    let offered: Vec<_> = page.split("accept=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(offered, vec![READABLE_MIME.join(","); 3]);
}

#[tokio::test]
async fn the_page_has_a_control_for_every_option() {
    let server = Server::start().await;
    let page = server.get("/").await.text().await.unwrap();
    let form = page.split("<form id=\"order\"").nth(1).unwrap().split("</form>").next().unwrap();
    let values = |attribute: &str| -> BTreeSet<&str> {
        let start = format!(" {attribute}=\"");
        let values = form.split(&start).skip(1).filter_map(|rest| rest.split('"').next());
        values.flat_map(|names| names.split(' ')).collect()
    };
    let files = ["content", "style", "mask", "style_mask", "initial", "initial_job"];
    assert_eq!(values("data-field"), files.iter().chain(Options::NAMES).copied().collect());
    // What a control is called is what is sent of it. The files are sent by the script, and so is what to start from. What a job
    // is done under (priority, start_within, webhook) is no part of its recipe, and for programs.
    assert_eq!(values("name"), Options::NAMES.iter().copied().filter(|&name| name != "init").collect());
}

#[tokio::test]
async fn a_healthy_service_says_so() {
    let server = Server::start().await;
    for path in ["/healthz", "/readyz"] {
        let response = server.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.json::<Value>().await.unwrap(), json!({"status": "ok"}));
    }
    assert!(server.stored_files().is_empty());
}

#[tokio::test]
async fn without_its_blob_store_it_is_not_ready() {
    let server = Server::start().await;
    std::fs::remove_dir_all(server.blobs_folder()).unwrap();
    std::fs::write(server.blobs_folder(), "a file in its place").unwrap();
    problem(server.get("/readyz").await, 503, "unavailable").await;
    problem(server.submit(small_form()).await, 503, "unavailable").await;
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn without_its_job_store_it_is_not_ready() {
    let server = Server::start().await;
    server.submitted().await;
    // The database file and what is not yet in it; a file that is shorter would take the whole process down.
    for file in [server.database(), server.database().with_extension("db-wal")] {
        let length = std::fs::metadata(&file).unwrap().len() as usize;
        std::fs::OpenOptions::new().write(true).open(&file).unwrap().write_all(&vec![0xff; length]).unwrap();
    }
    let response = server.get("/v1/jobs").await;
    assert!(response.headers().contains_key("retry-after"));
    problem(response, 503, "unavailable").await;
    problem(server.get("/readyz").await, 503, "unavailable").await;
    problem(server.get("/metrics").await, 503, "unavailable").await;
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_numbers_are_of_this_service_alone() {
    let (server, other) = (Server::start().await, Server::start().await);
    server.submitted().await;
    let first = server.submitted().await;
    server.claim().await;
    server.get(first["links"]["self"].as_str().unwrap()).await;
    server.get("/v1/jobs/abc").await;
    server.get("/nowhere").await;
    let response = server.get("/metrics").await;
    assert_eq!(header(response.headers(), "content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = response.text().await.unwrap();
    for line in [
        r#"impasto_http_requests_total{method="GET",route="/v1/jobs/{id}",status="200"} 1"#,
        r#"impasto_http_requests_total{method="GET",route="/v1/jobs/{id}",status="404"} 1"#,
        r#"impasto_http_requests_total{method="GET",route="none",status="404"} 1"#,
        r#"impasto_http_requests_total{method="POST",route="/v1/jobs",status="202"} 2"#,
        r#"impasto_http_request_duration_seconds_count{method="GET",route="/v1/jobs/{id}"} 2"#,
        r#"impasto_jobs{status="queued"} 1"#,
        r#"impasto_jobs{status="running"} 1"#,
        r#"impasto_jobs{status="failed"} 0"#,
        "impasto_queue_depth 1",
        "# TYPE impasto_http_request_duration_seconds histogram",
    ] {
        assert!(text.lines().any(|given| given == line), "{line}\n\n{text}");
    }
    let text = other.get("/metrics").await.text().await.unwrap();
    assert!(!text.contains("POST") && text.contains("impasto_queue_depth 0"), "{text}");
}

#[tokio::test]
async fn refused_uploads_are_counted_by_reason_and_blobs_by_kind() {
    let server = Server::start().await;
    let not_a_picture = Form::new().part("content", file(b"text".to_vec())).part("style", file(png(24, 40)));
    problem(server.submit(not_a_picture).await, 422, "not-a-picture").await;
    problem(server.submit(Form::new().part("style", file(png(24, 40)))).await, 422, "missing-file").await;
    // What is refused elsewhere is no upload.
    problem(server.get("/v1/jobs?limit=none").await, 422, "invalid-query").await;
    server.finished(&picture(8, 8)).await;
    server.submitted().await;
    let text = server.get("/metrics").await.text().await.unwrap();
    for line in [
        r#"impasto_uploads_refused_total{reason="not-a-picture"} 1"#,
        r#"impasto_uploads_refused_total{reason="missing-file"} 1"#,
        r#"impasto_build_info{version="tested"} 1"#,
    ] {
        assert!(text.lines().any(|given| given == line), "{line}\n\n{text}");
    }
    assert!(!text.contains("invalid-query\""), "{text}");
    let number = |series: &str| -> f64 {
        let line =
            text.lines().find_map(|line| line.strip_prefix(series)).unwrap_or_else(|| panic!("{series}: {text}"));
        line.trim().parse().unwrap()
    };
    let sent = [png(48, 32), png(24, 40)].map(|file| file.len() as f64).iter().sum::<f64>();
    assert!(number(r#"impasto_blob_written_bytes_total{kind="input"}"#) >= 2.0 * sent);
    assert!(number(r#"impasto_blob_written_bytes_total{kind="result"}"#) > 0.0);
    assert!(number("impasto_queue_oldest_age_seconds") >= 0.0);
    assert!(number("process_open_fds") > 0.0);
}

#[tokio::test]
async fn there_is_nothing_there() {
    let server = Server::start().await;
    for path in ["/nowhere", "/v1", "/v1/jobs/", "/v2/jobs", "/v1/jobs/a/b"] {
        problem(server.get(path).await, 404, "no-such-route").await;
    }
    for (method, path, allowed) in [
        (Method::PUT, "/v1/jobs", "GET,HEAD,POST"),
        (Method::PATCH, "/v1/jobs/abc", "DELETE,GET,HEAD"),
        (Method::GET, "/v1/jobs/abc/cancel", "POST"),
        (Method::POST, "/healthz", "GET,HEAD"),
    ] {
        let response = server.request(method, path).send().await.unwrap();
        let mut methods: Vec<_> = header(response.headers(), "allow").split(',').map(str::trim).collect();
        methods.sort_unstable();
        assert_eq!(methods.join(","), allowed, "{path}");
        problem(response, 405, "method-not-allowed").await;
    }
}

fn assert_protected(response: &reqwest::Response, of: &str) {
    let headers = response.headers();
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(header(headers, name), value, "{of}");
    }
    let policy = header(headers, "content-security-policy");
    assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"), "{of}");
    assert!(header(headers, "permissions-policy").contains("camera=()"), "{of}");
    assert!(!header(headers, "x-request-id").is_empty(), "{of}");
}

#[tokio::test]
async fn every_answer_has_the_headers_that_protect_it() {
    let server = Server::start_with(|settings| settings.public_path = "/impasto".to_owned()).await;
    for path in ["/v1/jobs", "/v1/jobs/abc", "/nowhere", "/", "/metrics"] {
        assert_protected(&server.get(path).await, path);
    }
    let preflight = server.request(Method::OPTIONS, "/v1/jobs").header("origin", "https://example.com");
    let preflight = preflight.header("access-control-request-method", "POST").send().await.unwrap();
    assert_protected(&preflight, "a preflight");
    let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
    let redirected = client.get(server.url("/impasto")).send().await.unwrap();
    assert_eq!(redirected.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_protected(&redirected, "a redirect");
    let text = server.get("/metrics").await.text().await.unwrap();
    for line in [
        r#"impasto_http_requests_total{method="OPTIONS",route="/v1/jobs",status="200"} 1"#,
        r#"impasto_http_requests_total{method="GET",route="/",status="307"} 1"#,
    ] {
        assert!(text.lines().any(|given| given == line), "{line}\n\n{text}");
    }
}

#[tokio::test]
async fn what_is_turned_away_counts_and_is_protected_as_well() {
    let server = Server::start_with(|settings| settings.max_connections = 1.try_into().unwrap()).await;
    let held = TcpStream::connect(server.addr).await.unwrap();
    let full = server.get("/").await;
    assert_eq!(full.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_protected(&full, "a full service");
    drop(held);
    let numbers = async {
        loop {
            let response = server.get("/metrics").await;
            if response.status() == StatusCode::OK {
                return response.text().await.unwrap();
            }
        }
    };
    let text = timeout(PATIENCE, numbers).await.expect("the place is free again");
    assert!(text.contains(r#"impasto_http_requests_total{method="GET",route="none",status="503"}"#), "{text}");
}

#[tokio::test]
async fn the_address_of_the_numbers_has_bounds_too() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (addr, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
    let exposition = Exposition::of_workers(Metrics::new("tested").unwrap());
    let running = tokio::spawn(run_metrics(listener, exposition, shutdown.clone()));
    let ask = async || reqwest::get(format!("http://{addr}/metrics")).await.unwrap().status();
    let mut silent = Vec::new();
    let bound = async {
        while ask().await == StatusCode::OK {
            silent.push(TcpStream::connect(addr).await.unwrap());
        }
    };
    timeout(PATIENCE, bound).await.expect("whoever is silent has no more than some of the connections");
    drop(silent);
    let frees = async { while ask().await != StatusCode::OK {} };
    timeout(PATIENCE, frees).await.expect("a place that is given up is free");
    shutdown.cancel();
    timeout(PATIENCE, running).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn a_request_is_called_as_its_client_calls_it_if_that_is_short_and_plain() {
    let server = Server::start().await;
    let long = "a".repeat(65);
    for (given, kept) in [("mine-1.2_3", true), (&long[..64], true), (&long, false), ("a b", false), ("\"<b>\"", false)]
    {
        let response = server.get_with("/healthz", "x-request-id", given).await;
        assert_eq!(header(response.headers(), "x-request-id") == given, kept, "{given}");
    }
}

fn cors_headers(response: &reqwest::Response) -> Vec<&str> {
    let names = response.headers().keys().map(reqwest::header::HeaderName::as_str);
    names.filter(|name| name.starts_with("access-control-")).collect()
}

#[tokio::test]
async fn pages_of_allowed_origins_may_use_the_api() {
    let origin = "https://example.com";
    let server = Server::start_with(|settings| settings.cors_origins = vec![origin.to_owned()]).await;
    let response = server.get_with("/v1/jobs/abc", "origin", origin).await;
    assert_eq!(header(response.headers(), "access-control-allow-origin"), origin);
    let exposed = header(response.headers(), "access-control-expose-headers");
    for name in ["content-location", "etag", "link", "location", "ratelimit", "x-request-id"] {
        assert!(exposed.split(',').any(|given| given == name), "{name}: {exposed}");
    }
    let preflight = server.request(Method::OPTIONS, "/v1/jobs/abc").header("origin", origin);
    let response = preflight.header("access-control-request-method", "DELETE").send().await.unwrap();
    assert!(response.status().is_success());
    assert_eq!(header(response.headers(), "access-control-allow-origin"), origin);
    assert!(header(response.headers(), "access-control-allow-methods").contains("DELETE"));
    let allowed = header(response.headers(), "access-control-allow-headers");
    for name in ["authorization", "content-type", "idempotency-key", "last-event-id", "prefer"] {
        assert!(allowed.split(',').any(|given| given == name), "{name}: {allowed}");
    }

    for stranger in ["https://example.org", "http://example.com", "https://example.com.evil.example", "null"] {
        let response = server.get_with("/v1/jobs", "origin", stranger).await;
        assert_eq!(cors_headers(&response), Vec::<&str>::new(), "{stranger}");
        let preflight = server.request(Method::OPTIONS, "/v1/jobs").header("origin", stranger);
        let response = preflight.header("access-control-request-method", "POST").send().await.unwrap();
        assert_eq!(cors_headers(&response), Vec::<&str>::new(), "{stranger}");
    }
}

#[tokio::test]
async fn no_origin_is_allowed_unless_it_is_said() {
    let server = Server::start().await;
    let response = server.get_with("/v1/jobs", "origin", "https://example.com").await;
    assert_eq!(cors_headers(&response), Vec::<&str>::new());
    let server = Server::start_with(|settings| settings.cors_origins = vec!["*".to_owned()]).await;
    let response = server.get_with("/v1/jobs", "origin", "https://example.com").await;
    assert_eq!(header(response.headers(), "access-control-allow-origin"), "*");
}

#[tokio::test]
async fn an_origin_that_is_none_is_refused_at_the_start() {
    for origin in ["example.com", "https://example.com/", "https://", "https://Example.com", "https://*.example.com"] {
        let server = Server::start_with(|settings| settings.cors_origins = vec![origin.to_owned()]).await;
        let error = server.running.await.unwrap().unwrap_err();
        assert!(error.to_string().contains(origin), "{error}");
    }
}

#[test]
fn settings_are_read_under_their_names() {
    let settings: Settings = serde_json::from_value(json!({"max_file_bytes": 5, "cors_origins": ["*"]})).unwrap();
    assert_eq!(settings.max_file_bytes, 5);
    assert_eq!(settings.max_queued, Settings::default().max_queued);
    let unknown = serde_json::from_value::<Settings>(json!({"max_file_byte": 5})).unwrap_err();
    assert!(unknown.to_string().contains("max_file_byte"), "{unknown}");
    let zero = serde_json::from_value::<Settings>(json!({"decode_bytes": 0}));
    assert!(zero.is_err());
}

#[tokio::test]
async fn a_service_that_drains_is_not_ready_and_does_everything_else() {
    let server = Server::start_with(|settings| settings.drain_seconds = 600).await;
    assert_eq!(server.get("/readyz").await.status(), StatusCode::OK);
    server.shutdown.cancel();
    let said = problem(server.get("/readyz").await, 503, "unavailable").await;
    assert!(said["detail"].as_str().is_some_and(|detail| detail.contains("shutting down")), "{said}");
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
    // Whoever was sent here just before comes by a connection of its own.
    let newcomer = Client::new().get(server.url("/v1/jobs")).send().await.unwrap();
    assert_eq!(newcomer.status(), StatusCode::OK);
    let job = server.submitted().await;
    let waited = server.get(&format!("{}?wait=1", path_of(&job))).await;
    assert_eq!(waited.status(), StatusCode::OK, "a wait goes on");
    assert!(!server.running.is_finished());
}

#[tokio::test]
async fn a_service_that_has_drained_closes() {
    let server = Server::start_with(|settings| settings.drain_seconds = 1).await;
    server.shutdown.cancel();
    timeout(PATIENCE, server.running).await.expect("it ends").unwrap().unwrap();
    let refused = TcpStream::connect(server.addr).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}
