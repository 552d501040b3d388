//! What an operator's Prometheus is told by the real service, and whether rules and dashboard ask for anything else.

mod common;

use std::{collections::BTreeSet, path::Path, process::Command};

use common::{
    Service, id_of,
    jobs::{ENDLESS, reported, service_with},
    processes::signal_workers,
};
use rustix::process::Signal;
use serde_json::Value;

/// A small job of a few hundred milliseconds that saves checkpoints.
const SKETCH: &[(&str, &str)] = &[("preset", "fast"), ("size", "48")];

/// What `/metrics` says.
struct Numbers(String);

impl Numbers {
    /// As they are told at `address`.
    async fn at(service: &Service, address: &str) -> Self {
        let response = service.http.get(format!("{address}/metrics")).send().await.expect("it answers");
        assert_eq!(response.status(), 200);
        Self(response.text().await.expect("it is text"))
    }

    /// The sum of a series' samples whose labels hold all of `labels`.
    fn sum(&self, series: &str, labels: &[&str]) -> f64 {
        let samples = self.0.lines().filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            let (family, given) = name.split_once('{').unwrap_or((name, ""));
            (family == series && labels.iter().all(|label| given.contains(label))).then(|| value.parse::<f64>())
        });
        samples.map(|value| value.expect("a sample is a number")).sum()
    }

    /// The families that are told, by their declared types.
    fn families(&self) -> BTreeSet<String> {
        let types = self.0.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        types.map(str::to_owned).collect()
    }
}

/// Asks again and again until the numbers are as they should be.
async fn numbers_once(service: &Service, hold: impl Fn(&Numbers) -> bool) -> Numbers {
    numbers_at(service, &service.base_url, hold).await
}

/// The same where numbers are told at another address.
async fn numbers_at(service: &Service, address: &str, hold: impl Fn(&Numbers) -> bool) -> Numbers {
    let asking = async {
        loop {
            let numbers = Numbers::at(service, address).await;
            if hold(&numbers) {
                return numbers;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(common::PATIENCE, asking).await.expect("it came to pass")
}

fn repository(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Every word of `text` that could be the name of a number of ours, without what Prometheus makes of a histogram.
fn names_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    let ours = words.filter(|word| word.starts_with("impasto_") || word.starts_with("process_"));
    let family = |word: &str| {
        let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end));
        histogram.unwrap_or(word).to_owned()
    };
    ours.map(family).collect()
}

/// The numbers in the table of the page for operators.
fn documented() -> BTreeSet<String> {
    let page = repository("docs/operations.md");
    let rows: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next()).collect();
    names_in(&rows.join("\n"))
}

/// The expressions of a dashboard's panels and variables.
fn expressions(dashboard: &Value) -> Vec<String> {
    match dashboard {
        Value::Object(fields) => {
            let own = fields.get("expr").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(fields.values().flat_map(expressions)).collect()
        }
        Value::Array(items) => items.iter().flat_map(expressions).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn a_service_that_has_worked_tells_every_number_that_is_documented() {
    let data = tempfile::tempdir().expect("there is room");
    let service = service_with(data.path(), &[("WORKERS__LEASE_SECONDS", "2")]).await;
    let id = id_of(&service.submit(SKETCH).await).to_owned();
    let job = service.wait_until_finished(&id).await;
    assert_eq!(job["status"], "succeeded", "{job:#}");
    service.get(&format!("/v1/jobs/{id}/result")).await;
    let refused = service.order(b"no picture", &[b"none".to_vec()], &[]).await;
    assert_eq!(refused.status(), 422);

    let numbers =
        numbers_once(&service, |numbers| numbers.sum("impasto_job_run_seconds_count", &["succeeded"]) > 0.0).await;
    let (told, documented) = (numbers.families(), documented());
    let missing: Vec<_> = documented.difference(&told).collect();
    assert!(missing.is_empty(), "documented, and not told: {missing:?}\n{}", numbers.0);

    let reported = job["progress"]["epochs"].as_f64().expect("a number");
    let epochs = numbers.sum("impasto_epochs_total", &[r#"device="cpu""#]);
    assert!(epochs >= reported && epochs == numbers.sum("impasto_epoch_seconds_count", &[]), "{epochs}, {reported}");
    let spent = numbers.sum("impasto_epoch_seconds_sum", &[]);
    let ran = numbers.sum("impasto_job_run_seconds_sum", &[]);
    assert!(0.0 < spent && spent <= ran + 1.0, "{spent} seconds of epochs in a run of {ran}");
    assert_eq!(numbers.sum("impasto_job_queue_wait_seconds_count", &[]), 1.0);
    assert!(numbers.sum("impasto_checkpoint_seconds_count", &[]) >= 1.0, "{}", numbers.0);
    assert!(numbers.sum("impasto_checkpoint_bytes_sum", &[]) > 1000.0);
    assert_eq!(numbers.sum("impasto_jobs", &[r#"status="succeeded""#]), 1.0);
    assert_eq!(numbers.sum("impasto_queue_oldest_age_seconds", &[]), 0.0);
    assert_eq!(numbers.sum("impasto_uploads_refused_total", &[r#"reason="not-a-picture""#]), 1.0);
    assert_eq!(numbers.sum("impasto_workers", &[r#"device="cpu""#, r#"state="up""#]), 1.0);
    assert_eq!(numbers.sum("impasto_worker_restarts_total", &[]), 0.0);
    assert_eq!(numbers.sum("impasto_build_info", &["version"]), 1.0);
    for kind in ["input", "checkpoint", "preview", "result"] {
        let written = numbers.sum("impasto_blob_written_bytes_total", &[&format!("kind=\"{kind}\"")]);
        assert!(written > 100.0, "{kind}: {written}");
    }
    // Read by the API that looked at them, and by the worker.
    assert!(numbers.sum("impasto_blob_read_bytes_total", &[r#"kind="input""#]) > 200.0);
    assert!(numbers.sum("process_resident_memory_bytes", &[]) > 1e6);
    assert!(numbers.sum("process_open_fds", &[]) > 3.0 && numbers.sum("process_start_time_seconds", &[]) > 1.7e9);

    let rules = names_in(&repository("monitoring/prometheus-rules.yml"));
    let dashboard: Value = serde_json::from_str(&repository("monitoring/grafana-dashboard.json")).expect("it is JSON");
    let shown = names_in(&expressions(&dashboard).join("\n"));
    assert!(rules.len() > 5 && shown.len() > 10, "{rules:?} {shown:?}");
    let unknown: Vec<_> = rules.union(&shown).filter(|name| !told.contains(*name)).collect();
    assert!(unknown.is_empty(), "asked for, and never told: {unknown:?}");
}

#[tokio::test]
async fn a_job_that_waits_and_a_worker_that_is_killed_are_seen() {
    let data = tempfile::tempdir().expect("there is room");
    let service = service_with(data.path(), &[("WORKERS__LEASE_SECONDS", "2")]).await;
    let id = id_of(&service.submit(ENDLESS).await).to_owned();
    service.wait_until(&id, |job| reported(job) > 1).await;
    service.submit(SKETCH).await;
    let waiting = numbers_once(&service, |numbers| numbers.sum("impasto_queue_oldest_age_seconds", &[]) > 0.0).await;
    assert_eq!(waiting.sum("impasto_queue_depth", &[]), 1.0);

    signal_workers(&service, Signal::KILL);
    let restarted =
        numbers_once(&service, |numbers| numbers.sum("impasto_worker_restarts_total", &[r#"reason="sigkill""#]) > 0.0);
    assert_eq!(restarted.await.sum("impasto_worker_restarts_total", &[]), 1.0);
    // It is up again with the next one.
    numbers_once(&service, |numbers| numbers.sum("impasto_workers", &[r#"state="up""#]) == 1.0).await;
}

#[tokio::test]
async fn numbers_have_an_address_of_their_own_in_every_role() {
    let data = tempfile::tempdir().expect("there is room");
    let own = [("METRICS__ADDR", "127.0.0.1:0"), ("WORKERS__LEASE_SECONDS", "2")];
    let service = service_with(data.path(), &own).await;
    service.wait_until_logged("metrics at ").await;
    let address = address_in(&service.log());
    numbers_at(&service, &address, |numbers| numbers.sum("impasto_workers", &[]) == 1.0).await;
    assert!(Numbers::at(&service, &address).await.families().contains("impasto_jobs"), "it has an API");
    assert_eq!(service.http.get(format!("{address}/healthz")).send().await.expect("it answers").status(), 200);
    assert_eq!(service.http.get(format!("{address}/v1/jobs")).send().await.expect("it answers").status(), 404);
    assert!(service.stop_gently().await.success());

    // A worker without a supervisor tells what it measures itself.
    let api = common::jobs::idle_service(data.path()).await;
    let mut worker = Command::new(env!("CARGO_BIN_EXE_impasto"));
    worker.args(["worker", "--device", "cpu", "--data"]).arg(data.path()).current_dir(data.path());
    common::jobs::painting(&mut worker, &own);
    let log = data.path().join("worker.log");
    worker.stderr(std::fs::File::create(&log).expect("it can be written"));
    let mut worker = worker.spawn().expect("it starts");
    let id = id_of(&api.submit(SKETCH).await).to_owned();
    api.wait_until_finished(&id).await;
    let address = address_in(&std::fs::read_to_string(log).expect("it can be read"));
    let ended = |numbers: &Numbers| numbers.sum("impasto_job_run_seconds_count", &["succeeded"]) == 1.0;
    let numbers = numbers_at(&api, &address, ended).await;
    assert!(!numbers.families().contains("impasto_jobs"), "the API tells of all jobs: {}", numbers.0);
    worker.kill().expect("it is there");
    worker.wait().expect("it ends");
}

fn address_in(log: &str) -> String {
    let (_, rest) = log.split_once("metrics at ").unwrap_or_else(|| panic!("it says where its metrics are: {log}"));
    rest.split("/metrics").next().expect("there is a first part").to_owned()
}

/// Runs promtool on files of the repository; `None` where there is none.
fn promtool(arguments: &[&str]) -> Option<(bool, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../monitoring");
    let ran = Command::new("promtool").args(arguments).current_dir(folder).output().ok()?;
    let said = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Some((ran.status.success(), said))
}

#[test]
fn prometheus_accepts_the_rules_and_they_fire_when_they_should() {
    for arguments in [["check", "rules", "prometheus-rules.yml"], ["test", "rules", "prometheus-rules-test.yml"]] {
        let Some((accepted, said)) = promtool(&arguments) else {
            return println!("SKIPPED: this machine has no promtool");
        };
        assert!(accepted, "{said}");
    }
}

#[test]
fn prometheus_can_read_every_expression_of_the_dashboard() {
    let dashboard: Value = serde_json::from_str(&repository("monitoring/grafana-dashboard.json")).expect("it is JSON");
    let mut rules = "groups:\n- name: dashboard\n  rules:\n".to_owned();
    for (number, expression) in expressions(&dashboard).iter().enumerate() {
        let expression = expression.replace("$__rate_interval", "5m").replace("$job", "impasto");
        rules += &format!("  - record: panel:{number}\n    expr: {}\n", Value::from(expression));
    }
    let folder = tempfile::tempdir().expect("there is room");
    let file = folder.path().join("dashboard.yml");
    std::fs::write(&file, rules).expect("it can be written");
    let Some((accepted, said)) = promtool(&["check", "rules", &file.to_string_lossy()]) else {
        return println!("SKIPPED: this machine has no promtool");
    };
    assert!(accepted, "{said}");
}
