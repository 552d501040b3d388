//! A headless Chromium, driven through chromedriver by the WebDriver protocol.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::{
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Child,
    time::timeout,
};

use crate::common::{PATIENCE, client};

/// What Chromium is called, here and there.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// The last words of the line in which chromedriver says its port.
const ANNOUNCEMENT: &str = "started successfully on port ";

/// Resolves to true as soon as CONDITION holds on the page, or to false after so many milliseconds.
const WHEN: &str = "
    const [patience, done] = arguments;
    const holds = () => Boolean(CONDITION);
    if (holds()) return done(true);
    setTimeout(() => done(false), patience);
    new MutationObserver((_, observer) => {
        if (!holds()) return;
        observer.disconnect();
        done(true);
    }).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
";

/// A window of a browser of its own, with an empty profile. It is gone when this is dropped.
pub struct Browser {
    http: reqwest::Client,
    session: String,
    _driver: Driver,
    _profile: TempDir,
}

impl Browser {
    /// Opens the browser, or says that there is none: which fails the test where `CI` is set.
    pub async fn open() -> Option<Self> {
        let (Some(chromedriver), Some(chromium)) = (find("chromedriver"), BROWSERS.into_iter().find_map(find)) else {
            assert!(std::env::var_os("CI").is_none(), "the tests of the page need chromium and chromedriver");
            println!("skipped: no chromedriver found");
            return None;
        };
        let profile = TempDir::new().expect("a folder for the profile");
        let (driver, port) = Driver::start(&chromedriver).await;
        // chromedriver holds its answer to a wait as long as the page waits, and then some.
        let http = client(PATIENCE * 2);
        let session = format!("http://127.0.0.1:{port}/session");
        let capabilities = json!({"capabilities": {"alwaysMatch": capabilities(&chromium, profile.path())}});
        let opened = send(http.post(&session).json(&capabilities)).await;
        let id = opened["sessionId"].as_str().expect("a session has an id");
        Some(Self { session: format!("{session}/{id}"), http, _driver: driver, _profile: profile })
    }

    /// Goes to `url`.
    pub async fn go(&self, url: &str) {
        self.post("url", json!({ "url": url })).await;
    }

    /// Looks at the page through a window as narrow as a telephone's, in the dark.
    pub async fn look_narrow_and_dark(&self) {
        let metrics = json!({"width": NARROW.0, "height": NARROW.1, "deviceScaleFactor": 1, "mobile": false});
        self.command_browser("Emulation.setDeviceMetricsOverride", metrics).await;
        let dark = json!({"features": [{"name": "prefers-color-scheme", "value": "dark"}]});
        self.command_browser("Emulation.setEmulatedMedia", dark).await;
    }

    /// Loads the page again.
    pub async fn reload(&self) {
        self.post("refresh", json!({})).await;
    }

    /// Types `text` into the element that the CSS selector `selector` finds; into a file input, a file's path.
    pub async fn type_into(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        self.post(&format!("element/{element}/value"), json!({ "text": text })).await;
    }

    /// Clicks on the element that the CSS selector `selector` finds.
    pub async fn click(&self, selector: &str) {
        let element = self.find(selector).await;
        self.post(&format!("element/{element}/click"), json!({})).await;
    }

    async fn find(&self, selector: &str) -> String {
        let found = self.post("element", json!({"using": "css selector", "value": selector})).await;
        let id = found.as_object().and_then(|element| element.values().next()).and_then(Value::as_str);
        id.expect("an element has an id").to_owned()
    }

    /// The value of a JavaScript expression on the page.
    pub async fn value_of(&self, expression: &str) -> Value {
        self.post("execute/sync", json!({"script": format!("return ({expression})"), "args": []})).await
    }

    /// The text of the element that the CSS selector `selector` finds.
    pub async fn text_of(&self, selector: &str) -> String {
        let text = self.value_of(&format!("document.querySelector({}).textContent", json!(selector))).await;
        text.as_str().expect("an element has text").to_owned()
    }

    /// Waits until a JavaScript expression on the page is true.
    pub async fn when(&self, condition: &str) {
        let script = WHEN.replace("CONDITION", condition);
        let patience = PATIENCE.as_millis() as u64;
        let wait = json!({"script": script, "args": [patience]});
        let began = Instant::now();
        let came_true = loop {
            match try_send(self.http.post(format!("{}/execute/async", self.session)).json(&wait)).await {
                Ok(came_true) => break came_true,
                // The page has gone to another in the middle: the wait goes on there.
                Err(problem) if is_of_a_page_that_has_gone(&problem) && began.elapsed() < PATIENCE => {}
                Err(problem) => panic!("chromedriver: {problem:#}"),
            }
        };
        assert!(came_true == true, "it never came true on the page: {condition}");
    }

    /// What the console says from `SEVERE` up, failed requests among it; each message is told once.
    pub async fn console_errors(&self) -> Vec<String> {
        let entries = self.log("browser").await;
        let severe = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        severe.filter_map(|entry| entry["message"].as_str().map(str::to_owned)).collect()
    }

    /// The addresses that the browser asked for; each is told once.
    pub async fn requested_urls(&self) -> Vec<String> {
        let url = |entry: &Value| {
            let event: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let message = &event["message"];
            let is_request = message["method"] == "Network.requestWillBeSent";
            is_request.then(|| message["params"]["request"]["url"].as_str().map(str::to_owned)).flatten()
        };
        self.log("performance").await.iter().filter_map(url).collect()
    }

    async fn log(&self, kind: &str) -> Vec<Value> {
        let entries = self.post("se/log", json!({ "type": kind })).await;
        entries.as_array().expect("a log is a list").clone()
    }

    /// Keeps a picture of the whole page as target/screenshots/`name`.png, where `IMPASTO_SCREENSHOTS` is set.
    pub async fn keep_screenshot(&self, name: &str) {
        if std::env::var_os("IMPASTO_SCREENSHOTS").is_none() {
            return;
        }
        let height = self.value_of("document.documentElement.scrollHeight").await;
        let width = self.value_of("innerWidth").await;
        let whole = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        let shot =
            self.command_browser("Page.captureScreenshot", json!({"captureBeyondViewport": true, "clip": whole})).await;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
        std::fs::create_dir_all(&folder).expect("a folder for screenshots");
        let png = from_base64(shot["data"].as_str().expect("a screenshot is text"));
        std::fs::write(folder.join(format!("{name}.png")), png).expect("the screenshot can be written");
    }

    async fn command_browser(&self, command: &str, parameters: Value) -> Value {
        self.post("goog/cdp/execute", json!({"cmd": command, "params": parameters})).await
    }

    async fn post(&self, command: &str, body: Value) -> Value {
        send(self.http.post(format!("{}/{command}", self.session)).json(&body)).await
    }
}

/// The window's width and height in pixels.
const WINDOW: (u32, u32) = (1280, 900);
/// The same of a telephone's.
const NARROW: (u32, u32) = (360, 740);

fn capabilities(chromium: &Path, profile: &Path) -> Value {
    let arguments = [
        // It ends with its driver, however that ends.
        "--remote-debugging-pipe".to_owned(),
        "--headless".to_owned(),
        "--no-sandbox".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--disable-quic".to_owned(),
        "--no-first-run".to_owned(),
        "--no-proxy-server".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        "--disable-sync".to_owned(),
        format!("--window-size={},{}", WINDOW.0, WINDOW.1),
        format!("--user-data-dir={}", profile.display()),
    ];
    json!({
        "browserName": "chrome",
        "goog:chromeOptions": {"binary": chromium, "args": arguments},
        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        "timeouts": {"script": 2 * PATIENCE.as_millis() as u64},
    })
}

/// What chromedriver says of a script whose page has gone: this, or at once that the time is up.
fn is_of_a_page_that_has_gone(problem: &Value) -> bool {
    let is_unloaded = problem["message"].as_str().is_some_and(|message| message.contains("document unloaded"));
    is_unloaded || problem["error"] == "script timeout"
}

async fn send(request: reqwest::RequestBuilder) -> Value {
    try_send(request).await.unwrap_or_else(|problem| panic!("chromedriver: {problem:#}"))
}

async fn try_send(request: reqwest::RequestBuilder) -> Result<Value, Value> {
    let response = request.send().await.expect("chromedriver answers");
    let is_success = response.status().is_success();
    let mut answer: Value = response.json().await.expect("chromedriver answers in JSON");
    let value = answer["value"].take();
    if is_success { Ok(value) } else { Err(value) }
}

/// A chromedriver. It and what it has started are killed when this is dropped.
struct Driver(Child);

impl Driver {
    async fn start(program: &Path) -> (Self, u16) {
        let mut command = Command::new(program);
        command.arg("--port=0").process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = Self(tokio::process::Command::from(command).spawn().expect("chromedriver starts"));
        let mut lines = BufReader::new(driver.0.stdout.take().expect("standard output is a pipe")).lines();
        let announced = async {
            while let Some(line) = lines.next_line().await.expect("standard output can be read") {
                if let Some((_, port)) = line.split_once(ANNOUNCEMENT) {
                    return port.trim_end_matches('.').parse().expect("a port is a number");
                }
            }
            panic!("chromedriver ended without saying its port");
        };
        let port = timeout(PATIENCE, announced).await.expect("chromedriver says its port");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        (driver, port)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(group) = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            // There is none when all of them have ended already.
            _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Where a program is.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/bin")]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn from_base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits: Vec<_> = text.bytes().filter_map(|byte| DIGITS.iter().position(|&digit| digit == byte)).collect();
    let bytes = digits.chunks(4).flat_map(|four| {
        let bits = four.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - four.len()));
        [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8].into_iter().take(four.len() * 6 / 8)
    });
    bytes.collect()
}
