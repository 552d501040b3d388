//! What stands in the logs, and what must not.

mod common;

use common::{
    PATIENCE, Service, id_of,
    jobs::{SHORT, service_with},
    keys, pictures,
};
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use tokio::time::timeout;

const REQUEST: &str = "a-request-0815";
const SECRETS: [&str; 5] =
    ["holiday-with-aunt.png", "s3cret-in-a-query", "aunts-painting.png", "s3cret-in-a-path", "s3cret-in-a-webhook"];

/// The lines of a service's log.
fn lines(service: &Service) -> Vec<Value> {
    service.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The span `name` that a line stands in.
fn span<'a>(line: &'a Value, name: &str) -> Option<&'a Value> {
    line["spans"].as_array()?.iter().find(|span| span["name"] == name)
}

fn message(line: &Value) -> &str {
    line["fields"]["message"].as_str().unwrap_or_default()
}

async fn submit(service: &Service, key: &str) -> Value {
    let file = |bytes: Vec<u8>, name: &'static str| Part::bytes(bytes).file_name(name);
    let mut form = Form::new()
        .part("content", file(pictures::photograph(96, 72), SECRETS[0]))
        .part("style", file(pictures::painting(80, 80), SECRETS[2]));
    // Nobody listens there: what is said of a try that failed is in the log, too.
    let webhook = format!("http://127.0.0.1:1/{}?token={}", SECRETS[4], SECRETS[1]);
    form = form.text("webhook", webhook);
    for &(name, value) in SHORT {
        form = form.text(name, value);
    }
    let post = service.http.post(service.url("/v1/jobs")).header("x-request-id", REQUEST).bearer_auth(key);
    let response = post.multipart(form).send().await.expect("the service answers");
    assert_eq!(response.status(), 202);
    response.json().await.expect("a job is JSON")
}

#[tokio::test]
async fn every_line_about_a_job_says_which_and_for_which_request_and_no_line_tells_a_secret() {
    let data = tempfile::tempdir().expect("there is room");
    let key = keys(data.path(), &["create", "aunt's"]);
    let settings = [("LOG__FORMAT", "json"), ("WEBHOOKS__ALLOW_HTTP", "true"), ("WEBHOOKS__ALLOW_PRIVATE", "true")];
    let service = service_with(data.path(), &settings).await;
    let job = submit(&service, &key).await;
    let id = id_of(&job).to_owned();
    let get = async |path: &str, key: &str| {
        let request = service.http.get(service.url(path)).bearer_auth(key);
        request.header("cookie", format!("impasto_session={key}")).send().await.expect("the service answers")
    };
    let told = async {
        while get(&format!("/v1/jobs/{id}"), &key).await.json::<Value>().await.expect("a job is JSON")["webhook"]["deliveries"]
            [0]["tries"]
            != 1
        {}
    };
    timeout(PATIENCE, told).await.expect("the webhook is tried");
    let wrong = format!("impasto_abcdefghijkl_{}", "s3cretkey".repeat(5).split_off(2));
    for path in [format!("/v1/jobs/{id}?token={}", SECRETS[1]), format!("/{}/{key}", SECRETS[3]), "/readyz".to_owned()]
    {
        for key in [&key, &wrong] {
            get(&path, key).await;
        }
    }
    let login = service.http.post(service.url("/v1/session")).json(&serde_json::json!({"key": key}));
    let login = login.send().await.expect("the service answers");
    let cookie = login.headers()["set-cookie"].to_str().expect("it is plain");
    let (_, session) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
    get("/v1/backbones", session).await;
    service.wait_until_logged("the job ended").await;

    let lines = lines(&service);
    let answered = |route: &str| {
        let of_route = lines.iter().filter(|line| line["fields"]["route"] == route);
        of_route.filter(|line| message(line) == "answered").collect::<Vec<_>>()
    };
    let [posted] = answered("/v1/jobs")[..] else { panic!("one line for one request: {lines:#?}") };
    let fields = &posted["fields"];
    assert_eq!((&fields["method"], &fields["status"]), (&"POST".into(), &202.into()), "{posted}");
    assert!(fields["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{posted}");
    assert!(fields["received"].as_u64().is_some_and(|bytes| bytes > 100), "{posted}");
    let id_of_key = key.split('_').nth(1).expect("a key has an id");
    assert_eq!(fields["client"], format!("key:{id_of_key}"));
    assert_eq!(span(posted, "request").expect("it has a span")["id"], REQUEST);
    let got = answered("/v1/jobs/{id}");
    assert!(!got.is_empty() && got.iter().all(|line| line["fields"]["job"] == id), "{got:#?}");
    assert_eq!(answered("none").len(), 2);
    assert!(answered("/readyz").is_empty(), "health checks are of no interest while all is well");

    // The worker's lines, from its claim on; the engine's thread has its own.
    let worker = |line: &&Value| line["target"].as_str().is_some_and(|target| target.starts_with("impasto_worker"));
    let of_job: Vec<_> = lines.iter().filter(worker).filter(|line| message(line) != "ready for jobs").collect();
    for words in ["claimed", "the engine is ready", "the job ended"] {
        assert!(of_job.iter().any(|line| message(line) == words), "{words}: {of_job:#?}");
    }
    for line in of_job {
        let span = span(line, "job").unwrap_or_else(|| panic!("{line} stands in a job's span"));
        assert_eq!(
            (&span["id"], &span["attempt"], &span["request"]),
            (&Value::from(id.as_str()), &1.into(), &REQUEST.into())
        );
    }

    let log = service.log();
    let secret_part = key.rsplit_once('_').expect("a key has a secret").1;
    for secret in SECRETS.into_iter().chain([secret_part, session, "s3cret", "aunt"]) {
        assert!(!log.contains(secret), "{secret} stands in the log:\n{log}");
    }
}

#[tokio::test]
async fn a_name_that_does_not_belong_in_a_log_is_replaced() {
    let data = tempfile::tempdir().expect("there is room");
    let service = service_with(data.path(), &[("LOG__FORMAT", "json")]).await;
    let long = "x".repeat(4000);
    for name in [long.as_str(), "two words", "{\"level\":\"ERROR\"}"] {
        let response = service.http.get(service.url("/v1/jobs")).header("x-request-id", name).send().await;
        let response = response.expect("the service answers");
        assert_eq!(response.status(), 200);
        let given = response.headers()["x-request-id"].to_str().expect("it is plain").to_owned();
        assert_ne!(given, name);
        service.wait_until_logged(&given).await;
        assert!(!service.log().contains(name), "{name}");
    }
}
