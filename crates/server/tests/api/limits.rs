//! What one client may have.

use std::{path::PathBuf, time::Duration};

use impasto_jobs::{Client, Scope};
use impasto_picture::Format;
use impasto_server::LimitSettings;
use reqwest::{
    Method, StatusCode,
    multipart::{Form, Part},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    common::{Server, file, header, id_of, picture, png, problem, small_form, until},
    faulty_jobs::Fault,
    keys::{key, with},
};

/// Far longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(30);

const NONE: LimitSettings = LimitSettings { requests_a_minute: 0, most_queued: 0, bytes_a_day: 0 };

#[tokio::test]
async fn a_client_asks_so_often_and_no_more() {
    let server = Server::start_limited(LimitSettings { requests_a_minute: 3, ..NONE }, |_| {}).await;
    for left in [2, 1, 0] {
        let response = server.get("/v1/jobs").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(response.headers(), "ratelimit-policy"), r#""requests";q=3;w=60"#);
        let given = header(response.headers(), "ratelimit");
        assert!(given.starts_with(&format!(r#""requests";r={left};t="#)), "{given}");
    }
    let refused = server.get("/v1/jobs").await;
    let wait: u64 = header(refused.headers(), "retry-after").parse().unwrap();
    assert!((1..=21).contains(&wait), "{wait}");
    assert!(header(refused.headers(), "ratelimit").starts_with(r#""requests";r=0;"#));
    problem(refused, 429, "too-many-requests").await;
    for path in ["/healthz", "/readyz", "/", "/docs"] {
        let response = server.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert!(!response.headers().contains_key("ratelimit"), "{path}");
    }
}

#[tokio::test]
async fn each_key_counts_for_itself() {
    let server = Server::start_limited(LimitSettings { requests_a_minute: 1, ..NONE }, |_| {}).await;
    let keys = [key(&server, "a", &[Scope::Read]).await, key(&server, "b", &[Scope::Read]).await];
    let ask = |key| with(server.request(Method::GET, "/v1/jobs"), key);
    for key in &keys {
        assert_eq!(ask(key).await.status(), StatusCode::OK);
        problem(ask(key).await, 429, "too-many-requests").await;
    }
}

#[tokio::test]
async fn a_client_has_so_many_jobs_waiting_and_no_more() {
    let server = Server::start_limited(LimitSettings { most_queued: 1, ..NONE }, |_| {}).await;
    let keys = [key(&server, "a", &[Scope::Submit]).await, key(&server, "b", &[Scope::Submit]).await];
    let send = |key| with(server.request(Method::POST, "/v1/jobs").multipart(small_form()), key);
    for key in &keys {
        let taken = send(key).await;
        assert_eq!(taken.status(), StatusCode::ACCEPTED);
        assert_eq!(header(taken.headers(), "ratelimit-policy"), r#""queued";q=1;qu="concurrent-requests""#);
        let refused = send(key).await;
        assert!(refused.headers().contains_key("retry-after"));
        assert_eq!(header(refused.headers(), "ratelimit"), r#""queued";r=0"#);
        problem(refused, 429, "quota").await;
    }
}

#[tokio::test]
async fn a_client_uploads_so_much_a_day_and_no_more() {
    const DAY: u64 = 100_000;
    let server = Server::start_limited(LimitSettings { bytes_a_day: DAY, ..NONE }, |_| {}).await;
    let client = Client::at(server.addr.ip());
    let refused = server.submit(Form::new().part("content", file(png(8, 8))).part("nonsense", Part::text("x"))).await;
    problem(refused, 422, "unknown-field").await;
    let counted = async || server.jobs.uploaded_today(&client).await.unwrap();
    let reaches = async |bytes| {
        let reaching = async { while counted().await < bytes {} };
        timeout(PATIENCE, reaching).await.expect("what was sent is counted");
    };
    reaches(1).await;
    assert!(counted().await < 10_000, "a refused form counts, for what it was");

    assert_eq!(server.submit(small_form()).await.status(), StatusCode::ACCEPTED);
    let large = Form::new().part("content", file(vec![0; 200_000])).part("style", file(png(8, 8)));
    let refused = server.submit(large).await;
    assert!(header(refused.headers(), "retry-after").parse::<u64>().unwrap() <= 86_400);
    problem(refused, 429, "quota").await;
    let is_large = |file: &PathBuf| std::fs::metadata(file).is_ok_and(|file| file.len() > 50_000);
    let forgotten = until(|| !server.stored_files().iter().any(is_large));
    timeout(PATIENCE, forgotten).await.expect("nothing is kept of what was refused");
    reaches(DAY).await;
    let refused = server.submit(small_form()).await;
    assert_eq!(header(refused.headers(), "ratelimit-policy"), r#""bytes";q=100000;qu="content-bytes";w=86400"#);
    assert!(header(refused.headers(), "ratelimit").starts_with(r#""bytes";r=0;t="#));
    problem(refused, 429, "quota").await;
    assert_eq!(server.get("/v1/jobs").await.status(), StatusCode::OK, "looking is free");
}

/// Sends the beginning of a form to `server`, and the rest when it is asked for.
async fn begin_upload(server: &Server, bytes: usize) -> (TcpStream, Vec<u8>) {
    let part = "--b\r\ncontent-disposition: form-data; name=\"content\"; filename=\"a.png\"\r\n\r\n";
    let head = format!(
        "POST /v1/jobs HTTP/1.1\r\nhost: {}\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: {}\r\n\r\n",
        server.addr,
        part.len() + bytes
    );
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(format!("{head}{part}").as_bytes()).await.unwrap();
    (stream, vec![0; bytes])
}

#[tokio::test]
async fn uploads_to_several_replicas_share_a_day() {
    const MIB: usize = 1 << 20;
    const DAY: u64 = 12 << 20;
    let limits = LimitSettings { bytes_a_day: DAY, ..NONE };
    let (one, faulty_one) = Server::start_on_faulty_jobs(limits).await;
    let (other, faulty_other) = one.beside_limited(limits).await;
    let uploads = [begin_upload(&one, 30 * MIB).await, begin_upload(&other, 30 * MIB).await];
    let have_begun = until(|| [&faulty_one, &faulty_other].iter().all(|jobs| jobs.asked("uploaded_today") > 0));
    timeout(PATIENCE, have_begun).await.expect("both begin with the whole day before them");
    let sent = uploads.map(|(mut stream, rest)| async move {
        // Whoever is refused is cut off.
        if stream.write_all(&rest).await.is_ok() {
            _ = stream.read(&mut [0; 1024]).await;
        }
    });
    timeout(PATIENCE, futures::future::join_all(sent)).await.expect("both are refused");
    let client = Client::at(one.addr.ip());
    problem(other.submit(small_form()).await, 429, "quota").await;
    for server in [&one, &other] {
        server.shutdown.cancel();
    }
    let (jobs, running) = (one.jobs.clone(), [one.running, other.running]);
    for running in running {
        running.await.unwrap().unwrap();
    }
    let counted = jobs.uploaded_today(&client).await.unwrap();
    // A portion each, and what is read from a connection at once.
    assert!((DAY..DAY + 2 * (5 << 20)).contains(&counted), "{counted}");
}

#[tokio::test]
async fn what_cannot_be_counted_now_counts_here_and_later_everywhere() {
    const DAY: u64 = 100_000;
    let (server, faulty) = Server::start_on_faulty_jobs(LimitSettings { bytes_a_day: DAY, ..NONE }).await;
    let client = Client::at(server.addr.ip());
    let form = || Form::new().part("content", file(vec![0; 60_000]));
    faulty.next("count_uploaded", Fault::Fails, 2);
    problem(server.submit(form()).await, 422, "missing-file").await;
    problem(server.submit(form()).await, 429, "quota").await;
    let reaching = async { while server.jobs.uploaded_today(&client).await.unwrap() < DAY {} };
    timeout(PATIENCE, reaching).await.expect("it is counted");
    assert!(faulty.asked("count_uploaded") > 2);
}

#[tokio::test]
async fn a_result_that_is_copied_counts_as_an_upload() {
    let painted = picture(300, 200);
    let size = painted.encode(Format::Png16).unwrap().len() as u64;
    // Two copies, and the forms that ask for them.
    let limits = LimitSettings { bytes_a_day: 5 * size / 2, ..NONE };
    let server = Server::start_limited(limits, |_| {}).await;
    let id = id_of(&server.finished(&painted).await).to_string();
    let copy = || server.submit(small_form().text("initial_job", id.clone()));
    let client = Client::at(server.addr.ip());
    for copies in 1..=2 {
        assert_eq!(copy().await.status(), StatusCode::ACCEPTED);
        while server.jobs.uploaded_today(&client).await.unwrap() < copies * size {
            tokio::task::yield_now().await;
        }
    }
    let stored = server.stored_files().len();
    problem(copy().await, 429, "quota").await;
    assert_eq!(server.stored_files().len(), stored, "nothing was copied");
}
