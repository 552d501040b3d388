//! What only a store elsewhere does: it is slow, it is away, it loses answers, and it wants large blobs in parts.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use impasto_jobs::{
    Attempt, BlobError, BlobKey, BlobPlace, BlobStore, ClaimKey, FirstLook, HandOut, JobId, UnusableStore,
};

use crate::{
    blob_stores::{bucket, bucket_behind, bytes},
    moody::{Mood, Moody, SLOW_DOWN},
    s3::{self, S3Server},
};

/// A bucket behind a proxy of moods; `None` where there is no server.
async fn moody() -> Option<(BlobStore, Moody)> {
    let server = S3Server::shared()?;
    let proxy = Moody::before(&server.endpoint).await;
    Some((bucket_behind(server, &proxy.base_url), proxy))
}

fn content() -> BlobKey {
    BlobKey::content(JobId::new())
}

#[tokio::test]
async fn a_store_that_slows_down_is_waited_for() {
    let Some((blobs, proxy)) = moody().await else { return };
    let key = content();
    for refusal in [SLOW_DOWN, "500 Internal Server Error", "429 Too Many Requests"] {
        proxy.is(Mood::Refuses(refusal, 3));
        blobs.put(&key, Bytes::from_static(b"here")).await.unwrap();
        proxy.is(Mood::Refuses(refusal, 3));
        assert_eq!(blobs.get(&key).await.unwrap(), "here");
        proxy.is(Mood::Refuses(refusal, 3));
        blobs.delete(std::slice::from_ref(&key)).await.unwrap();
    }
}

#[tokio::test]
async fn a_store_that_stays_away_is_told_of_within_bounds() {
    let Some((blobs, proxy)) = moody().await else { return };
    proxy.take_asked();
    proxy.is(Mood::Refuses(SLOW_DOWN, u32::MAX));
    let failed = blobs.put(&content(), Bytes::from_static(b"here")).await.unwrap_err();
    assert!(matches!(failed, BlobError::Failed { .. }) && failed.to_string().contains("503"), "{failed}");
    let tries = proxy.take_asked().len();
    assert!((2..=10).contains(&tries), "{tries} tries");
    assert!(blobs.look().await.is_err());
    assert!(matches!(blobs.first_look().await, Ok(FirstLook::Failed(_))));
    proxy.is(Mood::Fine);
    blobs.look().await.unwrap();
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_written() {
    let Some((blobs, proxy)) = moody().await else { return };
    let key = BlobKey::result(&ClaimKey { job: JobId::new(), attempt: Attempt(1) });
    proxy.is(Mood::LosesAnswers(1));
    blobs.create(&key, [Bytes::from_static(b"ours")]).await.unwrap();
    assert_eq!(blobs.get(&key).await.unwrap(), "ours");
    proxy.is(Mood::LosesAnswers(1));
    let refused = blobs.create(&key, [Bytes::from_static(b"theirs")]).await;
    assert!(matches!(&refused, Err(BlobError::Taken(taken)) if *taken == key), "{refused:?}");
    assert_eq!(blobs.get(&key).await.unwrap(), "ours");
}

/// The names of the requests that go with parts.
fn with_parts(asked: &[String]) -> Vec<&'static str> {
    let name = |request: &String| match () {
        () if request.starts_with("POST") && request.contains("?uploads") => Some("begin"),
        () if request.starts_with("PUT") && request.contains("partNumber=") => Some("part"),
        () if request.starts_with("POST") && request.contains("uploadId=") => Some("finish"),
        () if request.starts_with("DELETE") && request.contains("uploadId=") => Some("abort"),
        () => None,
    };
    asked.iter().filter_map(name).collect()
}

#[tokio::test]
async fn a_small_blob_is_one_request_and_a_large_one_goes_in_parts() {
    let Some((blobs, proxy)) = moody().await else { return };
    for (length, most_in_one) in [(0, true), (5 << 20, true), ((5 << 20) + 1, false), (22 << 20, false)] {
        let (key, all) = (content(), bytes(length));
        proxy.take_asked();
        let mut upload = blobs.upload(&key).await.unwrap();
        for start in (0..length).step_by(300_000) {
            upload.write(all.slice(start..length.min(start + 300_000))).await.unwrap();
        }
        upload.finish().await.unwrap();
        let asked = proxy.take_asked();
        if most_in_one {
            assert!(asked.len() == 1 && asked[0].starts_with("PUT"), "{asked:?}");
        } else {
            let parts = with_parts(&asked);
            assert_eq!((parts.first(), parts.last()), (Some(&"begin"), Some(&"finish")), "{asked:?}");
            assert_eq!(parts.len() - 2, length.div_ceil(5 << 20), "{asked:?}");
        }
        assert!(blobs.get(&key).await.unwrap() == all);
    }
    let (key, all) = (BlobKey::checkpoint(&ClaimKey { job: JobId::new(), attempt: Attempt(1) }, 1), bytes(33 << 20));
    proxy.take_asked();
    blobs.create(&key, [all.clone()]).await.unwrap();
    assert_eq!(with_parts(&proxy.take_asked()).len(), 2 + 5);
    assert!(blobs.get(&key).await.unwrap() == all);
}

#[tokio::test]
async fn an_upload_that_is_given_up_leaves_no_parts() {
    let Some((blobs, proxy)) = moody().await else { return };
    for is_dropped in [false, true] {
        let key = content();
        let mut upload = blobs.upload(&key).await.unwrap();
        upload.write(bytes(11 << 20)).await.unwrap();
        if is_dropped {
            drop(upload);
        } else {
            upload.abort().await.unwrap();
        }
        let aborted = async {
            while !with_parts(&proxy.take_asked()).contains(&"abort") {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), aborted).await.expect("the store is told");
        assert!(matches!(blobs.get(&key).await, Err(BlobError::NotFound(missing)) if missing == key));
    }
}

#[tokio::test]
async fn a_blob_is_handed_out_under_an_address_that_is_signed() {
    let Some(blobs) = bucket() else { return };
    let key = BlobKey::result(&ClaimKey { job: JobId::new(), attempt: Attempt(1) });
    blobs.create(&key, [Bytes::from_static(b"a picture")]).await.unwrap();
    let said =
        HandOut { content_type: "image/png", disposition: Some("attachment; filename=\"a.png\""), has_to_say_so: true };
    let address = blobs.address(&key, Duration::from_secs(60), said).await.unwrap().expect("a bucket can");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(address.as_str()).header("Range", "bytes=2-").send().await.unwrap();
    assert_eq!(answer.status(), 206);
    assert_eq!(answer.headers()["content-type"], "image/png");
    assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"a.png\"");
    assert_eq!(answer.bytes().await.unwrap(), "picture");
    for (what, changed) in [
        ("another blob", address.as_str().replace("result-1", "result-2")),
        ("no signature", address.as_str().split('?').next().unwrap().to_owned()),
    ] {
        assert_eq!(client.get(changed).send().await.unwrap().status(), 403, "{what}");
    }
}

/// The store at `address`, with `more` in the environment.
fn opened(address: &str, endpoint: &str, more: &[(&str, &str)]) -> Result<BlobStore, BlobError> {
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    BlobStore::open(
        &BlobPlace::parse(address, Path::new("")).unwrap(),
        s3::environment(endpoint).into_iter().chain(more),
    )
}

#[tokio::test]
async fn a_bucket_that_cannot_be_used_is_told_at_once() {
    let Some(server) = S3Server::shared() else { return };
    let missing = opened("s3://no-such-bucket", &server.endpoint, &[]).unwrap().first_look().await.unwrap_err();
    assert!(matches!(missing, UnusableStore::NoBucket(_)), "{missing}");
    let wrong = [("AWS_SECRET_ACCESS_KEY", "wrong")];
    let stranger = opened(&server.address("here"), &server.endpoint, &wrong).unwrap().first_look().await.unwrap_err();
    assert!(matches!(stranger, UnusableStore::Forbidden(_)) && stranger.to_string().contains("credentials"));
    let half = [("AWS_SECRET_ACCESS_KEY", "")];
    let half = opened("s3://bucket", &server.endpoint, &half).unwrap_err().to_string();
    assert!(half.contains("s3://bucket") && half.contains("Secret"), "{half}");
}

#[tokio::test]
async fn a_store_without_conditions_can_be_told_so() {
    let Some(server) = S3Server::shared() else { return };
    let proxy = Moody::before(&server.endpoint).await;
    let address = server.address(&JobId::new().to_string());
    let blobs = opened(&address, &proxy.base_url, &[("AWS_CONDITIONAL_PUT", "disabled")]).unwrap();
    assert!(matches!(blobs.first_look().await, Ok(FirstLook::Works)));
    let key = BlobKey::result(&ClaimKey { job: JobId::new(), attempt: Attempt(1) });
    blobs.create(&key, [Bytes::from_static(b"ours")]).await.unwrap();
    blobs.create(&key, [Bytes::from_static(b"ours")]).await.unwrap();
    let refused = blobs.create(&key, [Bytes::from_static(b"theirs")]).await;
    assert!(matches!(refused, Err(BlobError::Taken(_))), "{refused:?}");
}

#[tokio::test]
async fn a_prefix_is_a_place_of_its_own() {
    let Some(server) = S3Server::shared() else { return };
    let (one, other) = (bucket_behind(server, &server.endpoint), bucket_behind(server, &server.endpoint));
    let key = content();
    one.put(&key, Bytes::from_static(b"one")).await.unwrap();
    assert!(matches!(other.get(&key).await, Err(BlobError::NotFound(_))));
    other.put(&key, Bytes::from_static(b"other")).await.unwrap();
    other.delete(std::slice::from_ref(&key)).await.unwrap();
    assert_eq!(one.get(&key).await.unwrap(), "one");
}

/// The store at `address`, with nothing but `variables` in the environment. Nothing is asked of anybody.
fn opened_with(address: &str, variables: &[(&str, &str)]) -> Result<BlobStore, BlobError> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    BlobStore::open(&BlobPlace::parse(address, Path::new("")).unwrap(), variables)
}

#[tokio::test]
async fn other_vendors_stores_are_opened_with_what_their_tools_take() {
    opened_with("gs://bucket/prefix", &[("GOOGLE_SKIP_SIGNATURE", "true")]).unwrap();
    let missing = [("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/file.json")];
    let missing = opened_with("gs://bucket/prefix", &missing).unwrap_err().to_string();
    assert!(missing.contains("gs://bucket/prefix") && missing.contains("file.json"), "{missing}");

    for names in
        [["AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY"], ["AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"]]
    {
        let blobs = opened_with("az://container/prefix", &[(names[0], "theirs"), (names[1], "c2VjcmV0")]).unwrap();
        let said = HandOut { content_type: "image/png", disposition: Some("inline"), has_to_say_so: false };
        let address = blobs.address(&content(), Duration::from_secs(60), said).await.unwrap().expect("it can sign");
        assert_eq!(address.host_str(), Some("theirs.blob.core.windows.net"));
        assert!(address.path().starts_with("/container/prefix/jobs/") && address.query().unwrap().contains("sig="));
        let named = HandOut { has_to_say_so: true, ..said };
        assert_eq!(blobs.address(&content(), Duration::from_secs(60), named).await.unwrap(), None);
    }
    let nobody = opened_with("az://container", &[]).unwrap_err().to_string();
    assert!(nobody.contains("az://container") && nobody.contains("ccount"), "{nobody}");
}

#[test]
fn a_file_of_authorities_that_cannot_be_read_is_told_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (missing, empty) = (folder.path().join("missing.pem"), folder.path().join("wrong.pem"));
    std::fs::write(&empty, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    for file in [missing, empty] {
        let file = file.to_str().unwrap();
        let refused = opened_with("s3://bucket", &[("AWS_CA_BUNDLE", file)]).unwrap_err().to_string();
        assert!(refused.contains(file), "{refused}");
    }
}
