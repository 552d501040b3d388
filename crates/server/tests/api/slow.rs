//! Slow, silent and greedy clients.

use std::time::Duration;

use impasto_jobs::Scope;
use reqwest::{Method, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    common::{Server, header, path_of, problem, small_form},
    keys::{key, with},
};

/// Far longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

async fn impatient() -> Server {
    Server::start_with(|settings| {
        (settings.header_seconds, settings.idle_seconds, settings.write_seconds) = (1, 1, 1);
    })
    .await
}

/// What comes on `connection` until the service closes it.
async fn until_closed(connection: &mut TcpStream) -> String {
    let mut told = Vec::new();
    // A connection that is reset is closed as well.
    _ = timeout(PATIENCE, connection.read_to_end(&mut told)).await.expect("the service closes it");
    String::from_utf8_lossy(&told).into_owned()
}

#[tokio::test]
async fn whoever_says_nothing_or_half_of_it_is_left() {
    let server = impatient().await;
    for (sent, answers) in [
        ("", 0),
        ("GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ", 0),
        ("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 1),
        ("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /hea", 1),
        ("POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{", 1),
    ] {
        let mut connection = TcpStream::connect(server.addr).await.unwrap();
        connection.write_all(sent.as_bytes()).await.unwrap();
        let told = until_closed(&mut connection).await;
        assert_eq!(told.matches("HTTP/1.1 ").count(), answers, "{sent:?}: {told}");
    }
}

#[tokio::test]
async fn a_head_byte_by_byte_buys_no_time() {
    let server = impatient().await;
    let connection = TcpStream::connect(server.addr).await.unwrap();
    let (mut reads, mut writes) = connection.into_split();
    let dripping = async {
        while writes.write_all(b"X").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let closed = async { _ = reads.read_to_end(&mut Vec::new()).await };
    timeout(PATIENCE, async {
        tokio::select! { () = dripping => {}, () = closed => {} }
    })
    .await
    .expect("it is closed");
}

#[tokio::test]
async fn whoever_does_not_read_its_answers_is_left() {
    let server = impatient().await;
    let mut connection = TcpStream::connect(server.addr).await.unwrap();
    let asking = async {
        // What was sent before the service closed counts for nothing: sooner or later a write meets the closed connection.
        while connection.write_all(b"GET /openapi.yaml HTTP/1.1\r\nHost: localhost\r\n\r\n").await.is_ok() {}
    };
    timeout(PATIENCE, asking).await.expect("it is closed");
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn above_the_bound_of_connections_the_service_says_so_and_that_it_is_alive() {
    // Of which one address has half.
    let server = Server::start_with(|settings| settings.max_connections = 2.try_into().unwrap()).await;
    let held = TcpStream::connect(server.addr).await.unwrap();
    let silent: Vec<TcpStream> = {
        let mut silent = Vec::new();
        for _ in 0..40 {
            silent.push(TcpStream::connect(server.addr).await.unwrap());
        }
        silent
    };
    let full = server.get("/").await;
    assert!(full.headers().contains_key("retry-after"));
    assert_eq!(header(full.headers(), "connection"), "close");
    problem(full, 503, "busy").await;
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
    problem(server.submit(small_form()).await, 503, "busy").await;
    drop((held, silent));
    let frees = async { while server.get("/").await.status() != StatusCode::OK {} };
    timeout(PATIENCE, frees).await.expect("a place that is given up is free");
}

#[tokio::test]
async fn above_the_bound_of_long_polls_others_are_served() {
    let server = Server::start_with(|settings| settings.max_waiting = 2).await;
    let path = path_of(&server.submitted().await);
    let url = server.url(&format!("{path}?wait=30"));
    let held = tokio::spawn(async move {
        loop {
            let status = reqwest::get(&url).await.unwrap().status();
            if status != StatusCode::SERVICE_UNAVAILABLE {
                return status;
            }
        }
    });
    let bound = async {
        loop {
            let response = server.get(&format!("{path}?wait=1")).await;
            if response.status() == StatusCode::SERVICE_UNAVAILABLE {
                return response;
            }
        }
    };
    let bound = timeout(PATIENCE, bound).await.expect("one client has half of the places");
    assert!(bound.headers().contains_key("retry-after"));
    problem(bound, 503, "busy").await;
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
    server.claim().await;
    assert_eq!(timeout(PATIENCE, held).await.expect("the job has changed").unwrap(), StatusCode::OK);
}

#[tokio::test]
async fn slow_uploads_of_one_client_do_not_hold_up_those_of_another() {
    let server = Server::start_with(|settings| {
        settings.max_uploads = 2.try_into().unwrap();
        settings.busy_seconds = 1;
    })
    .await;
    let (slow, other) = (key(&server, "slow", &[Scope::Submit]).await, key(&server, "other", &[Scope::Submit]).await);
    let send = |key| with(server.request(Method::POST, "/v1/jobs").multipart(small_form()), key);
    let mut connection = TcpStream::connect(server.addr).await.unwrap();
    let head = format!(
        "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {slow}\r\nContent-Length: 1000\r\n\
         Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let bound = async {
        loop {
            let response = send(&slow).await;
            if response.status() != StatusCode::ACCEPTED {
                return response;
            }
        }
    };
    problem(timeout(PATIENCE, bound).await.expect("one client has half of the places"), 503, "busy").await;
    assert_eq!(send(&other).await.status(), StatusCode::ACCEPTED);
}
