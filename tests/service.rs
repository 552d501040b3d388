//! End to end: the real binary over real HTTP, from upload to download and through every kind of ill luck.

mod common;

use std::{path::Path, process::Command};

use common::{Service, id_of};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A job of two stages that takes a few seconds: long enough to be disturbed in its middle.
const LONG: &[(&str, &str)] = &[("stages", "48x36:40,64x48:12:6"), ("report_every", "3"), ("learning_rate", "0.05")];
/// The shortest job that reports.
const SHORT: &[(&str, &str)] = &[("stages", "32x24:4"), ("report_every", "2")];
/// One that nobody waits for to end.
const ENDLESS: &[(&str, &str)] = &[("stages", "64x48:20000"), ("report_every", "1")];

/// A service that saves a checkpoint after every epoch, so that hardly anything is done twice.
async fn service(data: &Path, devices: &str) -> Service {
    Service::start_with(data, |command| {
        command.env("IMPASTO__WORKERS__DEVICES", devices);
        command.env("IMPASTO__WORKERS__CHECKPOINT_SECONDS", "0");
        command.env("IMPASTO__WORKERS__LEASE_SECONDS", "2");
        command.env("IMPASTO__WORKERS__THREADS", "1");
    })
    .await
}

/// What `LONG` gives when nothing disturbs it, by the command line's way to the same engine.
fn undisturbed_picture(folder: &Path) -> Vec<u8> {
    let (content, style, output) = (folder.join("content.png"), folder.join("style.png"), folder.join("whole.png"));
    std::fs::write(&content, common::pictures::photograph(96, 72)).expect("it can be written");
    std::fs::write(&style, common::pictures::painting(80, 80)).expect("it can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_impasto"));
    command.arg("stylize").arg("--content").arg(content).arg("--style").arg(style).arg("-o").arg(&output);
    for (name, value) in LONG {
        command.args([format!("--{}", name.replace('_', "-")), (*value).to_owned()]);
    }
    let ended = command.current_dir(folder).output().expect("the program runs");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    std::fs::read(output).expect("the picture is there")
}

async fn result(service: &Service, job: &Value) -> Vec<u8> {
    let link = job["links"]["result"].as_str().expect("a job that succeeded links its result");
    let response = service.get(link).await;
    assert_eq!(response.status(), 200);
    response.bytes().await.expect("the picture arrives").to_vec()
}

/// Whether some of the job is done, and much of it is not.
fn in_the_middle(job: &Value) -> bool {
    reported(job) >= 3 && job["progress"]["stage"] == 1
}

fn reported(job: &Value) -> usize {
    job["progress"]["losses"].as_array().map_or(0, Vec::len)
}

fn notices(job: &Value) -> String {
    job["notices"].to_string()
}

/// The service's worker processes.
fn workers_of(service: &Service) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").expect("there is a /proc").flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let child = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The parent is the second field after the name, which stands in brackets.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        parent == Some(service.pid)
    };
    numbers.filter(child).filter_map(Pid::from_raw).collect()
}

fn signal_workers(service: &Service, signal: Signal) {
    let workers = workers_of(service);
    assert!(!workers.is_empty(), "the service has workers");
    for worker in workers {
        kill_process(worker, signal).expect("the worker is there");
    }
}

/// Stops the workers where none of them is writing to the database: a writer that was stopped would lock everybody out.
async fn stop_workers_between_writes(service: &Service) {
    loop {
        signal_workers(service, Signal::STOP);
        let workers = workers_of(service);
        while !workers.iter().all(|&worker| is_stopped(worker)) {
            tokio::task::yield_now().await;
        }
        if !workers.iter().any(|&worker| is_writing(worker)) {
            return;
        }
        signal_workers(service, Signal::CONT);
        tokio::task::yield_now().await;
    }
}

fn is_stopped(process: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero()));
    status.expect("the worker is there").contains("State:\tT")
}

/// Whether the process holds a lock for writing on any file; SQLite's writers do.
fn is_writing(process: Pid) -> bool {
    let locks = std::fs::read_to_string("/proc/locks").expect("Linux tells who holds which locks");
    let holder = process.as_raw_nonzero().to_string();
    locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).any(|fields| {
        // As in "1: POSIX ADVISORY WRITE 4711 fd:01:123456 120 120".
        fields.contains(&"WRITE") && fields.get(4) == Some(&holder.as_str())
    })
}

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
async fn a_killed_worker_costs_nothing_but_time() {
    let data = tempfile::tempdir().expect("there is room");
    let whole = undisturbed_picture(data.path());
    let service = service(data.path(), "cpu").await;
    let id = id_of(&service.submit(LONG).await).to_owned();
    service.wait_until(&id, in_the_middle).await;
    signal_workers(&service, Signal::KILL);
    let job = service.wait_until_finished(&id).await;
    assert_eq!(job["status"], "succeeded", "{job:#}");
    assert_eq!(job["attempt"], 2);
    assert!(notices(&job).contains("signal: 9"), "{}", notices(&job));
    assert!(!notices(&job).contains("started over"), "{}", notices(&job));
    assert!(result(&service, &job).await == whole, "the picture of a run that nothing disturbed");
}

#[tokio::test]
async fn a_killed_service_goes_on_where_it_was() {
    let data = tempfile::tempdir().expect("there is room");
    let whole = undisturbed_picture(data.path());
    let first = service(data.path(), "cpu").await;
    let id = id_of(&first.submit(LONG).await).to_owned();
    let before = first.wait_until(&id, in_the_middle).await;
    first.kill().await;

    let second = service(data.path(), "cpu").await;
    let job = second.job(&id).await;
    assert!(reported(&job) >= reported(&before), "no reported loss is lost");
    let job = second.wait_until_finished(&id).await;
    assert_eq!(job["status"], "succeeded", "{job:#}");
    assert_eq!(job["attempt"], 2);
    assert!(!notices(&job).contains("started over"), "{}", notices(&job));
    assert!(result(&second, &job).await == whole, "the picture of a run that nothing disturbed");
}

#[tokio::test]
async fn a_service_that_is_asked_to_end_hands_its_job_back() {
    let data = tempfile::tempdir().expect("there is room");
    let whole = undisturbed_picture(data.path());
    let first = service(data.path(), "cpu").await;
    let id = id_of(&first.submit(LONG).await).to_owned();
    first.wait_until(&id, in_the_middle).await;
    assert!(first.stop_gently().await.success());

    // Nobody works here: what is seen is what the worker left behind.
    let idle = Service::start_with(data.path(), |command| {
        command.args(["--role", "api"]);
    })
    .await;
    let job = idle.job(&id).await;
    assert_eq!((&job["status"], &job["attempt"]), (&Value::from("queued"), &Value::from(1)), "{job:#}");
    assert!(idle.stop_gently().await.success());

    let second = service(data.path(), "cpu").await;
    let job = second.wait_until_finished(&id).await;
    assert_eq!(job["status"], "succeeded", "{job:#}");
    assert!(!notices(&job).contains("started over"), "{}", notices(&job));
    assert!(result(&second, &job).await == whole, "the picture of a run that nothing disturbed");
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
async fn a_worker_that_lost_its_lease_changes_nothing() {
    let data = tempfile::tempdir().expect("there is room");
    let whole = undisturbed_picture(data.path());
    let service = service(data.path(), "cpu").await;
    let id = id_of(&service.submit(LONG).await).to_owned();
    service.wait_until(&id, in_the_middle).await;
    stop_workers_between_writes(&service).await;

    // Another worker, on the same stores: once the lease is over it takes the job and finishes it.
    let other = Service::start_with(data.path(), |command| {
        command.args(["--role", "all"]);
        command.env("IMPASTO__WORKERS__DEVICES", "cpu");
        command.env("IMPASTO__WORKERS__LEASE_SECONDS", "2");
    })
    .await;
    other.wait_until(&id, |job| job["attempt"] == 2).await;
    signal_workers(&service, Signal::CONT);
    let job = other.wait_until_finished(&id).await;
    assert_eq!(job["status"], "succeeded", "{job:#}");
    assert_eq!(job["attempt"], 2, "the late worker did not get it back");
    assert!(result(&other, &job).await == whole, "the picture of a run that nothing disturbed");
    assert!(service.stop_gently().await.success(), "the late worker is well");
}
