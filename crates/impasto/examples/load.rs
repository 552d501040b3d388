//! Load on a service that this starts itself, on loopback, and what it costs the API's process:
//!
//! ```text
//! cargo build --release
//! cargo run --release -p impasto --example load -- pollers      # a poll of a running job a second each
//! cargo run --release -p impasto --example load -- gzip         # the same by clients that take gzip, as browsers do
//! cargo run --release -p impasto --example load -- floor        # the same of /healthz: what HTTP itself costs
//! cargo run --release -p impasto --example load -- long-polls   # one queued job, wait=15
//! cargo run --release -p impasto --example load -- uploads      # of 9 MB each, all at once
//! ```
//!
//! After the name of the load may stand how many clients there are, and for how many seconds.

use std::{
    fs,
    io::{Cursor, Read as _},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use image::{ImageFormat, RgbImage};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    task::JoinSet,
    time::sleep,
};

#[tokio::main(worker_threads = 1)]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let load = arguments.next().context("name a load: pollers, gzip, floor, long-polls or uploads")?;
    let mut number = |default| arguments.next().map_or(Ok(default), |text| text.parse::<u64>());
    match load.as_str() {
        "pollers" => poll(None, "", number(1000)?, number(30)?).await,
        "gzip" => poll(None, "Accept-Encoding: gzip\r\n", number(1000)?, number(30)?).await,
        "floor" => poll(Some("/healthz"), "", number(1000)?, number(30)?).await,
        "long-polls" => poll_long(number(1000)?, number(30)?).await,
        "uploads" => upload(number(200)?, number(60)?).await,
        other => bail!("there is no load {other}: name pollers, gzip, floor, long-polls or uploads"),
    }
}

/// `impasto serve`, killed when this is dropped.
struct Service {
    process: Child,
    address: String,
    _data: tempfile::TempDir,
}

impl Service {
    fn start(role: &str) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?.with_file_name("../impasto");
        let data = tempfile::tempdir()?;
        let mut process = Command::new(&program)
            .args(["serve", "--addr", "127.0.0.1:0", "--role", role, "--data"])
            .arg(data.path().join("data"))
            .current_dir(data.path())
            // All of its clients come from one address.
            .envs(
                ["REQUESTS_A_MINUTE", "MOST_QUEUED", "BYTES_A_DAY"]
                    .map(|name| (format!("IMPASTO__LIMITS__{name}"), "0")),
            )
            .stdout(Stdio::piped())
            .stderr(fs::File::create(data.path().join("log"))?)
            .spawn()
            .with_context(|| format!("{} cannot be run: build it first", program.display()))?;
        let mut said = String::new();
        let out = process.stdout.as_mut().context("its output is a pipe")?;
        while !said.ends_with('\n') {
            let mut byte = [0];
            ensure!(out.read(&mut byte)? == 1, "the service ended at once");
            said.push(byte[0].into());
        }
        let address = said.trim().strip_prefix("listening on http://").context("it says where it listens")?.to_owned();
        Ok(Self { process, address, _data: data })
    }

    /// Processor time so far, in seconds.
    fn processor_seconds(&self) -> anyhow::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        // utime and stime, in hundredths of a second.
        Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
    }

    /// Memory that it has in use now, in MB.
    fn resident(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("it has a VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0 / 1e6)
    }

    async fn submit(&self, options: &[(&str, &str)]) -> anyhow::Result<String> {
        let mut client = Client::connect(&self.address).await?;
        let answer = client.send(&form(&noise(96, 72)?, &noise(80, 80)?, options)).await?;
        ensure!(answer.status == 202, "{}", String::from_utf8_lossy(&answer.body));
        let job: serde_json::Value = serde_json::from_slice(&answer.body)?;
        Ok(job["id"].as_str().context("a job has an id")?.to_owned())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// One connection, kept alive.
struct Client(BufReader<TcpStream>);

struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Client {
    async fn connect(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    async fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.get_with(path, "").await
    }

    async fn get_with(&mut self, path: &str, header: &str) -> anyhow::Result<Answer> {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n").as_bytes()).await
    }

    async fn send(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.0.write_all(request).await?;
        let mut line = String::new();
        self.0.read_line(&mut line).await?;
        let status = line.split(' ').nth(1).context("the service closed the connection")?.parse()?;
        let mut length = 0;
        loop {
            line.clear();
            self.0.read_line(&mut line).await?;
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await?;
        Ok(Answer { status, body })
    }
}

/// A picture that no format makes small.
fn noise(width: u32, height: u32) -> anyhow::Result<Vec<u8>> {
    let mut rng = fastrand::Rng::with_seed(1);
    let pixels = std::iter::repeat_with(|| rng.u8(..)).take((width * height * 3) as usize).collect();
    let mut file = Cursor::new(Vec::new());
    RgbImage::from_raw(width, height, pixels).context("as many pixels")?.write_to(&mut file, ImageFormat::Png)?;
    Ok(file.into_inner())
}

/// A whole request that submits a job.
fn form(content: &[u8], style: &[u8], options: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file) in [("content", content), ("style", style)] {
        let head = format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.png\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n");
    }
    for (name, value) in options {
        let part = format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    body.extend_from_slice(b"--x--\r\n");
    let head = "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n";
    [format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat()
}

/// A job that runs for as long as anybody looks, and reports about once a second.
const ENDLESS: &[(&str, &str)] = &[("stages", "300x200:20000"), ("report_every", "10")];

/// Polls the job that runs meanwhile, or another path, with one more header if there is one.
async fn poll(path: Option<&str>, header: &'static str, clients: u64, seconds: u64) -> anyhow::Result<()> {
    let service = Service::start("all")?;
    let job = format!("/v1/jobs/{}", service.submit(ENDLESS).await?);
    wait_until_it_runs(&service, &job).await?;
    let path = path.map_or(job, str::to_owned);
    let (before, began) = (service.processor_seconds()?, Instant::now());
    let mut pollers = JoinSet::new();
    for number in 0..clients {
        let (address, path) = (service.address.clone(), path.clone());
        pollers.spawn(async move {
            sleep(Duration::from_micros(number * 1_000_000 / clients)).await;
            let mut client = Client::connect(&address).await?;
            let mut took = Vec::new();
            for _ in 0..seconds {
                let asked = Instant::now();
                let answer = client.get_with(&path, header).await?;
                ensure!(answer.status == 200, "status {}", answer.status);
                took.push(asked.elapsed());
                sleep(Duration::from_secs(1).saturating_sub(asked.elapsed())).await;
            }
            Ok(took)
        });
    }
    let mut took = Vec::new();
    while let Some(poller) = pollers.join_next().await {
        took.extend(poller??);
    }
    took.sort();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    println!("{} polls by {clients} clients: p50 {:.1} ms, p99 {:.1} ms", took.len(), at(0.5), at(0.99));
    tell_cost(&service, before, began)
}

async fn poll_long(clients: u64, seconds: u64) -> anyhow::Result<()> {
    let service = Service::start("all")?;
    let running = format!("/v1/jobs/{}", service.submit(ENDLESS).await?);
    wait_until_it_runs(&service, &running).await?;
    let path = format!("/v1/jobs/{}?wait=15", service.submit(ENDLESS).await?);
    let mut pollers = JoinSet::new();
    for _ in 0..clients {
        let (address, path) = (service.address.clone(), path.clone());
        pollers.spawn(async move {
            let mut client = Client::connect(&address).await?;
            let mut answers = 0;
            let until = Instant::now() + Duration::from_secs(seconds);
            while Instant::now() < until {
                let answer = client.get(&path).await?;
                ensure!(answer.status == 200, "status {}", answer.status);
                answers += 1;
            }
            anyhow::Ok(answers)
        });
    }
    // To connect is no part of waiting.
    sleep(Duration::from_secs(2)).await;
    let (before, began) = (service.processor_seconds()?, Instant::now());
    let mut answers: u64 = 0;
    while let Some(poller) = pollers.join_next().await {
        answers += poller??;
    }
    println!("{clients} long polls of one queued job, answered {answers} times");
    tell_cost(&service, before, began)
}

async fn wait_until_it_runs(service: &Service, path: &str) -> anyhow::Result<()> {
    let mut client = Client::connect(&service.address).await?;
    loop {
        let job: serde_json::Value = serde_json::from_slice(&client.get(path).await?.body)?;
        if job["progress"]["losses"].as_array().is_some_and(|losses| !losses.is_empty()) {
            return Ok(());
        }
        sleep(Duration::from_millis(100)).await;
    }
}

fn tell_cost(service: &Service, before: f64, began: Instant) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    let part = (service.processor_seconds()? - before) / began.elapsed().as_secs_f64() / cores as f64;
    println!("the API's process took {:.2} % of the {cores} cores", part * 100.0);
    Ok(())
}

async fn upload(clients: u64, seconds_after: u64) -> anyhow::Result<()> {
    let service = Service::start("api")?;
    // 9 MB: noise does not shrink.
    let request = Arc::new(form(&noise(1732, 1732)?, &noise(80, 80)?, ENDLESS));
    println!(
        "{clients} uploads of {:.1} MB; at first {:.0} MB in use",
        request.len() as f64 / 1e6,
        service.resident()?
    );
    let began = Instant::now();
    let mut uploads = JoinSet::new();
    for _ in 0..clients {
        let (address, request) = (service.address.clone(), request.clone());
        uploads.spawn(async move { Client::connect(&address).await?.send(&request).await.map(|answer| answer.status) });
    }
    let (mut statuses, mut most) = (Vec::new(), 0f64);
    while !uploads.is_empty() {
        most = most.max(service.resident()?);
        tokio::select! {
            Some(status) = uploads.join_next() => statuses.push(status??),
            () = sleep(Duration::from_millis(20)) => {}
        }
    }
    let accepted = statuses.iter().filter(|&&status| status == 202).count();
    println!("{accepted} accepted, {} refused, in {:.1?}", statuses.len() - accepted, began.elapsed());
    println!("{most:.0} MB in use at the most");
    sleep(Duration::from_secs(seconds_after)).await;
    println!("{:.0} MB in use {seconds_after} seconds later", service.resident()?);
    Ok(())
}
