//! What ARCHITECTURE.md promises of everything that can die or fail, held against real processes.

mod common;

use std::path::Path;

use common::{
    Service, id_of,
    jobs::{
        ENDLESS, LONG, SHORT, idle_service, in_the_middle, notices, painting, reported, result, service, service_with,
        undisturbed_picture,
    },
    processes::{signal_workers, stop_workers_between_writes, workers_of},
};
use rustix::process::{Signal, test_kill_process};
use serde_json::Value;

#[tokio::test]
async fn a_killed_worker_costs_nothing_but_time() {
    let data = tempfile::tempdir().expect("there is room");
    let whole = undisturbed_picture(data.path(), LONG);
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
    let whole = undisturbed_picture(data.path(), LONG);
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
    let whole = undisturbed_picture(data.path(), LONG);
    let first = service(data.path(), "cpu").await;
    let id = id_of(&first.submit(LONG).await).to_owned();
    first.wait_until(&id, in_the_middle).await;
    assert!(first.stop_gently().await.success());

    let idle = idle_service(data.path()).await;
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
async fn a_worker_that_lost_its_lease_changes_nothing() {
    let data = tempfile::tempdir().expect("there is room");
    let whole = undisturbed_picture(data.path(), LONG);
    let service = service(data.path(), "cpu").await;
    let id = id_of(&service.submit(LONG).await).to_owned();
    service.wait_until(&id, in_the_middle).await;
    // Its supervisor, which would end it and start another, is stopped as well, as on a machine that is suspended.
    service.signal(Signal::STOP);
    stop_workers_between_writes(&service).await;

    // Another worker, on the same stores: once the lease is over it takes the job and finishes it.
    let other = common::jobs::service(data.path(), "cpu").await;
    other.wait_until(&id, |job| job["attempt"] == 2).await;
    service.signal(Signal::CONT);
    signal_workers(&service, Signal::CONT);
    let job = other.wait_until_finished(&id).await;
    assert_eq!(job["status"], "succeeded", "{job:#}");
    assert_eq!(job["attempt"], 2, "the late worker did not get it back");
    assert!(result(&other, &job).await == whole, "the picture of a run that nothing disturbed");
    assert!(service.stop_gently().await.success(), "the late worker is well");
}

async fn status_of_an_order(service: &Service) -> reqwest::StatusCode {
    let (content, styles) = (common::pictures::photograph(96, 72), [common::pictures::painting(80, 80)]);
    service.order(&content, &styles, SHORT).await.status()
}

/// A service whose workers' leases outlast any test.
async fn service_with_long_leases(data: &Path) -> Service {
    service_with(data, &[("WORKERS__LEASE_SECONDS", "3600")]).await
}

#[tokio::test]
async fn a_service_that_starts_again_knows_its_dead_workers_at_once() {
    let data = tempfile::tempdir().expect("there is room");
    let first = service_with_long_leases(data.path()).await;
    let id = id_of(&first.submit(LONG).await).to_owned();
    first.wait_until(&id, in_the_middle).await;
    first.kill().await;
    let second = service_with_long_leases(data.path()).await;
    let job = second.wait_until_finished(&id).await;
    assert_eq!((&job["status"], &job["attempt"]), (&Value::from("succeeded"), &Value::from(2)), "{job:#}");
    assert!(notices(&job).contains("is dead"), "{}", notices(&job));
}

#[tokio::test]
async fn a_worker_that_hangs_is_killed_and_its_job_goes_on() {
    let data = tempfile::tempdir().expect("there is room");
    let service = service(data.path(), "cpu").await;
    let id = id_of(&service.submit(LONG).await).to_owned();
    service.wait_until(&id, in_the_middle).await;
    let hung = workers_of(&service);
    stop_workers_between_writes(&service).await;
    let job = service.wait_until_finished(&id).await;
    assert_eq!((&job["status"], &job["attempt"]), (&Value::from("succeeded"), &Value::from(2)), "{job:#}");
    assert!(hung.iter().all(|&worker| test_kill_process(worker).is_err()), "the hung worker is gone");
    let next = id_of(&service.submit(SHORT).await).to_owned();
    assert_eq!(service.wait_until_finished(&next).await["status"], "succeeded");
}

#[tokio::test]
async fn a_job_whose_device_hangs_fails_after_so_many_workers() {
    let data = tempfile::tempdir().expect("there is room");
    let service = service_with(data.path(), &[("WORKERS__STALL_SECONDS", "1"), ("WORKERS__MOST_CRASHES", "2")]).await;
    // An epoch of a picture of this size takes many times longer than a second.
    let hangs = [("stages", "1600x1200:9"), ("objective", "published")];
    let id = id_of(&service.submit(&hangs).await).to_owned();
    let job = service.wait_until_finished(&id).await;
    assert_eq!((&job["status"], &job["attempt"]), (&Value::from("failed"), &Value::from(2)), "{job:#}");
    assert_eq!(job["error"]["kind"], "worker_crashed");
    let message = job["error"]["message"].as_str().expect("a message");
    assert!(message.contains("2 times") && message.contains("the device hangs"), "{message}");
    assert!(message.contains("SIGABRT"), "it ended for certain: {message}");
}

#[tokio::test]
async fn workers_outlive_their_supervisor_only_to_hand_their_jobs_back() {
    let data = tempfile::tempdir().expect("there is room");
    let whole = undisturbed_picture(data.path(), LONG);
    let first = service_with_long_leases(data.path()).await;
    let id = id_of(&first.submit(LONG).await).to_owned();
    first.wait_until(&id, in_the_middle).await;
    let workers = workers_of(&first);
    first.signal(Signal::KILL);
    let idle = idle_service(data.path()).await;
    let job = idle.wait_until(&id, |job| job["status"] == "queued").await;
    assert!(notices(&job).contains("asked to end"), "{}", notices(&job));
    for worker in workers {
        while test_kill_process(worker).is_ok() {
            tokio::task::yield_now().await;
        }
    }
    assert!(idle.stop_gently().await.success());
    let second = service(data.path(), "cpu").await;
    let job = second.wait_until_finished(&id).await;
    assert!(result(&second, &job).await == whole, "the picture of a run that nothing disturbed");
}

#[tokio::test]
async fn a_signal_to_all_processes_is_one_wish_to_end() {
    let data = tempfile::tempdir().expect("there is room");
    let first = service_with_long_leases(data.path()).await;
    let id = id_of(&first.submit(LONG).await).to_owned();
    first.wait_until(&id, in_the_middle).await;
    first.signal_all(Signal::INT);
    assert!(first.ended().await.success());
    let idle = idle_service(data.path()).await;
    let job = idle.job(&id).await;
    assert_eq!(job["status"], "queued", "{job:#}");
    assert!(notices(&job).contains("asked to end"), "it was handed back: {}", notices(&job));
}

#[tokio::test]
async fn a_second_signal_ends_the_service_and_its_workers_at_once() {
    let data = tempfile::tempdir().expect("there is room");
    let first = service_with_long_leases(data.path()).await;
    // Its epochs take so long that no worker could end in good order meanwhile.
    let slow = [("stages", "1600x1200:9"), ("objective", "published")];
    let id = id_of(&first.submit(&slow).await).to_owned();
    first.wait_until(&id, |job| job["status"] == "running").await;
    let workers = workers_of(&first);
    first.signal(Signal::TERM);
    first.wait_until_logged("asked to end").await;
    first.signal(Signal::TERM);
    assert!(!first.ended().await.success());
    for worker in workers {
        while test_kill_process(worker).is_ok() {
            tokio::task::yield_now().await;
        }
    }
    let second = idle_service(data.path()).await;
    second.wait_until(&id, |job| job["status"] == "queued").await;
}

#[tokio::test]
async fn storage_that_fails_is_waited_for_and_blames_nobody() {
    let data = tempfile::tempdir().expect("there is room");
    let whole = undisturbed_picture(data.path(), LONG);
    let service = service_with(data.path(), &[("WORKERS__STORAGE_SECONDS", "1"), ("WORKERS__MOST_CRASHES", "1")]).await;
    let id = id_of(&service.submit(LONG).await).to_owned();
    service.wait_until(&id, in_the_middle).await;
    // A file in the place of the folder: nothing can be read or written under it.
    let (blobs, away) = (data.path().join("blobs"), data.path().join("away"));
    std::fs::rename(&blobs, &away).expect("it can be moved");
    std::fs::write(&blobs, "").expect("it can be written");
    // The readiness of a second ago may be told once more.
    while service.get("/readyz").await.status() != 503 {
        tokio::task::yield_now().await;
    }
    assert_eq!(status_of_an_order(&service).await, 503);
    assert_eq!(service.get("/healthz").await.status(), 200);
    let job = service.wait_until(&id, |job| notices(job).contains("could not reach the stores")).await;
    assert_ne!(job["status"], "failed", "{job:#}");
    std::fs::remove_file(&blobs).expect("it can be removed");
    std::fs::rename(&away, &blobs).expect("it can be moved back");

    let job = service.wait_until_finished(&id).await;
    assert_eq!(job["status"], "succeeded", "{job:#}");
    assert!(!notices(&job).contains("started over"), "{}", notices(&job));
    assert!(result(&service, &job).await == whole, "the picture of a run that nothing disturbed");
    while service.get("/readyz").await.status() != 200 {
        tokio::task::yield_now().await;
    }
    let next = id_of(&service.submit(SHORT).await).to_owned();
    assert_eq!(service.wait_until_finished(&next).await["status"], "succeeded");
}

#[tokio::test]
async fn a_full_disk_is_waited_for() {
    let data = tempfile::tempdir().expect("there is room");
    let whole = undisturbed_picture(data.path(), LONG);
    let started =
        Service::start_on_small_disk(data.path(), 8, |command| painting(command, &[("WORKERS__MOST_CRASHES", "1")]));
    let Some(service) = started.await else {
        return println!("SKIPPED: this machine lets nobody mount a disk in a namespace of his own");
    };
    let id = id_of(&service.submit(LONG).await).to_owned();
    service.wait_until(&id, in_the_middle).await;
    let fill = service.own_view_of(data.path()).join("fill");
    let mut file = std::fs::File::create(&fill).expect("there is room for the name");
    let mut leave_no_room = || while std::io::Write::write_all(&mut file, &[0; 1024]).is_ok() {};
    leave_no_room();
    while service.get("/readyz").await.status() != 503 {
        tokio::task::yield_now().await;
    }
    assert_eq!(status_of_an_order(&service).await, 503);
    // What the worker deletes of its own makes room again.
    let filling = async {
        while !service.log().contains("the stores failed") {
            leave_no_room();
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(common::PATIENCE, filling).await.expect("the worker meets the full disk");
    // As long as it is open, a file that is removed takes its room.
    drop(file);
    std::fs::remove_file(&fill).expect("it can be removed");

    let job = service.wait_until_finished(&id).await;
    assert_eq!(job["status"], "succeeded", "{job:#}");
    assert!(result(&service, &job).await == whole, "the picture of a run that nothing disturbed");
    while service.get("/readyz").await.status() != 200 {
        tokio::task::yield_now().await;
    }
    let next = id_of(&service.submit(SHORT).await).to_owned();
    assert_eq!(service.wait_until_finished(&next).await["status"], "succeeded");
}

#[tokio::test]
async fn a_running_job_that_nobody_can_be_blamed_for_keeps_running() {
    let data = tempfile::tempdir().expect("there is room");
    let service = service(data.path(), "cpu").await;
    let id = id_of(&service.submit(ENDLESS).await).to_owned();
    let before = service.wait_until(&id, |job| reported(job) > 1).await;
    // The whole machine is suspended for longer than a lease.
    service.signal(Signal::STOP);
    stop_workers_between_writes(&service).await;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    service.signal(Signal::CONT);
    signal_workers(&service, Signal::CONT);
    let job = service.wait_until(&id, |job| reported(job) > reported(&before) + 2).await;
    assert_eq!((&job["attempt"], reported(&job) > 0), (&Value::from(1), true), "{job:#}");
    assert_eq!(notices(&job), "[]");
}
