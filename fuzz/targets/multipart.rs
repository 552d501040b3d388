//! A form that somebody sends to `POST /v1/jobs`, in pieces: the real service answers it, with a problem of the client's.
#![no_main]

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use impasto_jobs::{BlobStore, JobPlace};
use impasto_metrics::Metrics;
use impasto_server::{LimitSettings, Service, Settings, WebhookSettings, run};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use object_store::memory::InMemory;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};
use tokio_util::sync::CancellationToken;

#[derive(Debug, Arbitrary)]
struct Request<'a> {
    /// Bytes that are sent at once; 0 stands for all of them.
    piece: u8,
    /// Bytes of the body that the head promises and that never come.
    missing: bool,
    body: &'a [u8],
}

/// A service that takes no job: its queue has no room, so that it is the same for every request.
struct Served {
    runtime: Runtime,
    addr: SocketAddr,
    _folder: TempDir,
}

static SERVED: LazyLock<Mutex<Served>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build().unwrap();
    let addr = runtime.block_on(async {
        let jobs = JobPlace::File(folder.path().join("jobs.db")).open().await.unwrap();
        let settings = Settings { max_queued: 0, max_pixels: 1 << 18, ..Settings::default() };
        let blobs = BlobStore::on(Arc::new(InMemory::new()));
        let service = Service {
            jobs,
            blobs,
            backbones: Vec::new(),
            precisions: Vec::new(),
            settings,
            webhooks: WebhookSettings::default(),
            // Nobody is asked to come later.
            limits: LimitSettings { requests_a_minute: 0, most_queued: 0, bytes_a_day: 0 },
            metrics: Metrics::new("0").unwrap(),
            redirect_results: false,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(run(listener, service, CancellationToken::new()));
        addr
    });
    Mutex::new(Served { runtime, addr, _folder: folder })
});

fuzz_target!(|request: Request| {
    let served = SERVED.lock().unwrap();
    let answer = served.runtime.block_on(async {
        let answering = answer(served.addr, &request);
        tokio::time::timeout(Duration::from_secs(20), answering).await.expect("an answer in time")
    });
    if request.missing {
        return;
    }
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).unwrap_or_else(|| panic!("{answer}"));
    // 503 is for the form that would make a job.
    assert!(matches!(status, "400" | "413" | "415" | "422" | "503"), "{answer}");
});

/// Sends the form and reads what is answered.
async fn answer(addr: SocketAddr, request: &Request<'_>) -> String {
    let length = request.body.len() + usize::from(request.missing);
    let head = format!(
        "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\
         Content-Type: multipart/form-data; boundary=B\r\n\r\n"
    );
    let mut connection = TcpStream::connect(addr).await.unwrap();
    connection.set_nodelay(true).unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    let piece = if request.piece == 0 { request.body.len().max(1) } else { usize::from(request.piece) };
    for piece in request.body.chunks(piece) {
        // What was refused in the middle may be closed before the rest is sent.
        if connection.write_all(piece).await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    if request.missing {
        _ = connection.shutdown().await;
    }
    let mut answer = Vec::new();
    _ = connection.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}
