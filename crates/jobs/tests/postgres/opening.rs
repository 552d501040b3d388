//! Databases that no store can be in, and what is said of them.

use std::net::TcpListener;

use impasto_jobs::JobPlace;
use tokio::time::timeout;

use crate::{
    database::{PATIENCE, server},
    line::{Line, Manners},
    server::{PASSWORD, name_of},
};

/// What is said on opening what cannot be opened.
async fn refusal(url: &str) -> String {
    let place = JobPlace::Server { database: url.to_owned(), listen: None };
    let refused = place.open().await.expect_err("it is refused").to_string();
    println!("{refused}");
    assert!(!refused.contains(PASSWORD) && !refused.contains("hunter2"), "{refused}");
    refused
}

fn assert_tells(refused: &str, words: &[&str]) {
    for word in words {
        assert!(refused.contains(word), "'{word}' is missing: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_named() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = refusal(&format!("postgres://impasto:hunter2@{free}/jobs")).await;
    assert_tells(&refused, &[&free.to_string(), "jobs"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_of_and_not_told() {
    let url = server().tcp_url("postgres").replace(PASSWORD, "hunter2");
    let refused = refusal(&url).await;
    assert_tells(&refused, &["127.0.0.1", "password authentication failed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_there_is_named() {
    let refused = refusal(&server().tcp_url("nowhere")).await;
    assert_tells(&refused, &["127.0.0.1", "\"nowhere\" does not exist"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_address_is_told_so() {
    for wrong in ["postgres://impasto:hunter2@:::/", "postgres://impasto:hunter2@localhost:port/jobs"] {
        refusal(wrong).await;
    }
}

/// The address of a fresh database by a line with such manners, and the line.
async fn by_line(manners: Manners) -> (String, Line) {
    let url = server().fresh_database().await;
    let line = Line::to(server().port(), manners).await;
    let (direct, by_line) = (format!(":{}/", server().port()), format!(":{}/", line.port));
    (server().tcp_url(name_of(&url)).replace(&direct, &by_line), line)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_too_old_is_told_so() {
    // A number of six digits in an answer: what the server says to `SHOW server_version_num`, such as 150008.
    let as_old = Manners::Says { word: "\0\0\0\u{6}0", instead_of: "\0\0\0\u{6}1" };
    let (url, _line) = by_line(as_old).await;
    assert_tells(&refusal(&url).await, &["127.0.0.1", "and impasto needs 15 or later"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_dies_while_the_tables_are_made_does_not_hold_up_for_ever() {
    let (url, _line) = by_line(Manners::DiesAt("COMMIT")).await;
    let refused = timeout(PATIENCE, refusal(&url)).await.expect("it is given up");
    assert_tells(&refused, &["127.0.0.1", "did not answer"]);
    // Nor does it hold up the next one, although the server has not heard that it died.
    let direct = JobPlace::Server { database: server().url(name_of(&url)), listen: None };
    timeout(PATIENCE, direct.open()).await.expect("it waits for a while only").unwrap();
}
