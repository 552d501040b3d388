//! Databases that no store can be in, and what is said of them.

use std::net::TcpListener;

use impasto_jobs::JobPlace;

use crate::{
    database::server,
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

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_too_old_is_told_so() {
    let url = server().fresh_database().await;
    // In what the server says of itself at the beginning, and in what it answers when asked.
    let beginning =
        Line::to(server().port(), Manners::Says { word: "server_version\x0014", instead_of: "server_version\x0015" });
    let line = beginning.await;
    let by_the_line =
        server().tcp_url(name_of(&url)).replace(&format!(":{}/", server().port()), &format!(":{}/", line.port));
    assert_tells(&refusal(&by_the_line).await, &["15"]);
    server().drop_database(&url).await;
}
