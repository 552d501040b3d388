//! The command line, as a person in a shell sees it.

mod common;

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

fn impasto(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_impasto"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("IMPASTO__")) {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(folder).output().expect("the program runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn folder_with_pictures() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("there is room");
    std::fs::write(folder.path().join("a.png"), common::pictures::photograph(60, 40)).expect("it can be written");
    std::fs::write(folder.path().join("b.png"), common::pictures::painting(40, 50)).expect("it can be written");
    std::fs::write(folder.path().join("c.png"), common::pictures::painting(30, 20)).expect("it can be written");
    folder
}

#[test]
fn losses_are_printed_key_for_key_as_the_reference_prints_them() {
    let folder = folder_with_pictures();
    let arguments = "stylize --content a.png --style b.png --style c.png --style-weights 2,1 -o out.webp --stages 24x16:3,48x32:2 \
         --report-every 2 --losses json --threads 1";
    let output = impasto(folder.path(), &arguments.split_whitespace().collect::<Vec<_>>());
    let lines: Vec<Value> =
        printed(&output).lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect();
    let places: Vec<_> = lines.iter().map(|line| (line["stage"].as_u64(), line["epoch"].as_u64())).collect();
    assert_eq!(places, [(Some(1), Some(2)), (Some(1), Some(3)), (Some(2), Some(2))]);
    let keys = ["stage", "epoch", "content", "style", "tv", "total", "learning_rate", "seconds_per_epoch"];
    for line in &lines {
        let object = line.as_object().expect("an object");
        assert_eq!(object.len(), keys.len());
        assert!(keys.iter().all(|key| object[*key].is_number()), "{line}");
    }
    let picture = image::open(folder.path().join("out.webp")).expect("the result is a picture");
    assert_eq!((picture.width(), picture.height()), (48, 32));
}

#[test]
fn mistakes_are_named_before_any_work_is_done() {
    let folder = folder_with_pictures();
    std::fs::write(folder.path().join("note.txt"), "no picture").expect("it can be written");
    for (arguments, says) in [
        ("--content a.png --style b.png -o out.gif", "out.gif: name the result .png, .jpg, .webp or .tiff"),
        ("--content a.png --style b.png -o nowhere/out.png", "there is no folder nowhere"),
        ("--content missing.png --style b.png -o out.png", "missing.png cannot be read"),
        ("--content a.png --style note.txt -o out.png", "note.txt: this is no picture"),
        ("--content a.png --style b.png -o out.png --size 20", "--size: stage 1 would be"),
        ("--content a.png --style b.png -o out.png --style-weights 1,2", "--style-weights: 2 weights for 1 style"),
        ("--content a.png --style b.png -o out.png --preset oil", "--preset: 'oil' is not one of paint, classic, fast"),
        ("--content a.png --style b.png -o out.png --precision tf32 --device cpu", "cpu does not compute in tf32"),
        ("--content a.png --style b.png -o out.png --device cuda:7", "cuda:7 cannot be used"),
        ("--content a.png --style b.png -o out.png --backbone vgg19", "impasto weights fetch"),
    ] {
        let arguments: Vec<_> = ["stylize"].into_iter().chain(arguments.split_whitespace()).collect();
        let output = impasto(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(said(&output).contains(says), "{arguments:?}: {}", said(&output));
        assert_eq!(said(&output).lines().count(), 1, "one line: {}", said(&output));
    }
}

#[test]
fn an_unknown_setting_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("there is room");
    std::fs::write(folder.path().join("my.toml"), "[server]\nadress = \"127.0.0.1:1\"").expect("it can be written");
    let output = impasto(folder.path(), &["serve", "--config", "my.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("adress"), "{}", said(&output));
    let output = impasto(folder.path(), &["serve", "--config", "none.toml"]);
    assert!(said(&output).contains("none.toml"), "{}", said(&output));
}

#[test]
fn the_description_of_the_api_is_the_one_in_the_repository() {
    let folder = tempfile::tempdir().expect("there is room");
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.yaml");
    let committed = std::fs::read_to_string(repository).expect("it is in the repository");
    assert!(printed(&impasto(folder.path(), &["openapi"])) == committed, "run: impasto openapi > openapi.yaml");
}

#[test]
fn weights_are_listed_and_checked() {
    let folder = tempfile::tempdir().expect("there is room");
    let listed = printed(&impasto(folder.path(), &["weights", "list"]));
    assert!(listed.contains("vgg16") && listed.contains("built in"), "{listed}");
    assert!(listed.contains("vgg19"), "{listed}");

    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/vgg16.safetensors");
    let file = repository.to_str().expect("a path in UTF-8");
    let checked = printed(&impasto(folder.path(), &["weights", "check", file]));
    assert!(checked.contains("vgg16"), "{checked}");

    std::fs::write(folder.path().join("broken.safetensors"), b"garbage").expect("it can be written");
    let output = impasto(folder.path(), &["weights", "check", "broken.safetensors"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("broken.safetensors"), "{}", said(&output));
}

#[test]
fn bench_prints_an_object_a_size() {
    let folder = tempfile::tempdir().expect("there is room");
    let arguments = ["bench", "--json", "--sizes", "24x16,32x32", "--epochs", "3", "--threads", "1"];
    let output = printed(&impasto(folder.path(), &arguments));
    let objects: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(objects.iter().map(|object| &object["size"]).collect::<Vec<_>>(), ["24x16", "32x32"]);
    for number in ["seconds_per_epoch", "gflop_per_second", "share_of_peak", "peak_memory_bytes"] {
        assert!(objects.iter().all(|object| object[number].as_f64() > Some(0.0)), "{number}: {output}");
    }
}

#[tokio::test]
async fn health_asks_the_service() {
    let folder = tempfile::tempdir().expect("there is room");
    let service = common::Service::start_with(folder.path(), |command| {
        command.args(["--role", "api"]);
    })
    .await;
    let url = service.base_url.clone();
    let healthy = tokio::task::spawn_blocking({
        let folder = folder.path().to_owned();
        move || impasto(&folder, &["health", "--url", &url]).status
    });
    assert!(healthy.await.expect("it ran").success());
    let unhealthy = impasto(folder.path(), &["health", "--url", "http://127.0.0.1:9"]);
    assert_eq!(unhealthy.status.code(), Some(1));
    assert!(said(&unhealthy).contains("not ready"), "{}", said(&unhealthy));
}

#[tokio::test]
async fn logs_are_json_when_asked() {
    let folder = tempfile::tempdir().expect("there is room");
    let service = common::Service::start_with(folder.path(), |command| {
        command.args(["--role", "api"]).env("IMPASTO__LOG__FORMAT", "json");
    })
    .await;
    service.get("/healthz").await;
    let log = service.log();
    assert!(!log.is_empty());
    for line in log.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("a JSON object a line: {line}"));
    }
}
