//! A small proxy before the service, as operators have it: one path of many is the service's.
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

/// What a proxy does with what it passes on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manners {
    /// The path that the service is seen under, such as `/impasto`.
    pub prefix: &'static str,
    /// Whether it leaves the path on, and takes it off otherwise.
    pub leaves_prefix: bool,
    /// Whether it says in `X-Forwarded-Prefix` what it takes off.
    pub tells_prefix: bool,
    /// What becomes of streams of events.
    pub events: Events,
}

/// What becomes of streams of events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Events {
    /// They go through.
    #[default]
    Pass,
    /// They are answered with 503.
    Refuse,
    /// They are held back until they end, which is never.
    Hold,
}

/// A proxy on a port of its own. It is gone when this is dropped.
pub struct Proxy {
    /// Where it listens: `http://127.0.0.1:PORT`.
    pub base_url: String,
    asked: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy before the service at `target`.
    pub async fn start(target: SocketAddr, manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
        let base_url = format!("http://{}", listener.local_addr().expect("it has an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = asked.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let heard = heard.clone();
                // A client or a service that goes away ends a connection, and that is all.
                tokio::spawn(async move { drop(pass_on(client, target, manners, &heard).await) });
            }
        });
        Self { base_url, asked, accepting }
    }

    /// The paths that were asked for, as they came.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Passes on one request and its answer: a connection carries no more.
async fn pass_on(
    mut client: TcpStream,
    target: SocketAddr,
    manners: Manners,
    heard: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let Some((head, rest)) = read_head(&mut client).await? else { return Ok(()) };
    let mut lines = head.split("\r\n");
    let mut request = lines.next().unwrap_or_default().split(' ');
    let (method, path) = (request.next().unwrap_or_default(), request.next().unwrap_or_default());
    heard.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
    let is_events = path.split('?').next().is_some_and(|path| path.ends_with("/events"));
    let own = path.strip_prefix(manners.prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let Some(taken_off) = own else { return refuse(client, "404 Not Found").await };
    if is_events && manners.events == Events::Refuse {
        return refuse(client, "503 Service Unavailable").await;
    }

    let path = if manners.leaves_prefix { path } else { taken_off };
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    for line in lines.filter(|line| !line.to_ascii_lowercase().starts_with("connection:")) {
        head += &format!("{line}\r\n");
    }
    if manners.tells_prefix {
        head += &format!("x-forwarded-prefix: {}\r\n", manners.prefix);
    }
    let mut service = TcpStream::connect(target).await?;
    service.write_all(format!("{head}\r\n").as_bytes()).await?;
    service.write_all(&rest).await?;
    if is_events && manners.events == Events::Hold {
        let Some((head, _)) = read_head(&mut service).await? else { return Ok(()) };
        client.write_all(format!("{head}\r\n\r\n").as_bytes()).await?;
        // What the service says goes nowhere until the client has had enough.
        client.read_u8().await?;
        return Ok(());
    }
    copy_bidirectional(&mut client, &mut service).await?;
    Ok(())
}

/// The head of a message without its empty line, and what came behind it; `None` where nothing came.
async fn read_head(stream: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            bytes.truncate(end);
            return Ok(Some((String::from_utf8_lossy(&bytes).into_owned(), rest)));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

async fn refuse(mut client: TcpStream, status: &str) -> std::io::Result<()> {
    let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await
}
