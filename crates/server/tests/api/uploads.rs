//! Uploads that do not go as they should, byte by byte.

use impasto_jobs::Sight;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::common::{Server, png, until};

fn head(length: usize, extra: &str) -> String {
    format!(
        "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=B\r\n\
         Content-Length: {length}\r\n{extra}\r\n"
    )
}

fn part(name: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a\"\r\n\r\n");
    [head.as_bytes(), bytes, b"\r\n"].concat()
}

/// The response, as far as its connection brings it.
async fn response(mut connection: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset after the response is no concern of the client's.
    _ = connection.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing() {
    let server = Server::start().await;
    let mut connection = TcpStream::connect(server.addr).await.unwrap();
    let sent = [part("content", &png(48, 32)), part("style", &[7; 300_000])].concat();
    connection.write_all(head(10_000_000, "").as_bytes()).await.unwrap();
    connection.write_all(&sent[..sent.len() - 100_000]).await.unwrap();
    until(|| !server.stored_files().is_empty()).await;
    drop(connection);
    until(|| server.stored_files().is_empty()).await;
    assert!(server.jobs.list(&Default::default(), &Sight::All).await.unwrap().jobs.is_empty());
}

#[tokio::test]
async fn a_shutdown_waits_until_what_a_client_left_is_gone() {
    let server = Server::start_with(|settings| settings.shutdown_seconds = 600).await;
    let mut connection = TcpStream::connect(server.addr).await.unwrap();
    connection.write_all(head(10_000_000, "").as_bytes()).await.unwrap();
    connection.write_all(&part("content", &png(48, 32))).await.unwrap();
    until(|| !server.stored_files().is_empty()).await;
    server.shutdown.cancel();
    drop(connection);
    let folder = server.blobs_folder();
    server.running.await.unwrap().unwrap();
    assert!(!folder.join("jobs").exists() || std::fs::read_dir(folder.join("jobs")).unwrap().next().is_none());
}

#[tokio::test]
async fn a_client_that_stalls_is_given_up() {
    let server = Server::start_with(|settings| settings.upload_stall_seconds = 0).await;
    let mut connection = TcpStream::connect(server.addr).await.unwrap();
    connection.write_all(head(10_000_000, "").as_bytes()).await.unwrap();
    connection.write_all(&part("content", &png(48, 32))).await.unwrap();
    let response = response(connection).await;
    assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
    assert!(response.contains("/problems/upload-timeout"), "{response}");
    assert!(server.stored_files().is_empty());
}

#[tokio::test]
async fn an_upload_that_takes_too_long_is_given_up() {
    let server = Server::start_with(|settings| settings.upload_seconds = 0).await;
    let mut connection = TcpStream::connect(server.addr).await.unwrap();
    connection.write_all(head(100, "").as_bytes()).await.unwrap();
    let mut start = [0; 13];
    connection.read_exact(&mut start).await.unwrap();
    assert_eq!(start, *b"HTTP/1.1 408 ");
}

#[tokio::test]
async fn a_client_that_writes_before_it_reads_hears_the_answer() {
    let server = Server::start().await;
    let body = [part("colour", b"red"), part("content", &vec![7; 20_000_000]), b"--B--\r\n".to_vec()].concat();
    let mut connection = TcpStream::connect(server.addr).await.unwrap();
    connection.write_all(head(body.len(), "Connection: close\r\n").as_bytes()).await.unwrap();
    connection.write_all(&body).await.unwrap();
    let response = response(connection).await;
    assert!(response.starts_with("HTTP/1.1 422 "), "{response}");
    assert!(response.contains("\"field\":\"colour\""), "{response}");
}

#[tokio::test]
async fn a_client_that_asks_first_is_refused_before_it_sends() {
    let server = Server::start().await;
    let mut connection = TcpStream::connect(server.addr).await.unwrap();
    let head =
        head(20_000_000, "Expect: 100-continue\r\nConnection: close\r\n").replace("multipart/form-data", "image/png");
    connection.write_all(head.as_bytes()).await.unwrap();
    let response = response(connection).await;
    assert!(response.starts_with("HTTP/1.1 415 "), "{response}");
}

#[tokio::test]
async fn a_form_that_arrives_in_pieces_is_taken() {
    let server = Server::start().await;
    let picture = png(48, 32);
    let body = [part("content", &picture), part("style", &picture), b"--B--\r\n".to_vec()].concat();
    let mut connection = TcpStream::connect(server.addr).await.unwrap();
    connection.set_nodelay(true).unwrap();
    connection.write_all(head(body.len(), "Connection: close\r\n").as_bytes()).await.unwrap();
    for piece in body.chunks(61) {
        connection.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    let response = response(connection).await;
    assert!(response.starts_with("HTTP/1.1 202 "), "{response}");
}
