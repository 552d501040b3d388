//! What travels compressed, and to whom.

use std::io::Read;

use flate2::read::GzDecoder;
use reqwest::StatusCode;

use crate::common::{Server, entry, header, path_of, picture};

fn is_gzip(response: &reqwest::Response) -> bool {
    response.headers().get("content-encoding").is_some_and(|encoding| encoding == "gzip")
}

#[tokio::test]
async fn text_is_compressed_for_those_who_take_it() {
    let server = Server::start().await;
    let path = path_of(&server.submitted().await);
    let claim = server.claim().await;
    for epoch in 1..=20 {
        server.jobs.record_progress(&claim.key, &entry(1, epoch)).await.unwrap();
    }
    let losses = format!("{path}/losses");
    for path in ["/", "/docs", "/studio.js", "/openapi.yaml", "/v1/jobs", &path, &losses] {
        let plain = server.get(path).await;
        assert!(!is_gzip(&plain), "{path}");
        assert!(header(plain.headers(), "vary").to_lowercase().contains("accept-encoding"), "{path}");
        let plain = plain.bytes().await.unwrap();
        for accepted in ["gzip", "br, gzip;q=0.5", "deflate, *"] {
            let response = server.get_with(path, "accept-encoding", accepted).await;
            assert!(is_gzip(&response), "{path} {accepted}");
            assert!(header(response.headers(), "vary").to_lowercase().contains("accept-encoding"), "{path}");
            let compressed = response.bytes().await.unwrap();
            assert!(compressed.len() * 2 < plain.len() * 3 / 2, "{path}: {} of {}", compressed.len(), plain.len());
            let mut text = Vec::new();
            GzDecoder::new(&compressed[..]).read_to_end(&mut text).unwrap();
            assert!(text == plain, "{path} {accepted}");
        }
        for accepted in ["br", "identity", "gzip;q=0", "gzip;q=0, *", "identity;q=0", "*;q=0", ""] {
            let response = server.get_with(path, "accept-encoding", accepted).await;
            assert_eq!((response.status(), is_gzip(&response)), (StatusCode::OK, false), "{path} {accepted}");
            assert!(response.bytes().await.unwrap() == plain, "{path} {accepted}");
        }
    }
}

#[tokio::test]
async fn pictures_and_short_answers_travel_as_they_are() {
    let server = Server::start().await;
    let path = path_of(&server.finished(&picture(64, 64)).await);
    for path in [&format!("{path}/result"), &format!("{path}/result?format=jpeg"), "/healthz", "/nowhere"] {
        assert!(!is_gzip(&server.get_with(path, "accept-encoding", "gzip").await), "{path}");
    }
}

#[tokio::test]
async fn a_job_is_compressed_as_it_is_now() {
    let server = Server::start().await;
    let path = path_of(&server.submitted().await);
    let claim = server.claim().await;
    for epoch in 1..=20 {
        server.jobs.record_progress(&claim.key, &entry(1, epoch)).await.unwrap();
        let response = server.get_with(&path, "accept-encoding", "gzip").await;
        assert!(is_gzip(&response));
        let tag = header(response.headers(), "etag").to_owned();
        let compressed = response.bytes().await.unwrap();
        assert_eq!(header(server.get(&path).await.headers(), "etag"), tag);
        let job: serde_json::Value = serde_json::from_reader(GzDecoder::new(&compressed[..])).unwrap();
        assert_eq!(job["progress"]["epoch"], epoch);
        assert_eq!(tag, format!("W/\"{}\"", job["revision"]));
        let response = server.request(reqwest::Method::GET, &path).header("accept-encoding", "gzip");
        let response = response.header("if-none-match", &tag).send().await.unwrap();
        assert_eq!((response.status(), is_gzip(&response)), (StatusCode::NOT_MODIFIED, false));
    }
}
