//! The service as an operator sets it up for the public: by the environment alone, behind a proxy, with keys. It is looked at from
//! outside, as strangers, clients, pages of other sites and webhooks meet it.

mod common;

use std::{path::Path, process::Command};

use base64::{Engine, engine::general_purpose::STANDARD};
use common::{
    PATIENCE, Service, id_of,
    jobs::{LONG, SHORT, painting},
    pictures,
};
use futures::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    multipart::{Form, Part},
};
use serde_json::Value;
use sha2::Sha256;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::timeout,
};

const HOST: &str = "pictures.example.com";
const SHOP: &str = "https://shop.example";
const SETTINGS: &[(&str, &str)] = &[
    ("SERVER__HOSTS", HOST),
    ("SERVER__TRUSTED_PROXIES", "127.0.0.1"),
    ("SERVER__PUBLIC_PATH", "/impasto"),
    ("SERVER__HEADER_SECONDS", "1"),
    ("SERVER__CORS_ORIGINS", SHOP),
    ("WEBHOOKS__ALLOW_HTTP", "true"),
    ("WEBHOOKS__ALLOW_PRIVATE", "true"),
    ("LIMITS__REQUESTS_A_MINUTE", "60"),
];

/// What a client is given: its key, and what webhooks of its jobs are signed with.
struct Credentials {
    key: String,
    webhook_secret: String,
}

fn make_key(data: &Path, name: &str) -> Credentials {
    let mut command = Command::new(env!("CARGO_BIN_EXE_impasto"));
    let made = command.args(["keys", "create", name, "--data"]).arg(data).current_dir(data).output().unwrap();
    let [key, said] = [made.stdout, made.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    let webhook_secret = said.split_whitespace().find(|word| word.starts_with("whsec_"));
    Credentials { key: key.trim_end().to_owned(), webhook_secret: webhook_secret.expect("it is said once").to_owned() }
}

async fn public_service(data: &Path, arguments: &[&str]) -> Service {
    Service::start_with(data, |command| {
        painting(command, SETTINGS);
        command.args(arguments);
    })
    .await
}

/// A service that takes orders and paints nothing.
async fn public_api(data: &Path) -> Service {
    public_service(data, &["--role", "api"]).await
}

/// A request as the proxy before the service passes it on.
fn request(service: &Service, method: Method, path: &str, key: &str) -> RequestBuilder {
    let request = service.http.request(method, service.url(path)).header("x-forwarded-for", "203.0.113.9");
    request.header("x-forwarded-proto", "https").header("x-forwarded-host", HOST).bearer_auth(key)
}

async fn send(request: RequestBuilder) -> Response {
    request.send().await.expect("the service answers")
}

async fn get(service: &Service, path: &str, key: &str) -> Response {
    send(request(service, Method::GET, path, key)).await
}

fn form(options: &[(&str, &str)]) -> Form {
    let file = |bytes| Part::bytes(bytes).file_name("picture");
    let form =
        Form::new().part("content", file(pictures::photograph(96, 72))).part("style", file(pictures::painting(80, 80)));
    options.iter().fold(form, |form, &(name, value)| form.text(name.to_owned(), value.to_owned()))
}

fn order(service: &Service, key: &str, options: &[(&str, &str)]) -> RequestBuilder {
    request(service, Method::POST, "/impasto/v1/jobs", key).multipart(form(options))
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers().get(name).unwrap_or_else(|| panic!("there is a header {name}: {response:?}"));
    value.to_str().unwrap()
}

/// The answer's JSON, where its status is `status`.
async fn json(response: Response, status: u16) -> Value {
    let (got, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(got, status, "{text}");
    serde_json::from_str(&text).unwrap()
}

async fn refused(response: Response, status: u16, kind: &str) {
    assert_eq!(header(&response, "content-type"), "application/problem+json");
    let problem = json(response, status).await;
    assert!(problem["type"].as_str().unwrap().ends_with(&format!("/problems/{kind}")), "{problem}");
}

#[tokio::test]
async fn nobody_gets_in_without_a_key_under_another_name_or_by_another_site() {
    let data = tempfile::tempdir().unwrap();
    let [alice, bob] = ["alice", "bob"].map(|name| make_key(data.path(), name).key);
    let service = public_api(data.path()).await;
    let stranger = service.http.get(service.url("/impasto/v1/jobs")).header("x-forwarded-host", HOST);
    let closed = send(stranger).await;
    assert!(header(&closed, "www-authenticate").starts_with("Bearer"), "{closed:?}");
    refused(closed, 401, "key-required").await;

    // By the address that it listens on, past the proxy, it is known under no name.
    let past_the_proxy = service.http.get(service.url("/impasto/v1/jobs")).bearer_auth(&alice);
    refused(send(past_the_proxy).await, 421, "foreign-host").await;

    let from = |origin: &str| order(&service, &alice, SHORT).header("origin", origin);
    refused(send(from("https://evil.example")).await, 403, "cross-site").await;
    let accepted = send(from(SHOP)).await;
    assert_eq!(header(&accepted, "access-control-allow-origin"), SHOP);
    let job = json(accepted, 202).await;
    for link in job["links"].as_object().unwrap().values().filter_map(Value::as_str) {
        assert!(link.starts_with("/impasto/v1/jobs/"), "{job:#}");
    }

    let path = job["links"]["self"].as_str().unwrap();
    assert_eq!(json(get(&service, path, &alice).await, 200).await["id"], job["id"]);
    refused(get(&service, path, &bob).await, 404, "no-such-job").await;
    assert_eq!(json(get(&service, "/impasto/v1/jobs", &bob).await, 200).await["jobs"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_when_to_come_back_and_others_are_not_held_up() {
    let data = tempfile::tempdir().unwrap();
    let [alice, bob] = ["alice", "bob"].map(|name| make_key(data.path(), name).key);
    let service = public_api(data.path()).await;
    let answers = join_all((0..90).map(|_| get(&service, "/impasto/v1/jobs", &alice))).await;
    let (allowed, too_many): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status() == 200);
    assert!(allowed.len() >= 60 && !too_many.is_empty(), "{} are allowed", allowed.len());
    for answer in too_many {
        assert!(header(&answer, "retry-after").parse::<u64>().unwrap() > 0);
        assert!(header(&answer, "ratelimit").contains("r=0"), "{answer:?}");
        refused(answer, 429, "too-many-requests").await;
    }
    assert_eq!(get(&service, "/impasto/v1/jobs", &bob).await.status(), 200);
}

#[tokio::test]
async fn half_a_head_is_not_waited_for() {
    let data = tempfile::tempdir().unwrap();
    let service = public_api(data.path()).await;
    let mut connection = TcpStream::connect(service.address()).await.unwrap();
    connection.write_all(format!("GET /healthz HTTP/1.1\r\nHost: {HOST}\r\nX-Half").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // However it is closed.
    let closed = timeout(PATIENCE, connection.read_to_end(&mut answer)).await;
    assert!(closed.is_ok() && !answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn an_order_that_is_repeated_after_a_restart_is_the_same_job() {
    let data = tempfile::tempdir().unwrap();
    let alice = make_key(data.path(), "alice").key;
    let first = public_api(data.path()).await;
    let repeated = |service: &Service| order(service, &alice, SHORT).header("idempotency-key", "order-4711");
    let job = json(send(repeated(&first)).await, 202).await;
    assert!(first.stop_gently().await.success());
    let second = public_api(data.path()).await;
    assert_eq!(json(send(repeated(&second)).await, 200).await["id"], job["id"]);
    refused(
        send(order(&second, &alice, LONG).header("idempotency-key", "order-4711")).await,
        422,
        "idempotency-mismatch",
    )
    .await;
    assert_eq!(json(get(&second, "/impasto/v1/jobs", &alice).await, 200).await["jobs"].as_array().unwrap().len(), 1);
}

/// An event of a job, as a browser reads it.
struct Told {
    event: String,
    id: String,
    data: Value,
}

/// Reads events until `is_enough`, or the stream has ended.
async fn listen(mut stream: Response, is_enough: impl Fn(&Told) -> bool) -> Vec<Told> {
    let (mut text, mut told) = (String::new(), Vec::<Told>::new());
    while !told.last().is_some_and(&is_enough) {
        let chunk = timeout(PATIENCE, stream.chunk()).await.expect("something is told").unwrap();
        let Some(chunk) = chunk else { break };
        text += std::str::from_utf8(&chunk).unwrap();
        while let Some((event, rest)) = text.split_once("\n\n") {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            if let (Some(event), Some(id), Some(data)) = (field("event"), field("id"), field("data")) {
                let data = serde_json::from_str(data).unwrap();
                told.push(Told { event: event.to_owned(), id: id.to_owned(), data });
            }
            text = rest.to_owned();
        }
    }
    told
}

fn losses(told: &[Told]) -> Vec<Value> {
    let told = told.iter().filter(|told| told.event == "losses");
    told.flat_map(|told| told.data["losses"].as_array().unwrap().clone()).collect()
}

#[tokio::test]
async fn a_job_is_followed_over_a_lost_connection_and_its_picture_fetched_in_parts() {
    let data = tempfile::tempdir().unwrap();
    let alice = make_key(data.path(), "alice").key;
    let service = public_service(data.path(), &[]).await;
    let options: &[_] = &[("stages", "32x24:60"), ("report_every", "2")];
    let job = json(send(order(&service, &alice, options)).await, 202).await;
    let events = job["links"]["events"].as_str().unwrap();
    let before = listen(get(&service, events, &alice).await, |told| told.event == "losses").await;
    let heard = |told: &Told| request(&service, Method::GET, events, &alice).header("last-event-id", &told.id);
    let after = listen(send(heard(before.last().unwrap())).await, |_| false).await;
    let job = json(get(&service, job["links"]["self"].as_str().unwrap(), &alice).await, 200).await;
    assert_eq!(job["status"], "succeeded", "the stream ended with the job: {job:#}");
    assert_eq!(Value::from([losses(&before), losses(&after)].concat()), job["progress"]["losses"], "each is told once");
    assert_eq!(send(heard(after.last().unwrap())).await.status(), StatusCode::NO_CONTENT);

    let result = job["links"]["result"].as_str().unwrap();
    let whole = get(&service, result, &alice).await.bytes().await.unwrap();
    let part = send(request(&service, Method::GET, result, &alice).header("range", "bytes=10-99")).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(header(&part, "content-range"), format!("bytes 10-99/{}", whole.len()));
    assert_eq!(part.bytes().await.unwrap(), whole[10..100]);
}

/// Takes one message as a webhook: its head and its body.
async fn take_message(listener: TcpListener) -> (String, Vec<u8>) {
    let taken = timeout(PATIENCE, async {
        let (connection, _) = listener.accept().await.unwrap();
        let mut connection = BufReader::new(connection);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(connection.read_line(&mut head).await.unwrap(), 0, "{head}");
        }
        let mut body = vec![0; field(&head, "content-length").parse().unwrap()];
        connection.read_exact(&mut body).await.unwrap();
        connection.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await.unwrap();
        (head, body)
    });
    taken.await.expect("the webhook is told")
}

fn field<'a>(head: &'a str, name: &str) -> &'a str {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let value = fields.filter(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value).next();
    value.unwrap_or_else(|| panic!("{name}: {head}")).trim()
}

#[tokio::test]
async fn a_picture_is_painted_while_it_is_waited_for_and_a_webhook_told_of_it() {
    let data = tempfile::tempdir().unwrap();
    let alice = make_key(data.path(), "alice");
    let service = public_service(data.path(), &[]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let webhook = format!("http://{}/Painted", listener.local_addr().unwrap());
    let fields = form(&[SHORT, &[("webhook", webhook.as_str())]].concat());
    let paint = request(&service, Method::POST, "/impasto/v1/paint?format=jpeg", &alice.key).multipart(fields);
    let (painted, (head, body)) = tokio::join!(send(paint), take_message(listener));
    assert_eq!((painted.status(), header(&painted, "content-type")), (StatusCode::OK, "image/jpeg"));
    let picture = image::load_from_memory(&painted.bytes().await.unwrap()).unwrap();
    assert_eq!((picture.width(), picture.height()), (32, 24));

    let told: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(told["type"], "job.succeeded");
    let path = told["data"]["links"]["self"].as_str().unwrap();
    let job = json(get(&service, path, &alice.key).await, 200).await;
    assert_eq!(id_of(&job), told["data"]["id"]);
    let secret = STANDARD.decode(alice.webhook_secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut signature = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
    for part in [field(&head, "webhook-id"), ".", field(&head, "webhook-timestamp"), "."] {
        signature.update(part.as_bytes());
    }
    signature.update(&body);
    let expected = format!("v1,{}", STANDARD.encode(signature.finalize().into_bytes()));
    assert_eq!(field(&head, "webhook-signature"), expected);
}
