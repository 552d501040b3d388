//! The examples, run as they stand against the real service.

mod common;
mod page_support;

use std::{path::Path, process::Stdio};

use common::{
    PATIENCE, Service,
    jobs::{idle_service, painting},
    keys, pictures,
};
use page_support::{Browser, find};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    process::Command,
    time::timeout,
};

/// Where an example stands.
fn example(name: &str) -> String {
    format!("{}/../../examples/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A program that an example is run by, unless it is missing here: which fails the test where `CI` is set.
fn program(name: &str) -> Option<Command> {
    let found = find(name).map(Command::new);
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "the examples need {name}");
        println!("skipped: no {name} found");
    }
    found
}

async fn painting_service(data: &Path, settings: &[(&str, &str)]) -> (Service, String) {
    let service = Service::start_with(data, |command| painting(command, settings)).await;
    (service, keys(data, &["create", "example"]))
}

fn keep_pictures(folder: &Path) {
    std::fs::write(folder.join("photograph.png"), pictures::photograph(96, 72)).unwrap();
    std::fs::write(folder.join("painting.png"), pictures::painting(80, 80)).unwrap();
}

struct Ended {
    success: bool,
    out: String,
    error: String,
}

async fn run(command: &mut Command, folder: &Path) -> Ended {
    command.current_dir(folder).env("no_proxy", "*").stdin(Stdio::null()).kill_on_drop(true);
    let ended = timeout(PATIENCE, command.output()).await.expect("the example ends").expect("the example runs");
    let text = |bytes| String::from_utf8_lossy(bytes).trim_end().to_owned();
    Ended { success: ended.status.success(), out: text(&ended.stdout), error: text(&ended.stderr) }
}

fn size_of(file: &Path) -> (u32, u32) {
    let picture = image::ImageReader::open(file).unwrap().with_guessed_format().unwrap().decode().unwrap();
    (picture.width(), picture.height())
}

#[tokio::test]
async fn the_script_paints_a_picture() {
    let (Some(mut sh), Some(_)) = (program("sh"), program("curl")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (service, key) = painting_service(folder.path(), &[]).await;
    keep_pictures(folder.path());
    sh.arg(example("paint.sh")).env("URL", &service.base_url).env("KEY", key);
    sh.args(["photograph.png", "painting.png", "painted.png", "-F", "stages=32x24:4"]);
    let ended = run(&mut sh, folder.path()).await;
    assert!(ended.success, "{}", ended.error);
    assert_eq!(ended.out, "painted.png");
    assert_eq!(size_of(&folder.path().join("painted.png")), (32, 24));
}

#[tokio::test]
async fn the_script_says_why_nothing_is_painted() {
    let (Some(mut sh), Some(_)) = (program("sh"), program("curl")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let service = idle_service(folder.path()).await;
    keep_pictures(folder.path());
    sh.arg(example("paint.sh")).env("URL", &service.base_url).env_remove("KEY");
    sh.args(["photograph.png", "painting.png", "painted.png", "-F", "size=huge"]);
    let ended = run(&mut sh, folder.path()).await;
    assert!(!ended.success && ended.error.contains("'huge'"), "{}", ended.error);
    assert!(!folder.path().join("painted.png").exists());
}

#[tokio::test]
async fn the_client_paints_a_picture() {
    let Some(mut python) = program("python3") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (service, key) = painting_service(folder.path(), &[]).await;
    keep_pictures(folder.path());
    python.arg(example("client.py")).args(["--url", &service.base_url]).env("IMPASTO_KEY", key);
    python.args(["photograph.png", "painting.png", "painting.png", "-o", "painted.webp", "--format", "webp"]);
    python.args(["stages=32x24:4", "style_weights=2,1"]);
    let ended = run(&mut python, folder.path()).await;
    assert!(ended.success, "{}", ended.error);
    assert!(ended.error.ends_with("succeeded, 100%"), "{}", ended.error);
    assert_eq!(size_of(&folder.path().join("painted.webp")), (32, 24));
}

#[tokio::test]
async fn the_client_says_what_is_wrong_in_a_sentence() {
    let Some(mut python) = program("python3") else { return };
    let folder = tempfile::tempdir().unwrap();
    let service = idle_service(folder.path()).await;
    std::fs::write(folder.path().join("photograph.png"), pictures::photograph(96, 72)).unwrap();
    std::fs::write(folder.path().join("painting.png"), "no picture").unwrap();
    python.arg(example("client.py")).args([
        "--url",
        &service.base_url,
        "photograph.png",
        "painting.png",
        "-o",
        "out.png",
    ]);
    let ended = run(&mut python, folder.path()).await;
    assert!(!ended.success);
    assert!(ended.error.starts_with("A file is not a picture that can be read (style[0]): "), "{}", ended.error);
    assert_eq!(ended.error.lines().count(), 1, "{}", ended.error);
}

/// Serves one page on an origin of its own, until the test ends.
async fn page_of_another_site(page: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = [0; 4096];
            // A browser that goes away wants no answer.
            if connection.read(&mut request).await.is_ok() {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\nconnection: close";
                let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{page}", page.len());
                _ = connection.write_all(answer.as_bytes()).await;
            }
        }
    });
    origin
}

#[tokio::test]
async fn a_page_of_another_site_paints_a_picture() {
    let Some(browser) = Browser::open().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let origin = page_of_another_site(std::fs::read_to_string(example("browser.html")).unwrap()).await;
    let (service, key) = painting_service(folder.path(), &[("SERVER__CORS_ORIGINS", &origin)]).await;
    keep_pictures(folder.path());
    browser.go(&origin).await;
    browser.value_of("document.querySelector('#service').value = document.querySelector('#size').value = ''").await;
    browser.type_into("#service", &service.base_url).await;
    browser.type_into("#size", "32").await;
    for (field, file) in [("#content", "photograph.png"), ("#style", "painting.png")] {
        browser.type_into(field, folder.path().join(file).to_str().unwrap()).await;
    }
    browser.click("button").await;
    browser.when("document.querySelector('#state').textContent.startsWith('A key is needed')").await;
    browser.type_into("#key", &key).await;
    browser.click("button").await;
    browser.when("document.querySelector('#state').textContent === 'finished'").await;
    browser.when("document.querySelector('#picture').naturalWidth === 32").await;
}
