//! Clients behind proxies.

use impasto_jobs::Scope;
use impasto_server::LimitSettings;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::{
    common::{Server, header, problem},
    keys::key,
};

const ONE_EACH: LimitSettings = LimitSettings { requests_a_minute: 1, most_queued: 0, bytes_a_day: 0 };

async fn behind_a_proxy() -> Server {
    Server::start_limited(ONE_EACH, |settings| settings.trusted_proxies = vec!["127.0.0.0/8".to_owned()]).await
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_counts_for_itself() {
    let server = behind_a_proxy().await;
    for (name, value) in [
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-for", "192.0.2.2, 127.0.0.7"),
        ("forwarded", "for=192.0.2.3;proto=https"),
        ("forwarded", "for=\"[2001:db8::1]:80\""),
    ] {
        assert_eq!(server.get_with("/v1/jobs", name, value).await.status(), StatusCode::OK, "{value}");
        problem(server.get_with("/v1/jobs", name, value).await, 429, "too-many-requests").await;
    }
    // All of a subscriber's addresses are one client.
    problem(server.get_with("/v1/jobs", "x-forwarded-for", "2001:db8::2").await, 429, "too-many-requests").await;
    let forged = server.get_with("/v1/jobs", "x-forwarded-for", "6.6.6.6, 192.0.2.1").await;
    problem(forged, 429, "too-many-requests").await;
}

#[tokio::test]
async fn what_strangers_say_of_themselves_counts_for_nothing() {
    let server = Server::start_limited(ONE_EACH, |_| {}).await;
    assert_eq!(server.get("/v1/jobs").await.status(), StatusCode::OK);
    let says = |name, value| server.get_with("/v1/jobs", name, value);
    for (name, value) in [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.2")] {
        problem(says(name, value).await, 429, "too-many-requests").await;
    }
    let response = server.get_with("/", "x-forwarded-proto", "https").await;
    assert!(!response.headers().contains_key("strict-transport-security"));
    problem(server.get_with("/", "host", "evil.example").await, 421, "foreign-host").await;
    let renamed =
        server.request(Method::GET, "/").header("host", "evil.example").header("x-forwarded-host", "localhost");
    problem(renamed.send().await.unwrap(), 421, "foreign-host").await;
}

#[tokio::test]
async fn who_comes_by_https_stays_with_it() {
    let server = behind_a_proxy().await;
    let response = server.get_with("/", "x-forwarded-proto", "https").await;
    assert_eq!(header(response.headers(), "strict-transport-security"), "max-age=31536000");
    assert!(!server.get("/").await.headers().contains_key("strict-transport-security"));

    let server = behind_a_proxy().await;
    let key = key(&server, "page", &[Scope::Read]).await;
    let request = server.request(Method::POST, "/v1/session").json(&json!({"key": key}));
    let request = request.header("x-forwarded-proto", "https").header("x-forwarded-prefix", "/impasto/");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    let cookie = header(response.headers(), "set-cookie");
    assert!(cookie.contains("Secure") && cookie.contains("Path=/impasto;"), "{cookie}");
}

#[tokio::test]
async fn what_is_no_network_is_refused_at_the_start() {
    let server = Server::start_with(|settings| settings.trusted_proxies = vec!["proxy.example".to_owned()]).await;
    let error = server.running.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("proxy.example"), "{error}");
}
