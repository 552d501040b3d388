//! Jobs that the tests of the whole service submit, and what becomes of them.

use std::{path::Path, process::Command};

use serde_json::Value;

use super::Service;

/// A job of two stages that takes a few seconds: long enough to be disturbed in its middle.
pub const LONG: &[(&str, &str)] =
    &[("stages", "48x36:40,64x48:12:6"), ("report_every", "3"), ("learning_rate", "0.05")];
/// The shortest job that reports.
pub const SHORT: &[(&str, &str)] = &[("stages", "32x24:4"), ("report_every", "2")];
/// One that nobody waits for to end.
pub const ENDLESS: &[(&str, &str)] = &[("stages", "64x48:20000"), ("report_every", "1")];

/// A service that saves a checkpoint after every epoch, so that hardly anything is done twice, with these settings besides,
/// such as `("WORKERS__LEASE_SECONDS", "2")`.
pub async fn service_with(data: &Path, settings: &[(&str, &str)]) -> Service {
    Service::start_with(data, |command| painting(command, settings)).await
}

/// What `service_with` adds to a service that is started otherwise.
pub fn painting(command: &mut Command, settings: &[(&str, &str)]) {
    let usual = [("WORKERS__DEVICES", "cpu"), ("WORKERS__CHECKPOINT_SECONDS", "0"), ("WORKERS__THREADS", "1")];
    for (name, value) in usual.iter().chain(settings) {
        command.env(format!("IMPASTO__{name}"), value);
    }
}

/// The same with short leases, and a worker for each of these devices.
pub async fn service(data: &Path, devices: &str) -> Service {
    service_with(data, &[("WORKERS__LEASE_SECONDS", "2"), ("WORKERS__DEVICES", devices)]).await
}

/// A service on whose data nobody works: what is seen is what the workers of another left behind.
pub async fn idle_service(data: &Path) -> Service {
    Service::start_with(data, |command| _ = command.args(["--role", "api"])).await
}

/// What a job of these options gives when nothing disturbs it, by the command line's way to the same engine.
pub fn undisturbed_picture(folder: &Path, options: &[(&str, &str)]) -> Vec<u8> {
    let (content, style, output) = (folder.join("content.png"), folder.join("style.png"), folder.join("whole.png"));
    std::fs::write(&content, super::pictures::photograph(96, 72)).expect("it can be written");
    std::fs::write(&style, super::pictures::painting(80, 80)).expect("it can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_impasto"));
    command.arg("stylize").arg("--content").arg(content).arg("--style").arg(style).arg("-o").arg(&output);
    for (name, value) in options {
        command.args([format!("--{}", name.replace('_', "-")), (*value).to_owned()]);
    }
    let ended = command.current_dir(folder).output().expect("the program runs");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    std::fs::read(output).expect("the picture is there")
}

/// The finished picture of a job that succeeded.
pub async fn result(service: &Service, job: &Value) -> Vec<u8> {
    let link = job["links"]["result"].as_str().expect("a job that succeeded links its result");
    let response = service.get(link).await;
    assert_eq!(response.status(), 200);
    response.bytes().await.expect("the picture arrives").to_vec()
}

/// Whether some of the job is done, and much of it is not.
pub fn in_the_middle(job: &Value) -> bool {
    reported(job) >= 3 && job["progress"]["stage"] == 1
}

/// How many losses a job tells of.
pub fn reported(job: &Value) -> usize {
    job["progress"]["losses"].as_array().map_or(0, Vec::len)
}

/// What befell a job.
pub fn notices(job: &Value) -> String {
    job["notices"].to_string()
}
