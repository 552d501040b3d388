//! What is told to webhooks, from their side.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use impasto_jobs::{ApiKey, JobError, Scope};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
use tokio::{net::TcpListener, time::timeout};

use crate::{
    common::{Server, WEBHOOK_SECRET, path_of, picture, small_form},
    keys::with,
    receiver::{AT_MOST, Reply, Webhook},
};

async fn submit(server: &Server, url: &str) -> String {
    let response = server.submit(small_form().text("webhook", url.to_owned())).await;
    assert_eq!(response.status(), reqwest::StatusCode::ACCEPTED);
    path_of(&response.json().await.unwrap())
}

/// Lets the pause before the next try of every message be over.
async fn pass_time(server: &Server) {
    let options = SqliteConnectOptions::new().filename(server.database());
    let mut database = options.connect().await.unwrap();
    let passed = sqlx::query("UPDATE deliveries SET next_try_at = 0 WHERE next_try_at IS NOT NULL");
    passed.execute(&mut database).await.unwrap();
}

/// The one message of the job at `path`, once it looks as `is_so` says.
async fn delivery(server: &Server, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let seen = async {
        loop {
            let job: Value = server.get(path).await.json().await.unwrap();
            let deliveries = job["webhook"]["deliveries"].as_array().unwrap();
            assert!(deliveries.len() <= 1);
            if let Some(delivery) = deliveries.first().filter(|delivery| is_so(delivery)) {
                return delivery.clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(AT_MOST, seen).await.expect("it never looks so")
}

#[tokio::test]
async fn the_end_of_a_job_is_told_and_signed() {
    let server = Server::start().await;
    let mut webhook = Webhook::start([]).await;
    let path = submit(&server, &webhook.url()).await;
    let claim = server.claim().await;
    server.finish(&claim, &picture(48, 32)).await;
    let got = webhook.next().await;
    assert_eq!(got.target, "/painted?job=1");
    assert_eq!(got.header("content-type"), "application/json");
    assert_eq!(got.header("host"), webhook.address.to_string());
    assert!(got.header("user-agent").starts_with("impasto/"));
    let message = got.json();
    assert_eq!(message["type"], "job.succeeded");
    assert_eq!(message["data"]["links"]["self"], path);
    let told = delivery(&server, &path, |delivery| !delivery["delivered_at"].is_null()).await;
    assert_eq!((&told["tries"], &told["last_status"]), (&json!(1), &json!(204)));
    assert_eq!((&told["next_try_at"], &told["last_error"]), (&Value::Null, &Value::Null));
    assert_eq!(told["id"], got.header("webhook-id"));
    let metrics = server.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains(r#"impasto_webhook_tries_total{outcome="delivered"} 1"#), "{metrics}");
}

#[tokio::test]
async fn failed_and_canceled_jobs_are_told_as_well() {
    let server = Server::start().await;
    let mut webhook = Webhook::start([]).await;
    submit(&server, &webhook.url()).await;
    let claim = server.claim().await;
    let error = JobError { kind: "out_of_memory".to_owned(), message: "the GPU is too small".to_owned() };
    server.jobs.fail(&claim.key, &error).await.unwrap();
    let message = webhook.next().await.json();
    assert_eq!((&message["type"], &message["data"]["error"]["kind"]), (&json!("job.failed"), &json!("out_of_memory")));
    let path = submit(&server, &webhook.url()).await;
    server.post(&format!("{path}/cancel")).await;
    assert_eq!(webhook.next().await.json()["type"], "job.canceled");
}

#[tokio::test]
async fn a_message_is_sent_again_until_it_is_taken() {
    let server = Server::start().await;
    let elsewhere = Webhook::start([]).await;
    let replies = [Reply::Status(500), Reply::Status(404), Reply::Elsewhere(elsewhere.url()), Reply::Status(200)];
    let mut webhook = Webhook::start(replies).await;
    let path = submit(&server, &webhook.url()).await;
    server.post(&format!("{path}/cancel")).await;
    let mut ids = HashSet::new();
    for (tries, status, why) in [(1, 500, "500"), (2, 404, "404"), (3, 302, "leads elsewhere")] {
        ids.insert(webhook.next().await.header("webhook-id").to_owned());
        let told = delivery(&server, &path, |delivery| delivery["tries"] == tries).await;
        assert_eq!(told["last_status"], status);
        assert!(told["last_error"].as_str().unwrap().contains(why), "{told}");
        let next: jiff::Timestamp = told["next_try_at"].as_str().unwrap().parse().unwrap();
        assert!(next > jiff::Timestamp::now(), "{told}");
        pass_time(&server).await;
    }
    ids.insert(webhook.next().await.header("webhook-id").to_owned());
    assert_eq!(ids.len(), 1, "one message has one name");
    let told = delivery(&server, &path, |delivery| !delivery["delivered_at"].is_null()).await;
    assert_eq!((&told["tries"], &told["last_error"]), (&json!(4), &Value::Null));
    assert!(elsewhere.got.is_empty(), "a redirect was followed");
}

#[tokio::test]
async fn a_message_that_nobody_takes_is_given_up_at_last() {
    let server = Server::start().await;
    // A port that was free a moment ago.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let path = submit(&server, &format!("http://{closed}/")).await;
    server.post(&format!("{path}/cancel")).await;
    for tries in 1..=8 {
        let told = delivery(&server, &path, |delivery| delivery["tries"] == tries).await;
        assert!(
            told["last_status"].is_null() && told["last_error"].as_str().unwrap().contains("no connection"),
            "{told}"
        );
        assert!(!told["next_try_at"].is_null(), "{told}");
        pass_time(&server).await;
    }
    let told = delivery(&server, &path, |delivery| delivery["tries"] == 9).await;
    assert_eq!((&told["next_try_at"], &told["delivered_at"]), (&Value::Null, &Value::Null));
    let metrics = server.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains(r#"impasto_webhook_tries_total{outcome="failed"} 8"#), "{metrics}");
    assert!(metrics.contains(r#"impasto_webhook_tries_total{outcome="given_up"} 1"#), "{metrics}");
}

#[tokio::test]
async fn a_webhook_that_is_gone_is_left_alone() {
    let server = Server::start().await;
    let mut webhook = Webhook::start([Reply::Status(410)]).await;
    let path = submit(&server, &webhook.url()).await;
    server.post(&format!("{path}/cancel")).await;
    webhook.next().await;
    let told = delivery(&server, &path, |delivery| delivery["tries"] == 1).await;
    assert_eq!((&told["next_try_at"], &told["last_status"]), (&Value::Null, &json!(410)));
}

#[tokio::test]
async fn a_silent_webhook_holds_up_no_other() {
    let server = Server::start().await;
    let mut silent = Webhook::start(vec![Reply::Never; 5]).await;
    let mut quick = Webhook::start([]).await;
    for _ in 0..5 {
        let path = submit(&server, &silent.url()).await;
        server.post(&format!("{path}/cancel")).await;
    }
    for _ in 0..5 {
        silent.next().await;
    }
    let path = submit(&server, &quick.url()).await;
    server.post(&format!("{path}/cancel")).await;
    quick.next().await;
    assert!(silent.got.is_empty(), "the silent ones were not tried twice meanwhile");
}

#[tokio::test]
async fn what_the_operator_no_longer_allows_is_not_knocked_at() {
    let server = Server::start_with_webhooks(|webhooks| webhooks.allow_private = false).await;
    let webhook = Webhook::start([]).await;
    // Submitted while the operator allowed more, and refused at the try: the rules are those of now.
    let options = SqliteConnectOptions::new().filename(server.database());
    let mut database = options.connect().await.unwrap();
    for (url, why) in [
        (format!("http://{}/", webhook.address), "private network"),
        (format!("http://localhost:{}/", webhook.address.port()), "private network"),
    ] {
        let path = submit(&server, "http://example.com/").await;
        sqlx::query("UPDATE jobs SET webhook = ? WHERE webhook = 'http://example.com/'")
            .bind(url)
            .execute(&mut database)
            .await
            .unwrap();
        server.post(&format!("{path}/cancel")).await;
        let told = delivery(&server, &path, |delivery| delivery["tries"] == 1).await;
        assert!(told["last_error"].as_str().unwrap().contains(why), "{told}");
    }
    assert!(webhook.got.is_empty(), "the service has knocked at a private address");
}

#[tokio::test]
async fn two_services_on_one_store_tell_a_message_once() {
    let server = Server::start().await;
    let second = server.beside().await;
    let mut webhook = Webhook::start([]).await;
    let mut told = HashMap::new();
    for _ in 0..10 {
        let path = submit(&server, &webhook.url()).await;
        second.post(&format!("{path}/cancel")).await;
    }
    for _ in 0..10 {
        *told.entry(webhook.next().await.header("webhook-id").to_owned()).or_insert(0) += 1;
    }
    assert_eq!(told.len(), 10, "{told:?}");
    assert!(webhook.got.is_empty());
}

#[tokio::test]
async fn a_message_that_waits_outlives_the_service() {
    let mut server = Server::start().await;
    let mut webhook = Webhook::start([Reply::Status(503)]).await;
    let path = submit(&server, &webhook.url()).await;
    server.post(&format!("{path}/cancel")).await;
    webhook.next().await;
    delivery(&server, &path, |delivery| delivery["tries"] == 1).await;
    server = server.restarted().await;
    pass_time(&server).await;
    webhook.next().await;
    delivery(&server, &path, |delivery| !delivery["delivered_at"].is_null()).await;
}

/// What the documentation gives people to check messages with, run as it stands there.
#[tokio::test]
async fn the_documented_check_knows_a_message_from_a_forged_one() {
    let check = include_str!("../../docs/verify_webhook.py");
    let clients = include_str!("../../../../docs/clients.md");
    assert!(clients.contains(&format!("```python\n{check}```\n")), "docs/clients.md has another check");
    let server = Server::start().await;
    let escaped =
        check.trim_end().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    assert!(server.get("/docs").await.text().await.unwrap().contains(&escaped), "/docs has another check");

    let mut webhook = Webhook::start([]).await;
    submit(&server, &webhook.url()).await;
    server.finish(&server.claim().await, &picture(8, 8)).await;
    let got = webhook.next().await;
    let headers: HashMap<&str, &str> =
        ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| (name, got.header(name))).into();
    let body = String::from_utf8(got.body.to_vec()).unwrap();
    let old = HashMap::from([("webhook-timestamp", "1614265330")]);
    for (secret, headers, body, expected) in [
        (WEBHOOK_SECRET, headers.clone(), body.clone(), "True"),
        (WEBHOOK_SECRET, headers.clone(), body.replace("succeeded", "failed"), "False"),
        (WEBHOOK_SECRET, headers.clone().into_iter().chain(old).collect(), body.clone(), "False"),
        ("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", headers, body, "False"),
    ] {
        let asks = format!(
            "{check}\nimport json, sys\nprint(is_from_impasto(*json.loads(sys.argv[1]), sys.argv[2].encode()))"
        );
        let given = serde_json::to_string(&(secret, headers)).unwrap();
        let ran = tokio::process::Command::new("python3").args(["-c", &asks, &given, &body]).output().await;
        let Ok(ran) = ran else {
            assert!(std::env::var_os("CI").is_none(), "the documented check needs python3");
            println!("skipped: no python3 found");
            return;
        };
        let said = String::from_utf8_lossy(&ran.stdout).trim_end().to_owned();
        assert_eq!(said, expected, "{}", String::from_utf8_lossy(&ran.stderr));
    }
}

#[tokio::test]
async fn the_links_of_a_message_are_as_they_are_seen_from_outside() {
    let server = Server::start_with(|settings| settings.public_path = "/impasto".to_owned()).await;
    let mut webhook = Webhook::start([]).await;
    let job = submit(&server, &webhook.url()).await;
    server.finish(&server.claim().await, &picture(8, 8)).await;
    let links = webhook.next().await.json()["data"]["links"].take();
    assert!(job.starts_with("/impasto/v1/jobs/"), "{job}");
    assert_eq!(links, json!({"self": job, "result": format!("{job}/result")}));
}

#[tokio::test]
async fn the_messages_of_a_keys_jobs_are_signed_with_its_own_secret() {
    // Its holder needs no secret of the operator's.
    let server = Server::start_with_webhooks(|webhooks| webhooks.secret.clear()).await;
    let (key, text) = ApiKey::generate("painter", vec![Scope::Submit]);
    server.jobs.add_key(&key).await.unwrap();
    let mut webhook = Webhook::start([]).await;
    let form = small_form().text("webhook", webhook.url());
    let submitted = with(server.request(reqwest::Method::POST, "/v1/jobs").multipart(form), &text.reveal()).await;
    assert_eq!(submitted.status(), reqwest::StatusCode::ACCEPTED);
    let claim = server.claim().await;
    server.finish(&claim, &picture(48, 32)).await;
    webhook.next_signed_with(&key.webhook_secret).await;
}
