//! The real service with its pictures in a bucket of a real server.

mod common;
#[path = "common/s3.rs"]
mod s3;

use std::{path::Path, process::Command};

use common::{Service, id_of};

use crate::s3::S3Server;

/// What `impasto` says when it is asked for `arguments` with the bucket's environment, and whether it was content.
fn impasto(server: &S3Server, blobs: &str, data: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_impasto"));
    command.args(arguments).arg("--data").arg(data).current_dir(data);
    command.envs(server.environment()).env("IMPASTO__STORE__BLOBS", blobs);
    let done = command.output().expect("it starts");
    (done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned())
}

#[tokio::test]
async fn a_job_is_painted_with_its_pictures_in_a_bucket() {
    let Some(server) = S3Server::shared() else { return };
    let data = tempfile::tempdir().expect("a folder can be made");
    let blobs = server.address("painted");
    let service = Service::start_with(data.path(), |command| {
        command.envs(server.environment()).env("IMPASTO__STORE__BLOBS", &blobs);
        command.env("IMPASTO__STORE__REDIRECT_RESULTS", "true").env("IMPASTO__WORKERS__CHECKPOINT_SECONDS", "1");
    })
    .await;
    assert_eq!(service.get("/readyz").await.status(), 200);
    let job = service.submit(&[("preset", "fast"), ("size", "64")]).await;
    let job = service.wait_until_finished(id_of(&job)).await;
    assert_eq!(job["status"], "succeeded", "{job:#}");
    let result = job["links"]["result"].as_str().expect("a path").to_owned();
    // The client follows.
    let led = service.get(&result).await;
    assert!(led.url().as_str().starts_with(&server.endpoint), "{}", led.url());
    let fetched = led.bytes().await.expect("it arrives");
    let sent = service.get(&format!("{result}?redirect=no")).await;
    assert!(!sent.url().as_str().starts_with(&server.endpoint));
    assert!(fetched.starts_with(b"\x89PNG") && fetched == sent.bytes().await.expect("it arrives"));
    assert!(!data.path().join("blobs").exists(), "nothing is in the folder");

    let path = format!("/v1/jobs/{}", id_of(&job));
    let deleted = service.http.delete(service.url(&path)).send().await.expect("the service answers");
    assert_eq!(deleted.status(), 204);
    assert!(service.stop_gently().await.success());
}

#[test]
fn what_cannot_be_with_a_bucket_is_told_with_what_to_do() {
    let Some(server) = S3Server::shared() else { return };
    let data = tempfile::tempdir().expect("a folder can be made");
    let (done, said) = impasto(server, "s3://no-such-bucket", data.path(), &["serve", "--addr", "127.0.0.1:0"]);
    assert!(!done && said.contains("s3://no-such-bucket") && said.contains("no such bucket"), "{said}");
    let copy = data.path().join("copy");
    let arguments = ["backup", "--to", copy.to_str().expect("it is text")];
    let (done, said) = impasto(server, &server.address("painted"), data.path(), &arguments);
    assert!(!done && said.contains("versioning") && said.contains("pg_dump"), "{said}");
    assert!(!copy.exists());
}
