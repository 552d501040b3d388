//! Results and previews.

use std::collections::HashSet;

use impasto_jobs::BlobKey;
use impasto_picture::{DecodeLimits, Encoding, Format, JpegQuality, Picture};
use reqwest::StatusCode;
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};

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
async fn the_result_comes_in_the_format_that_is_asked_for() {
    let server = Server::start().await;
    let painted = picture(48, 32);
    let path = format!("{}/result", path_of(&server.finished(&painted).await));
    for (query, accept, format) in [
        ("", None, Format::Png),
        ("", Some("*/*"), Format::Png),
        ("", Some("application/json"), Format::Png),
        ("", Some("image/jpeg"), Format::Jpeg),
        ("", Some("image/webp"), Format::WebP),
        ("", Some("image/tiff"), Format::Tiff),
        ("", Some("IMAGE/JPEG;q=0.5, image/webp ; q=0.9"), Format::WebP),
        ("", Some("image/jpeg, */*;q=0.1"), Format::Jpeg),
        ("", Some("image/avif, image/jpeg;q=0.5"), Format::Jpeg),
        ("", Some("image/jpeg;q=0, image/webp;q=0.2"), Format::WebP),
        // An image of a page in Chromium, Firefox and Safari, and the address bar of Chromium.
        ("", Some("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"), Format::Png),
        ("", Some("image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"), Format::Png),
        ("", Some("image/webp,image/avif,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"), Format::Png),
        ("", Some("text/html,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"), Format::Png),
        ("", Some("image/jpeg, image/*"), Format::Png),
        ("", Some("image/png;q=0.1, image/*"), Format::Png),
        ("?format=png", Some("image/jpeg"), Format::Png),
        ("?format=jpeg", None, Format::Jpeg),
        ("?format=jpg", None, Format::Jpeg),
        ("?format=webp", None, Format::WebP),
        ("?format=png16", Some("image/jpeg"), Format::Png16),
        ("?format=tiff", None, Format::Tiff),
        ("?format=TIF", None, Format::Tiff),
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
        assert_eq!(header(response.headers(), "cache-control"), "private, no-cache");
        assert_eq!(header(response.headers(), "content-type"), "image/png");
        assert_eq!(response.bytes().await.unwrap(), saved);
    }
    // Its blob is deleted, and no other is named: that it is being replaced is the best guess.
    server.blobs.delete_job(id_of(&job)).await.unwrap();
    problem(server.get(&path).await, 409, "not-ready").await;
}

#[tokio::test]
async fn a_jpeg_is_as_good_as_it_is_asked_to_be() {
    let server = Server::start().await;
    let painted = picture(48, 32);
    let path = format!("{}/result", path_of(&server.finished(&painted).await));
    let stored = Picture::decode(&painted.encode(Format::Png).unwrap(), &DecodeLimits::default()).unwrap();
    let mut tags = HashSet::new();
    for quality in [1, 50, 100] {
        let response = server.get(&format!("{path}?format=jpeg&quality={quality}")).await;
        assert!(tags.insert(header(response.headers(), "etag").to_owned()));
        let encoding = Encoding { format: Format::Jpeg, quality: JpegQuality::new(quality).unwrap() };
        assert_eq!(response.bytes().await.unwrap(), stored.encode(encoding).unwrap());
    }
    // Where Accept says that it is to be a JPEG.
    assert_eq!(server.get_with(&format!("{path}?quality=50"), "accept", "image/jpeg").await.status(), StatusCode::OK);
    for query in ["format=jpeg&quality=0", "format=jpeg&quality=101", "format=jpeg&quality=good", "quality=50"] {
        let problem = problem(server.get(&format!("{path}?{query}")).await, 422, "invalid-query").await;
        assert_eq!(problem["field"], "quality", "{query}");
    }
}

#[tokio::test]
async fn each_format_is_a_representation_of_its_own() {
    let server = Server::start().await;
    let path = format!("{}/result", path_of(&server.finished(&picture(48, 32)).await));
    let mut tags = HashSet::new();
    for format in Format::ALL {
        let response = server.get(&format!("{path}?format={format}")).await;
        assert!(tags.insert(header(response.headers(), "etag").to_owned()), "{format}");
    }
}

#[tokio::test]
async fn a_result_of_an_earlier_version_comes_in_every_format() {
    let server = Server::start().await;
    let painted = picture(48, 32);
    let path = format!("{}/result", path_of(&server.finished(&painted).await));
    let options = SqliteConnectOptions::new().filename(server.database());
    let mut database = options.connect().await.unwrap();
    sqlx::query("UPDATE jobs SET result_16 = NULL").execute(&mut database).await.unwrap();
    let stored = Picture::decode(&painted.encode(Format::Png).unwrap(), &DecodeLimits::default()).unwrap();
    for format in Format::ALL {
        let (content_type, bytes) = fetch(&server, &format!("{path}?format={format}"), None).await;
        assert_eq!((content_type.as_str(), bytes), (format.mime(), stored.encode(format).unwrap()), "{format}");
    }
}

#[tokio::test]
async fn a_result_that_is_deleted_meanwhile_is_gone_in_every_format() {
    let server = Server::start().await;
    let job = server.finished(&picture(48, 32)).await;
    // What a deletion looks like to whoever had found the job just before.
    server.blobs.delete_job(id_of(&job)).await.unwrap();
    for format in Format::ALL {
        problem(server.get(&format!("{}/result?format={format}", path_of(&job))).await, 404, "no-such-job").await;
    }
}

#[tokio::test]
async fn the_result_is_kept_under_a_name() {
    let server = Server::start().await;
    let path = format!("{}/result", path_of(&server.finished(&picture(48, 32)).await));
    for (query, disposition) in [
        ("download=beach", "attachment; filename=\"beach.png\""),
        ("download=beach&format=jpeg", "attachment; filename=\"beach.jpg\""),
        ("download=beach.jpeg&format=jpeg", "attachment; filename=\"beach.jpeg\""),
        ("download=beach.TIF&format=tiff", "attachment; filename=\"beach.TIF\""),
        ("download=beach.png&format=png16", "attachment; filename=\"beach.png\""),
        ("download=beach.jpg", "attachment; filename=\"beach.jpg.png\""),
        ("download=beach.png16", "attachment; filename=\"beach.png16.png\""),
        ("download=v1.2&format=tiff", "attachment; filename=\"v1.2.tiff\""),
        ("download=a%20b", "attachment; filename=\"a b.png\""),
        ("download=..%2F..%5Cetc", "attachment; filename=\".._.._etc.png\""),
        ("download=a%0D%0ASet-Cookie%3A%20b", "attachment; filename=\"a__Set-Cookie: b.png\""),
        ("download=a%22b", "attachment; filename=\"a_b.png\"; filename*=UTF-8''a%22b.png"),
        ("download=100%25", "attachment; filename=\"100_.png\"; filename*=UTF-8''100%25.png"),
        (
            "download=M%C3%B6we%20%E5%86%99",
            "attachment; filename=\"M_we _.png\"; filename*=UTF-8''M%C3%B6we%20%E5%86%99.png",
        ),
    ] {
        let response = server.get(&format!("{path}?{query}")).await;
        assert_eq!(header(response.headers(), "content-disposition"), disposition, "{query}");
        assert!(!response.headers().contains_key("set-cookie"));
    }
    let response = server.get(&path).await;
    assert!(header(response.headers(), "content-disposition").starts_with("inline; filename=\"impasto-"));
    for query in ["download=", "download=%20", &format!("download={}", "x".repeat(201))] {
        let problem = problem(server.get(&format!("{path}?{query}")).await, 422, "invalid-query").await;
        assert_eq!(problem["field"], "download", "{query}");
    }
}

#[tokio::test]
async fn a_job_that_ended_before_its_first_save_has_its_result_or_nothing_to_show() {
    let server = Server::start().await;
    let painted = picture(48, 32);
    let path = format!("{}/preview", path_of(&server.finished(&painted).await));
    let (content_type, bytes) = fetch(&server, &path, None).await;
    assert_eq!((content_type.as_str(), bytes), ("image/png", painted.encode(Format::Png).unwrap()));

    let job = path_of(&server.submitted().await);
    server.post(&format!("{job}/cancel")).await;
    let response = server.get(&format!("{job}/preview")).await;
    assert!(!response.headers().contains_key("retry-after"), "there is nothing to wait for");
    problem(response, 409, "no-result").await;
}
