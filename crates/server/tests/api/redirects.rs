//! Pictures that are fetched where they are stored.

use std::path::Path;

use impasto_jobs::{BlobPlace, BlobStore, JobId, Scope};
use impasto_picture::Format;
use reqwest::{Client, Response, StatusCode, redirect::Policy};

use crate::{
    common::{Server, header, path_of, picture, problem},
    s3::S3Server,
};

/// A service whose pictures are in a bucket, and are fetched there; `None` where there is no server for it.
async fn start() -> Option<Server> {
    let server = S3Server::shared()?;
    let place = BlobPlace::parse(&server.address(&JobId::new().to_string()), Path::new("")).unwrap();
    Some(Server::start_redirecting_to(BlobStore::open(&place, server.environment()).unwrap()).await)
}

/// A client that goes nowhere by itself.
fn client() -> Client {
    Client::builder().no_proxy().redirect(Policy::none()).build().unwrap()
}

async fn get(server: &Server, path: &str) -> Response {
    client().get(server.url(path)).send().await.unwrap()
}

fn location(response: &Response) -> &str {
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(header(response.headers(), "cache-control"), "private, no-store");
    header(response.headers(), "location")
}

#[tokio::test]
async fn what_is_stored_is_fetched_where_it_is_and_the_rest_is_sent() {
    let Some(server) = start().await else { return };
    let painted = picture(48, 32);
    let path = path_of(&server.finished(&painted).await);
    for (query, format, disposition) in [
        ("/result", Format::Png, "inline"),
        ("/result?format=png16", Format::Png16, "inline"),
        ("/result?download=mine", Format::Png, "attachment; filename=\"mine.png\""),
        ("/preview", Format::Png, ""),
    ] {
        let led = get(&server, &format!("{path}{query}")).await;
        let fetched = client().get(location(&led)).send().await.unwrap();
        assert_eq!(fetched.status(), StatusCode::OK, "{query}");
        assert_eq!(header(fetched.headers(), "content-type"), "image/png", "{query}");
        if !disposition.is_empty() {
            assert!(header(fetched.headers(), "content-disposition").starts_with(disposition), "{query}");
        }
        assert_eq!(fetched.bytes().await.unwrap(), painted.encode(format).unwrap(), "{query}");
    }
    for query in ["/result?format=jpeg", "/result?format=tiff", "/result?redirect=no", "/preview?v=1&redirect=no"] {
        let sent = get(&server, &format!("{path}{query}")).await;
        assert_eq!(sent.status(), StatusCode::OK, "{query}");
        assert!(!sent.bytes().await.unwrap().is_empty());
    }
    let looked_at = client().head(server.url(&format!("{path}/result"))).send().await.unwrap();
    assert_eq!(looked_at.status(), StatusCode::OK, "an address is good for one method");
    let tag = header(looked_at.headers(), "etag");
    let known = client().get(server.url(&format!("{path}/result"))).header("If-None-Match", tag).send().await.unwrap();
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    problem(get(&server, &format!("{path}/result?redirect=maybe")).await, 422, "invalid-query").await;
}

#[tokio::test]
async fn a_client_that_follows_has_the_part_that_it_asks_for() {
    let Some(server) = start().await else { return };
    let painted = picture(48, 32);
    let path = format!("{}/result", path_of(&server.finished(&painted).await));
    let follows = Client::builder().no_proxy().build().unwrap();
    let part = follows.get(server.url(&path)).header("Range", "bytes=8-15").send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes().await.unwrap(), painted.encode(Format::Png).unwrap()[8..16]);
}

#[tokio::test]
async fn nobody_is_led_to_a_picture_that_is_not_theirs() {
    let Some(server) = start().await else { return };
    let path = path_of(&server.finished(&picture(48, 32)).await);
    // From now on there are keys, and the job is nobody's who has one.
    let (key, text) = impasto_jobs::ApiKey::generate("web", vec![Scope::Submit, Scope::Read]);
    server.jobs.add_key(&key).await.unwrap();
    // That there were none counts for a second.
    while get(&server, &path).await.status() != StatusCode::UNAUTHORIZED {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    for picture in ["result", "preview"] {
        let path = format!("{path}/{picture}");
        let stranger = get(&server, &path).await;
        assert!(!stranger.headers().contains_key("location"));
        assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
        let other = client().get(server.url(&path)).bearer_auth(text.reveal()).send().await.unwrap();
        assert!(!other.headers().contains_key("location"));
        assert_eq!(other.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_store_that_makes_no_addresses_has_its_pictures_sent() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = BlobStore::local(folder.path()).unwrap();
    let server = Server::start_redirecting_to(blobs).await;
    let path = format!("{}/result", path_of(&server.finished(&picture(48, 32)).await));
    assert_eq!(get(&server, &path).await.status(), StatusCode::OK);
}
