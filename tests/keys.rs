//! Keys from outside: the command that makes them, and the service that asks for them.

mod common;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use common::{PATIENCE, Service};
use tokio::time::timeout;

fn impasto(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_impasto"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("IMPASTO__")) {
        command.env_remove(name);
    }
    command.args(arguments).arg("--data").arg(data).current_dir(data).stdin(Stdio::null());
    command
}

fn run(data: &Path, arguments: &[&str]) -> Output {
    impasto(data, arguments).output().expect("it starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Kills the process with the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

#[tokio::test]
async fn without_keys_it_is_open_to_its_own_machine_alone() {
    let data = tempfile::tempdir().expect("there is room");
    let anywhere = ["serve", "--role", "api", "--addr", "0.0.0.0:0"];
    let refused = run(data.path(), &anywhere);
    assert!(!refused.status.success());
    let said = text(&refused.stderr);
    assert!(said.contains("impasto keys create") && said.contains("server.open = true"), "{said}");
    assert!(refused.stdout.is_empty(), "it has not listened");

    let listens = |command: &mut Command| {
        let process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut process = Killed(process);
        let mut line = String::new();
        let out = process.0.stdout.take().expect("a pipe");
        BufReader::new(out).read_line(&mut line).expect("it can be read");
        assert!(line.starts_with("listening on http://0.0.0.0:"), "{line}");
        let port = line.trim_end().rsplit(':').next().map(str::to_owned).expect("a port");
        (process, format!("http://127.0.0.1:{port}/v1/jobs"))
    };
    let http = common::client(PATIENCE);
    let (_open, url) = listens(impasto(data.path(), &anywhere).env("IMPASTO__SERVER__OPEN", "true"));
    assert_eq!(http.get(url).send().await.expect("an answer").status(), 200);
    drop(_open);

    assert!(run(data.path(), &["keys", "create", "me"]).status.success());
    let (_closed, url) = listens(&mut impasto(data.path(), &anywhere));
    assert_eq!(http.get(url).send().await.expect("an answer").status(), 401);
}

#[tokio::test]
async fn keys_are_made_listed_and_revoked_while_it_runs() {
    let data = tempfile::tempdir().expect("there is room");
    let service = Service::start_with(data.path(), |command| {
        command.args(["--role", "api"]);
    })
    .await;
    let made = run(data.path(), &["keys", "create", "web team", "--scope", "read"]);
    let (key, said) = (text(&made.stdout), text(&made.stderr));
    assert!(made.status.success(), "{said}");
    let key = key.strip_suffix('\n').expect("one line");
    assert!(key.starts_with("impasto_") && !key.contains(char::is_whitespace), "the key alone: {key}");
    assert!(said.contains("whsec_") && !said.contains(key), "{said}");

    let status = async |key: Option<&str>| {
        let request = service.http.get(service.url("/v1/jobs"));
        let request = key.into_iter().fold(request, |request, key| request.bearer_auth(key));
        request.send().await.expect("the service answers").status()
    };
    let closes = async { while status(None).await != 401 {} };
    timeout(PATIENCE, closes).await.expect("it asks for keys once there is one");
    assert_eq!(status(Some(key)).await, 200);

    let twice = run(data.path(), &["keys", "create", "web team"]);
    assert!(!twice.status.success() && text(&twice.stderr).contains("web team"));
    assert!(!run(data.path(), &["keys", "create", "x", "--scope", "all"]).status.success());
    assert!(!run(data.path(), &["keys", "create", ""]).status.success());
    let listed = text(&run(data.path(), &["keys", "list"]).stdout);
    assert!(listed.contains("web team") && listed.contains("read"), "{listed}");
    assert!(!listed.contains(key.rsplit('_').next().expect("a secret")), "{listed}");

    assert!(run(data.path(), &["keys", "revoke", "web team"]).status.success());
    let closes = async { while status(Some(key)).await != 401 {} };
    timeout(PATIENCE, closes).await.expect("a revoked key opens nothing");
    assert!(text(&run(data.path(), &["keys", "list"]).stdout).contains("revoked"));
    assert!(!run(data.path(), &["keys", "revoke", "nobody"]).status.success());
    assert!(!service.log().contains(key), "no log holds a key");
}

#[tokio::test]
async fn health_asks_where_the_configuration_says() {
    let data = tempfile::tempdir().expect("there is room");
    let service = Service::start_with(data.path(), |command| {
        command.args(["--role", "api"]);
    })
    .await;
    let port = service.base_url.rsplit(':').next().expect("a port");
    let health = |address: &str, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_impasto"));
        command.arg("health").args(arguments).current_dir(data.path()).env("IMPASTO__SERVER__ADDR", address);
        command.output().expect("it starts").status.success()
    };
    assert!(health(&format!("0.0.0.0:{port}"), &[]));
    assert!(!health("127.0.0.1:1", &[]));
    assert!(health("127.0.0.1:1", &["--url", &service.base_url]));
}
