//! Keys: who has none gets nowhere, and who has one sees its own.

use std::time::Duration;

use impasto_jobs::{ApiKey, Scope};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::common::{Server, header, id_of, path_of, picture, problem, small_form};

/// Far longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is open to all.
const OPEN: [&str; 4] = ["/healthz", "/readyz", "/openapi.yaml", "/v1/session"];

/// Makes a key, and returns it as its holder sends it.
pub async fn key(server: &Server, name: &str, scopes: &[Scope]) -> String {
    let (key, text) = ApiKey::generate(name, scopes.to_vec());
    server.jobs.add_key(&key).await.unwrap();
    text.reveal()
}

/// Sends a request with a key.
pub async fn with(request: RequestBuilder, key: &str) -> Response {
    request.bearer_auth(key).send().await.unwrap()
}

/// The methods and paths of the description.
fn operations() -> Vec<(Method, String)> {
    let (mut operations, mut path) = (Vec::new(), String::new());
    for line in impasto_server::openapi_yaml().lines() {
        if let Some(name) = line.strip_prefix("  /") {
            path = format!("/{}", name.trim_end_matches(':'));
        }
        let method = line.strip_prefix("    ").and_then(|rest| rest.strip_suffix(':'));
        if let Some(method @ ("get" | "post" | "put" | "patch" | "delete")) = method {
            operations.push((method.to_uppercase().parse().unwrap(), path.clone()));
        }
    }
    assert!(operations.len() > 15, "{operations:?}");
    operations
}

fn closed_operations(id: &str) -> Vec<(Method, String)> {
    let closed = operations().into_iter().filter(|(_, path)| !OPEN.contains(&path.as_str()));
    closed.map(|(method, path)| (method, path.replace("{id}", id))).collect()
}

#[tokio::test]
async fn without_a_key_every_route_is_closed() {
    let server = Server::start().await;
    key(&server, "somebody", &[Scope::Read]).await;
    for (method, path) in closed_operations("0199a5c0-0000-7000-8000-000000000000") {
        let response = server.request(method.clone(), &path).send().await.unwrap();
        assert_eq!(header(response.headers(), "www-authenticate"), "Bearer realm=\"impasto\"", "{method} {path}");
        problem(response, 401, "key-required").await;
    }
    for path in OPEN.into_iter().chain(["/", "/studio.js", "/studio.css", "/docs", "/docs.css"]) {
        assert_eq!(server.get(path).await.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_key_opens_what_its_scopes_say_and_nothing_else() {
    let server = Server::start().await;
    let nothing = key(&server, "nothing", &[Scope::Priority]).await;
    for (method, path) in closed_operations("0199a5c0-0000-7000-8000-000000000000") {
        problem(with(server.request(method, &path), &nothing).await, 403, "not-allowed").await;
    }
    let (read, submit) = (key(&server, "reader", &[Scope::Read]).await, key(&server, "writer", &[Scope::Submit]).await);
    let list = || server.request(Method::GET, "/v1/jobs");
    let send = || server.request(Method::POST, "/v1/jobs").multipart(small_form());
    assert_eq!(with(list(), &read).await.status(), StatusCode::OK);
    problem(with(send(), &read).await, 403, "not-allowed").await;
    assert_eq!(with(send(), &submit).await.status(), StatusCode::ACCEPTED);
    problem(with(list(), &submit).await, 403, "not-allowed").await;
    for key in [&read, &submit] {
        problem(with(server.request(Method::GET, "/metrics"), key).await, 403, "not-allowed").await;
    }
}

#[tokio::test]
async fn a_key_that_may_not_read_gets_no_picture_by_another_way() {
    let server = Server::start().await;
    let submit = key(&server, "writer", &[Scope::Submit]).await;
    let send = |path: &str, form| server.request(Method::POST, path).multipart(form);
    problem(with(send("/v1/paint", small_form()), &submit).await, 403, "not-allowed").await;
    let job: Value = with(send("/v1/jobs", small_form()), &submit).await.json().await.unwrap();
    server.finish(&server.claim().await, &picture(48, 32)).await;
    let form = small_form().text("initial_job", id_of(&job).to_string());
    let refused = problem(with(send("/v1/jobs", form), &submit).await, 403, "not-allowed").await;
    assert_eq!(refused["field"], "initial_job");
    assert!(refused["detail"].as_str().unwrap().contains("scope read"), "{refused}");
}

#[tokio::test]
async fn the_jobs_of_others_are_not_there() {
    let server = Server::start().await;
    let both = [Scope::Submit, Scope::Read];
    let (mine, theirs) = (key(&server, "mine", &both).await, key(&server, "theirs", &both).await);
    let admin = key(&server, "admin", &[Scope::Admin]).await;
    let send = server.request(Method::POST, "/v1/jobs").multipart(small_form());
    let job: Value = with(send, &mine).await.json().await.unwrap();
    server.finish(&server.claim().await, &picture(8, 8)).await;

    let id = id_of(&job).to_string();
    let routes: Vec<_> = closed_operations(&id).into_iter().filter(|(_, path)| path.starts_with("/v1/jobs/")).collect();
    assert!(routes.len() >= 7, "{routes:?}");
    for (method, path) in &routes {
        problem(with(server.request(method.clone(), path), &theirs).await, 404, "no-such-job").await;
    }
    let list =
        async |key: &str| -> Value { with(server.request(Method::GET, "/v1/jobs"), key).await.json().await.unwrap() };
    assert_eq!(list(&theirs).await["jobs"], json!([]));
    for key in [&mine, &admin] {
        assert_eq!(list(key).await["jobs"][0]["id"], job["id"]);
        assert_eq!(with(server.request(Method::GET, &path_of(&job)), key).await.status(), StatusCode::OK);
    }
    let deleted = with(server.request(Method::DELETE, &path_of(&job)), &admin).await;
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_key_is_read_as_clients_write_it() {
    let server = Server::start().await;
    let key = key(&server, "reader", &[Scope::Read]).await;
    for scheme in ["Bearer", "bearer", "BEARER", "Bearer  "] {
        let response = server.get_with("/v1/jobs", "authorization", &format!("{scheme} {key}")).await;
        assert_eq!(response.status(), StatusCode::OK, "{scheme}");
    }
    let cut = &key[..key.len() - 1];
    let swapped = format!("{cut}{}", if key.ends_with('A') { 'E' } else { 'A' });
    for (given, kind) in [
        (format!("Basic {key}"), "key-required"),
        (key.clone(), "key-required"),
        ("Bearer".to_owned(), "key-required"),
        (format!("Bearer {cut}"), "unknown-key"),
        (format!("Bearer {swapped}"), "unknown-key"),
        ("Bearer impasto_abc_def".to_owned(), "unknown-key"),
    ] {
        let told = problem(server.get_with("/v1/jobs", "authorization", &given).await, 401, kind).await;
        assert!(!told.to_string().contains(cut.rsplit('_').next().unwrap()), "a problem repeats no key: {told}");
    }
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_and_a_first_one_closes_the_door() {
    let server = Server::start().await;
    assert_eq!(server.get("/v1/jobs").await.status(), StatusCode::OK);
    let key = key(&server, "reader", &[Scope::Read]).await;
    let closes = async { while server.get("/v1/jobs").await.status() != StatusCode::UNAUTHORIZED {} };
    timeout(PATIENCE, closes).await.expect("it asks for keys once there is one");
    let ask = || with(server.request(Method::GET, "/v1/jobs"), &key);
    assert_eq!(ask().await.status(), StatusCode::OK);

    server.jobs.revoke_key("reader").await.unwrap();
    let closes = async { while ask().await.status() != StatusCode::UNAUTHORIZED {} };
    timeout(PATIENCE, closes).await.expect("it looks again whether the key was revoked");
    problem(ask().await, 401, "unknown-key").await;
    problem(server.get("/v1/jobs").await, 401, "key-required").await;
}

#[tokio::test]
async fn an_administrator_makes_and_revokes_keys() {
    let server = Server::start().await;
    let admin = key(&server, "admin", &[Scope::Admin]).await;
    let make = async |body: Value| with(server.request(Method::POST, "/v1/keys").json(&body), &admin).await;
    let response = make(json!({"name": "web"})).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(header(response.headers(), "cache-control"), "no-store");
    let made: Value = response.json().await.unwrap();
    assert_eq!((&made["name"], &made["scopes"]), (&json!("web"), &json!(["submit", "read"])));
    assert!(made["webhook_secret"].as_str().unwrap().starts_with("whsec_"));
    let web = made["key"].as_str().unwrap();
    assert_eq!(with(server.request(Method::GET, "/v1/jobs"), web).await.status(), StatusCode::OK);

    problem(make(json!({"name": "web"})).await, 409, "name-taken").await;
    for body in [
        json!({"name": ""}),
        json!({"name": "two\nlines"}),
        json!({"name": "x", "scopes": []}),
        json!({"name": "x", "scopes": ["all"]}),
        json!({"name": "x", "colour": "red"}),
        json!([]),
    ] {
        problem(make(body).await, 422, "invalid-body").await;
    }
    let no_json = with(server.request(Method::POST, "/v1/keys").body("{\"name\": \"x\"}"), &admin).await;
    problem(no_json, 422, "invalid-body").await;

    let list = with(server.request(Method::GET, "/v1/keys"), &admin).await.text().await.unwrap();
    let secret = web.rsplit('_').next().unwrap();
    assert!(list.contains("web") && !list.contains(secret) && !list.contains("whsec"), "{list}");
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    for _ in 0..2 {
        let revoked = with(server.request(Method::DELETE, &path), &admin).await;
        assert_eq!(revoked.status(), StatusCode::NO_CONTENT);
    }
    problem(with(server.request(Method::GET, "/v1/jobs"), web).await, 401, "unknown-key").await;
    for nobody in ["/v1/keys/abcdefghijkl", "/v1/keys/a%20b", "/v1/keys/web"] {
        problem(with(server.request(Method::DELETE, nobody), &admin).await, 404, "no-such-key").await;
    }
}

#[tokio::test]
async fn wrong_keys_are_refused_unseen_after_a_while_and_right_ones_are_not() {
    let server = Server::start().await;
    let right = key(&server, "reader", &[Scope::Read]).await;
    assert_eq!(with(server.request(Method::GET, "/v1/jobs"), &right).await.status(), StatusCode::OK);
    let (_, wrong) = ApiKey::generate("never kept", vec![Scope::Admin]);
    let wrong = wrong.reveal();
    let refused = async {
        loop {
            let response = with(server.request(Method::GET, "/v1/jobs"), &wrong).await;
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                return response;
            }
            problem(response, 401, "unknown-key").await;
        }
    };
    let refused = timeout(PATIENCE, refused).await.expect("they come faster than they are let by");
    assert!(header(refused.headers(), "retry-after").parse::<u64>().unwrap() >= 1);
    problem(refused, 429, "too-many-requests").await;
    // Nobody makes the service forget who has opened by ending a session that is none.
    let made_up = format!("impasto_session={}", "A".repeat(43));
    let gone = server.request(Method::DELETE, "/v1/session").header("cookie", made_up).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    assert_eq!(with(server.request(Method::GET, "/v1/jobs"), &right).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn sessions_that_are_over_are_no_wrong_keys() {
    let server = Server::start().await;
    let right = key(&server, "reader", &[Scope::Read]).await;
    let over = format!("impasto_session={}", "A".repeat(43));
    // One more than there may be wrong keys in a minute.
    for _ in 0..61 {
        problem(server.get_with("/v1/jobs", "cookie", &over).await, 401, "unknown-key").await;
    }
    assert_eq!(with(server.request(Method::GET, "/v1/jobs"), &right).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn by_https_the_cookie_has_a_name_that_nothing_in_clear_text_can_set() {
    let server = Server::start_with(|settings| settings.trusted_proxies = vec!["127.0.0.1".to_owned()]).await;
    let secret = key(&server, "reader", &[Scope::Read]).await;
    for (prefix, name, path) in
        [(None, "__Host-impasto_session", "Path=/"), (Some("/x"), "__Secure-impasto_session", "Path=/x")]
    {
        let request = |method, path| {
            let request = server.request(method, path).header("x-forwarded-proto", "https");
            prefix.into_iter().fold(request, |request, prefix| request.header("x-forwarded-prefix", prefix))
        };
        let log_in = request(Method::POST, "/v1/session").json(&json!({"key": secret}));
        let set = header(log_in.send().await.unwrap().headers(), "set-cookie").to_owned();
        let parts: Vec<_> = set.split("; ").collect();
        assert!(parts.contains(&"Secure") && parts.contains(&path) && !set.contains("Domain"), "{set}");
        let value = parts[0].strip_prefix(&format!("{name}=")).unwrap_or_else(|| panic!("{set}"));
        let list =
            async |cookie: String| request(Method::GET, "/v1/jobs").header("cookie", cookie).send().await.unwrap();
        assert_eq!(list(format!("{name}={value}; {name}={value}")).await.status(), StatusCode::OK);
        problem(list(format!("impasto_session={value}")).await, 401, "key-required").await;
        let planted = format!("{name}={}; {name}={value}", "A".repeat(43));
        problem(list(planted).await, 401, "unknown-key").await;
    }
}

#[tokio::test]
async fn it_is_written_down_when_a_key_was_used() {
    let server = Server::start().await;
    let key = key(&server, "reader", &[Scope::Read]).await;
    with(server.request(Method::GET, "/v1/jobs"), &key).await;
    let noted = async { while server.jobs.list_keys().await.unwrap()[0].last_used_at.is_none() {} };
    timeout(PATIENCE, noted).await.expect("it is written down");
}

#[tokio::test]
async fn people_log_in_with_a_key_and_out_again() {
    let server = Server::start().await;
    let session =
        async |cookie: &str| -> Value { server.get_with("/v1/session", "cookie", cookie).await.json().await.unwrap() };
    let everything = json!(["submit", "read", "priority", "admin"]);
    assert_eq!(session("").await, json!({"keys": false, "name": null, "scopes": everything}));
    let server = Server::start().await;
    let session =
        async |cookie: &str| -> Value { server.get_with("/v1/session", "cookie", cookie).await.json().await.unwrap() };
    let key = key(&server, "Ada's page", &[Scope::Read]).await;
    assert_eq!(session("").await, json!({"keys": true, "name": null, "scopes": []}));

    let log_in = async |key: &str| {
        let request = server.request(Method::POST, "/v1/session").json(&json!({"key": key}));
        request.send().await.unwrap()
    };
    problem(log_in("impasto_abc_def").await, 401, "unknown-key").await;
    let response = log_in(&key).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    let set = header(response.headers(), "set-cookie").to_owned();
    for part in ["impasto_session=", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=604800"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Secure") && !set.contains("Domain"), "{set}");
    let cookie = set.split(';').next().unwrap();
    assert_eq!(session(cookie).await, json!({"keys": true, "name": "Ada's page", "scopes": ["read"]}));
    assert_eq!(server.get_with("/v1/jobs", "cookie", &format!("a=b; {cookie}")).await.status(), StatusCode::OK);

    let gone = server.request(Method::DELETE, "/v1/session").header("cookie", cookie).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    assert!(header(gone.headers(), "set-cookie").contains("Max-Age=0"));
    problem(server.get_with("/v1/jobs", "cookie", cookie).await, 401, "unknown-key").await;
    problem(server.get_with("/v1/jobs", "cookie", "impasto_session=nonsense").await, 401, "key-required").await;
}
