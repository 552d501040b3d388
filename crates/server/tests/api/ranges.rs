//! Pictures in part.

use std::collections::HashSet;

use impasto_picture::Format;
use reqwest::{Method, Response, StatusCode};

use crate::common::{Server, header, path_of, picture, problem};

async fn ask(server: &Server, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = server.request(method, path);
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
}

#[tokio::test]
async fn a_picture_comes_in_the_part_that_is_asked_for() {
    let server = Server::start().await;
    let painted = picture(48, 32);
    let job = path_of(&server.finished(&painted).await);
    let whole = painted.encode(Format::Png).unwrap();
    let length = whole.len();
    for path in [format!("{job}/result"), format!("{job}/preview")] {
        let response = server.get(&path).await;
        assert_eq!(header(response.headers(), "accept-ranges"), "bytes");
        let tag = header(response.headers(), "etag").to_owned();
        assert!(tag.starts_with('"'), "a part needs a strong tag: {tag}");
        for (range, first, last) in [
            ("bytes=0-0", 0, 0),
            ("bytes=10-19", 10, 19),
            ("bytes=10-", 10, length - 1),
            ("bytes=-10", length - 10, length - 1),
            ("bytes=10-99999999", 10, length - 1),
            ("bytes=-99999999", 0, length - 1),
            ("Bytes=10-19", 10, 19),
        ] {
            let response = ask(&server, Method::GET, &path, &[("range", range), ("if-range", &tag)]).await;
            assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT, "{range}");
            assert_eq!(header(response.headers(), "content-range"), format!("bytes {first}-{last}/{length}"));
            assert_eq!(header(response.headers(), "content-type"), "image/png");
            assert_eq!(header(response.headers(), "etag"), tag);
            assert_eq!(response.bytes().await.unwrap(), whole[first..=last], "{range}");
        }
    }
}

#[tokio::test]
async fn the_whole_comes_where_a_part_would_be_wrong() {
    let server = Server::start().await;
    let path = format!("{}/result", path_of(&server.finished(&picture(48, 32)).await));
    let response = server.get(&path).await;
    let tag = header(response.headers(), "etag").to_owned();
    let whole = response.bytes().await.unwrap();
    let weak = format!("W/{tag}");
    for headers in [
        [("range", "bytes=0-9"), ("if-range", "\"another\"")],
        [("range", "bytes=0-9"), ("if-range", weak.as_str())],
        [("range", "bytes=0-9"), ("if-range", "Wed, 25 Nov 2026 13:33:17 GMT")],
        [("range", "bytes=0-9, 20-29"), ("if-range", tag.as_str())],
        [("range", "lines=0-9"), ("if-range", tag.as_str())],
        [("range", "bytes=9-0"), ("if-range", tag.as_str())],
        [("range", "bytes=x-y"), ("if-range", tag.as_str())],
        [("range", "bytes="), ("if-range", tag.as_str())],
    ] {
        let response = ask(&server, Method::GET, &path, &headers).await;
        assert_eq!(response.status(), StatusCode::OK, "{headers:?}");
        assert_eq!(response.bytes().await.unwrap(), whole);
    }
    // What the client has already goes before what part of it.
    let known = ask(&server, Method::GET, &path, &[("range", "bytes=0-9"), ("if-none-match", &tag)]).await;
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn a_part_that_is_not_there_is_refused_with_what_there_is() {
    let server = Server::start().await;
    let job = path_of(&server.finished(&picture(48, 32)).await);
    let length = picture(48, 32).encode(Format::Png).unwrap().len();
    for path in [format!("{job}/result"), format!("{job}/preview")] {
        for range in [format!("bytes={length}-"), "bytes=99999999-100000000".to_owned(), "bytes=-0".to_owned()] {
            let response = server.get_with(&path, "range", &range).await;
            assert_eq!(header(response.headers(), "content-range"), format!("bytes */{length}"));
            problem(response, 416, "range-not-satisfiable").await;
        }
    }
}

#[tokio::test]
async fn a_head_says_what_a_get_would() {
    let server = Server::start().await;
    let job = path_of(&server.finished(&picture(48, 32)).await);
    for path in [format!("{job}/result"), format!("{job}/result?format=png16"), format!("{job}/preview")] {
        let got = server.get(&path).await;
        let head = ask(&server, Method::HEAD, &path, &[("range", "bytes=0-9")]).await;
        assert_eq!(head.status(), StatusCode::OK, "a range is for GET");
        for name in ["content-type", "content-length", "etag", "accept-ranges", "cache-control"] {
            assert_eq!(header(head.headers(), name), header(got.headers(), name), "{path}");
        }
        assert!(head.bytes().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn no_more_is_read_than_is_sent() {
    let (server, faulty) = Server::start_on_faulty(|_| {}).await;
    let painted = picture(300, 200);
    let job = path_of(&server.finished(&painted).await);
    let whole = painted.encode(Format::Png).unwrap();
    for path in [format!("{job}/result"), format!("{job}/preview")] {
        let before = faulty.bytes_read();
        let head = ask(&server, Method::HEAD, &path, &[]).await;
        assert_eq!(header(head.headers(), "content-length"), whole.len().to_string());
        let beyond = ask(&server, Method::GET, &path, &[("range", "bytes=99999999-")]).await;
        assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(faulty.bytes_read(), before, "{path}");
        let part = ask(&server, Method::GET, &path, &[("range", "bytes=100-9099")]).await;
        assert_eq!(part.bytes().await.unwrap(), whole[100..9100]);
        assert_eq!(faulty.bytes_read(), before + 9000, "{path}");
        assert_eq!(server.get(&path).await.bytes().await.unwrap(), whole);
    }
}

#[tokio::test]
async fn nothing_is_made_for_a_head() {
    let (server, faulty) = Server::start_on_faulty(|_| {}).await;
    let job = path_of(&server.finished(&picture(48, 32)).await);
    for format in ["jpeg", "webp", "tiff"] {
        let path = format!("{job}/result?format={format}");
        let before = faulty.bytes_read();
        let head = ask(&server, Method::HEAD, &path, &[]).await;
        assert_eq!(faulty.bytes_read(), before, "{format}");
        let got = server.get(&path).await;
        assert_eq!((head.status(), got.status()), (StatusCode::OK, StatusCode::OK));
        for name in ["content-type", "content-disposition", "etag", "accept-ranges", "cache-control"] {
            assert_eq!(header(head.headers(), name), header(got.headers(), name), "{format}");
        }
        assert!(!head.headers().contains_key("content-length"), "nobody knows it yet: {:?}", head.headers());
        assert!(got.headers().contains_key("content-length"), "{format}");
    }
}

#[tokio::test]
async fn each_preview_has_a_tag_of_its_own_and_the_last_is_the_result() {
    let server = Server::start().await;
    let path = path_of(&server.submitted().await);
    let preview = format!("{path}/preview?v=1");
    let claim = server.claim().await;
    let mut tags = HashSet::new();
    for number in 1..3 {
        let saved = picture(8 + number, 8);
        server.save(&claim, number.into(), &saved).await;
        let response = server.get(&preview).await;
        let tag = header(response.headers(), "etag").to_owned();
        assert_eq!(response.bytes().await.unwrap(), saved.encode(Format::Png).unwrap(), "whatever v says");
        assert_eq!(server.get_with(&preview, "if-none-match", &tag).await.status(), StatusCode::NOT_MODIFIED);
        assert!(tags.insert(tag));
    }
    let painted = picture(48, 32);
    server.finish(&claim, &painted).await;
    let response = server.get(&preview).await;
    let result = server.get(&format!("{path}/result")).await;
    assert_eq!(header(response.headers(), "etag"), header(result.headers(), "etag"));
    assert_eq!(response.bytes().await.unwrap(), painted.encode(Format::Png).unwrap());
}

#[tokio::test]
async fn whoever_only_looks_is_shown_a_png() {
    let server = Server::start().await;
    let path = format!("{}/result", path_of(&server.finished(&picture(48, 32)).await));
    for (who, accept) in [
        ("curl", "*/*"),
        (
            "Chrome, a page",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
        ),
        ("Chrome, a picture", "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"),
        ("Firefox, a page", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        (
            "Firefox 92 to 127, a page",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        ),
        (
            "Firefox 131, a page",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/png,image/svg+xml,*/*;q=0.8",
        ),
        ("Firefox, a picture", "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"),
        ("Safari, a page", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        (
            "Safari, a picture",
            "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
        ),
        ("Python", "*/*"),
    ] {
        let response = server.get_with(&path, "accept", accept).await;
        assert_eq!(header(response.headers(), "content-type"), "image/png", "{who}");
    }
}
