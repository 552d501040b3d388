//! Results and previews.

use impasto_jobs::BlobKey;
use impasto_picture::{DecodeLimits, Format, Picture};
use reqwest::StatusCode;

use crate::common::{Server, header, id_of, path_of, picture, png, problem};

async fn fetch(server: &Server, path: &str, accept: Option<&str>) -> (String, Vec<u8>) {
    let response = match accept {
        Some(accept) => server.get_with(path, "accept", accept).await,
        None => server.get(path).await,
    };
    assert_eq!(response.status(), StatusCode::OK);
    (header(response.headers(), "content-type").to_owned(), response.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn the_result_comes_in_three_formats() {
    let server = Server::start().await;
    let painted = picture(48, 32);
    let path = format!("{}/result", path_of(&server.finished(&painted).await));
    for (query, accept, format) in [
        ("", None, Format::Png),
        ("", Some("*/*"), Format::Png),
        ("", Some("application/json"), Format::Png),
        ("", Some("image/jpeg"), Format::Jpeg),
        ("", Some("image/webp"), Format::WebP),
        ("", Some("IMAGE/JPEG;q=0.5, image/webp ; q=0.9"), Format::WebP),
        ("", Some("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"), Format::Png),
        ("", Some("image/png;q=0.1, image/*"), Format::Jpeg),
        ("?format=png", Some("image/jpeg"), Format::Png),
        ("?format=jpeg", None, Format::Jpeg),
        ("?format=jpg", None, Format::Jpeg),
        ("?format=webp", None, Format::WebP),
    ] {
        let (content_type, bytes) = fetch(&server, &format!("{path}{query}"), accept).await;
        assert_eq!(content_type, format.mime(), "{query} {accept:?}");
        assert_eq!(bytes, painted.encode(format).unwrap(), "{query} {accept:?}");
    }
    let (_, webp) = fetch(&server, &format!("{path}?format=webp"), None).await;
    let limits = DecodeLimits::default();
    let png = Picture::decode(&png(48, 32), &limits).unwrap();
    assert_eq!(Picture::decode(&webp, &limits).unwrap(), png);
}

#[tokio::test]
async fn the_result_may_be_kept() {
    let server = Server::start().await;
    let path = format!("{}/result", path_of(&server.finished(&picture(48, 32)).await));
    let response = server.get(&path).await;
    let tag = header(response.headers(), "etag").to_owned();
    assert!(header(response.headers(), "cache-control").contains("immutable"));
    assert_eq!(header(response.headers(), "vary"), "Accept");
    let response = server.get_with(&path, "if-none-match", &tag).await;
    assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
    let response = server.get_with(&format!("{path}?format=webp"), "if-none-match", &tag).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_result_that_is_not_there_yet() {
    let server = Server::start().await;
    let path = format!("{}/result", path_of(&server.submitted().await));
    let response = server.get(&path).await;
    assert!(response.headers().contains_key("retry-after"));
    problem(response, 409, "not-ready").await;
    server.claim().await;
    problem(server.get(&path).await, 409, "not-ready").await;
    let problem = problem(server.get(&format!("{path}?format=gif")).await, 422, "invalid-query").await;
    assert_eq!(problem["field"], "format");
}

#[tokio::test]
async fn a_format_that_cannot_hold_the_result() {
    let server = Server::start().await;
    let path = format!("{}/result", path_of(&server.finished(&picture(16_385, 1)).await));
    let problem = problem(server.get(&format!("{path}?format=webp")).await, 422, "invalid-query").await;
    assert_eq!(problem["field"], "format");
    assert_eq!(server.get(&format!("{path}?format=jpeg")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_preview_is_the_one_saved_last() {
    let server = Server::start().await;
    let job = server.submitted().await;
    let path = format!("{}/preview", path_of(&job));
    problem(server.get(&path).await, 409, "not-ready").await;
    let claim = server.claim().await;
    for number in 1..3 {
        let (checkpoint, preview) = (BlobKey::checkpoint(&claim.key, number), BlobKey::preview(&claim.key, number));
        let saved = png(8 + number as u32, 8);
        server.blobs.put(&checkpoint, vec![1].into()).await.unwrap();
        server.blobs.put(&preview, saved.clone().into()).await.unwrap();
        let replaced = server.jobs.save_checkpoint(&claim.key, &checkpoint, &preview).await.unwrap();
        server.blobs.delete(&replaced).await.unwrap();
        let response = server.get(&path).await;
        assert_eq!(header(response.headers(), "cache-control"), "no-store");
        assert_eq!(header(response.headers(), "content-type"), "image/png");
        assert_eq!(response.bytes().await.unwrap(), saved);
    }
    // Its blob is deleted, and no other is named: that it is being replaced is the best guess.
    server.blobs.delete_job(id_of(&job)).await.unwrap();
    problem(server.get(&path).await, 409, "not-ready").await;
}
