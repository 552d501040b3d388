//! End to end: the real binary over real HTTP, from upload to download.

mod common;

use common::{
    Service, id_of,
    jobs::{ENDLESS, SHORT, painting, reported, service},
    pictures,
};

#[tokio::test]
async fn a_picture_is_painted_from_upload_to_download() {
    let data = tempfile::tempdir().expect("there is room");
    let service = service(data.path(), "cpu").await;
    let submitted = service.submit(SHORT).await;
    assert_eq!(submitted["status"], "queued");
    let id = id_of(&submitted);
    let early = service.get(&format!("/v1/jobs/{id}/result")).await.status();
    assert!(early == 409 || early == 200, "{early}");

    service.wait_until(id, |job| job["status"] != "queued").await;
    let job = service.wait_until_finished(id).await;
    assert_eq!(job["status"], "succeeded", "{job:#}");
    let epochs: Vec<_> = job["progress"]["losses"].as_array().expect("losses").iter().map(|l| &l["epoch"]).collect();
    assert_eq!(epochs, [2, 4]);
    assert_eq!(job["progress"]["fraction"], 1.0);
    assert_eq!(job["fingerprint"]["backbone"], "vgg16");
    assert_eq!(job["fingerprint"]["device"], "cpu");

    for (format, mime) in [("png", "image/png"), ("jpeg", "image/jpeg"), ("webp", "image/webp")] {
        let response = service.get(&format!("/v1/jobs/{id}/result?format={format}")).await;
        assert_eq!(response.headers()["content-type"], mime);
        let picture = image::load_from_memory(&response.bytes().await.expect("it arrives")).expect("a picture");
        assert_eq!((picture.width(), picture.height()), (32, 24), "{format}");
    }
    let preview = service.get(&format!("/v1/jobs/{id}/preview")).await;
    assert_eq!(preview.status(), 200);

    let gone = service.http.delete(service.url(&format!("/v1/jobs/{id}"))).send().await.expect("an answer");
    assert_eq!(gone.status(), 204);
    assert_eq!(service.get(&format!("/v1/jobs/{id}")).await.status(), 404);
    let left = std::fs::read_dir(data.path().join("blobs/jobs")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "nothing of the job is left in the blob store");
    assert!(service.stop_gently().await.success());
}

#[tokio::test]
async fn a_running_job_is_canceled_within_an_epoch_or_two() {
    let data = tempfile::tempdir().expect("there is room");
    let service = service(data.path(), "cpu").await;
    let id = id_of(&service.submit(ENDLESS).await).to_owned();
    service.wait_until(&id, |job| reported(job) > 1).await;
    assert_eq!(service.post(&format!("/v1/jobs/{id}/cancel")).await.status(), 202);
    let job = service.wait_until_finished(&id).await;
    assert_eq!(job["status"], "canceled");
    assert_eq!(service.post(&format!("/v1/jobs/{id}/cancel")).await.status(), 409);

    let waiting = id_of(&service.submit(SHORT).await).to_owned();
    assert_eq!(service.wait_until_finished(&waiting).await["status"], "succeeded", "the worker goes on");
}

#[tokio::test]
async fn a_deleted_job_frees_its_worker() {
    let data = tempfile::tempdir().expect("there is room");
    let service = service(data.path(), "cpu").await;
    let id = id_of(&service.submit(ENDLESS).await).to_owned();
    service.wait_until(&id, |job| reported(job) > 0).await;
    let gone = service.http.delete(service.url(&format!("/v1/jobs/{id}"))).send().await.expect("an answer");
    assert_eq!(gone.status(), 204);
    let next = id_of(&service.submit(SHORT).await).to_owned();
    assert_eq!(service.wait_until_finished(&next).await["status"], "succeeded");
}

#[tokio::test]
async fn two_workers_paint_two_jobs_at_once() {
    let data = tempfile::tempdir().expect("there is room");
    let service = service(data.path(), "cpu,cpu").await;
    let first = id_of(&service.submit(ENDLESS).await).to_owned();
    let second = id_of(&service.submit(ENDLESS).await).to_owned();
    for id in [&first, &second] {
        service.wait_until(id, |job| job["status"] == "running" && reported(job) > 0).await;
    }
    assert_eq!(service.job(&first).await["status"], "running");
    for id in [&first, &second] {
        assert_eq!(service.post(&format!("/v1/jobs/{id}/cancel")).await.status(), 202);
        assert_eq!(service.wait_until_finished(id).await["status"], "canceled");
    }
}

#[tokio::test]
async fn a_backbone_is_refused_only_where_it_is_known_that_no_worker_can_have_it() {
    for (download, role, status, available) in
        [("false", "all", 422, false), ("true", "all", 202, true), ("false", "api", 202, true)]
    {
        let data = tempfile::tempdir().expect("there is room");
        let service = Service::start_with(data.path(), |command| {
            let cache = data.path().join("weights");
            let cache = cache.to_str().expect("a temporary folder is called by plain letters");
            painting(command, &[("WEIGHTS__DOWNLOAD", download), ("WEIGHTS__CACHE", cache)]);
            // Nobody listens there: what may be fetched need not come.
            command.env("HF_ENDPOINT", "http://127.0.0.1:9").args(["--role", role]);
        })
        .await;
        let told: serde_json::Value = service.get("/v1/backbones").await.json().await.expect("it is JSON");
        let vgg19 = told["backbones"].as_array().expect("a list").iter().find(|backbone| backbone["name"] == "vgg19");
        assert_eq!(vgg19.expect("it is known")["available"], available, "download {download}, role {role}: {told:#}");
        let options = [("backbone", "vgg19"), ("stages", "32x24:4")];
        let answer = service.order(&pictures::photograph(96, 72), &[pictures::painting(80, 80)], &options).await;
        let (answered, text) = (answer.status(), answer.text().await.expect("the answer is text"));
        assert_eq!(answered, status, "download {download}, role {role}: {text}");
    }
}
