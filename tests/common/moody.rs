//! A proxy before a store that speaks HTTP, which now and then does what networks and busy stores do.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What happens to requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// They go through.
    Fine,
    /// They are refused with this status, so often, and then go through.
    Refuses(&'static str, u32),
    /// They go through, and their answers are lost, so often.
    LosesAnswers(u32),
}

/// What `SlowDown` is called on the wire.
pub const SLOW_DOWN: &str = "503 Slow Down";

/// A proxy on a port of its own. It is gone when this is dropped.
pub struct Moody {
    /// Where it listens: `http://127.0.0.1:PORT`.
    pub base_url: String,
    shared: Arc<Mutex<Shared>>,
    accepting: JoinHandle<()>,
}

struct Shared {
    mood: Mood,
    /// The first lines of what was asked, as it came.
    asked: Vec<String>,
}

impl Moody {
    /// Starts a proxy before the server at `target`, such as `http://127.0.0.1:80`.
    pub async fn before(target: &str) -> Self {
        let target: SocketAddr = target.trim_start_matches("http://").parse().expect("it is an address");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
        let base_url = format!("http://{}", listener.local_addr().expect("it has an address"));
        let shared = Arc::new(Mutex::new(Shared { mood: Mood::Fine, asked: Vec::new() }));
        let own = shared.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let own = own.clone();
                // Whoever goes away ends a connection, and that is all.
                tokio::spawn(async move { drop(answer(client, target, &own).await) });
            }
        });
        Self { base_url, shared, accepting }
    }

    /// From now on this happens.
    pub fn is(&self, mood: Mood) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).mood = mood;
    }

    /// What was asked since somebody last wanted to know: method and path.
    pub fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner).asked)
    }
}

impl Drop for Moody {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Answers one request: a connection carries no more.
async fn answer(mut client: TcpStream, target: SocketAddr, shared: &Mutex<Shared>) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let head_ends = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_ends]).into_owned();
    let rest = bytes.split_off(head_ends + 4);
    let mood = {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let request = head.lines().next().unwrap_or_default();
        shared.asked.push(request.trim_end_matches(" HTTP/1.1").to_owned());
        let mood = shared.mood;
        shared.mood = match mood {
            Mood::Refuses(status, times) if times > 1 => Mood::Refuses(status, times - 1),
            Mood::LosesAnswers(times) if times > 1 => Mood::LosesAnswers(times - 1),
            _ => Mood::Fine,
        };
        mood
    };
    if let Mood::Refuses(status, _) = mood {
        drain(&mut client, &head, rest.len()).await?;
        let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        client.write_all(answer.as_bytes()).await?;
        return client.shutdown().await;
    }
    let mut server = TcpStream::connect(target).await?;
    let lines = head.split("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let head: String = lines.map(|line| format!("{line}\r\n")).collect();
    server.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).await?;
    server.write_all(&rest).await?;
    if matches!(mood, Mood::LosesAnswers(_)) {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        let mut lost = Vec::new();
        tokio::select! {
            _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
            // All of it, so that the server has surely done it.
            read = from_server.read_to_end(&mut lost) => drop(read?),
        }
        return to_client.shutdown().await;
    }
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// Takes the body of a request that is refused: who is still sending hears of no answer.
async fn drain(client: &mut TcpStream, head: &str, read: usize) -> std::io::Result<()> {
    let lengths =
        head.lines().filter_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_owned));
    let length = lengths.filter_map(|length| length.trim().parse::<u64>().ok()).next().unwrap_or(0);
    let mut body = client.take(length.saturating_sub(read as u64));
    tokio::io::copy(&mut body, &mut tokio::io::sink()).await.map(drop)
}
